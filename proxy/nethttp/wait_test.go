package nethttp_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// waiting is a front of a pool with a waiting page, whose backend has not passed a check yet.
type waiting struct {
	core    *proxy.Core
	front   *nethttp.Front
	backend containers.Backend
	server  *httptest.Server
}

func startWaiting(t *testing.T) *waiting {
	t.Helper()
	w := &waiting{core: proxy.New(proxy.Options{Logger: zerolog.Nop()})}
	w.backend = fronttest.Spec("a", fronttest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }))
	conf := fronttest.Settings()
	conf.Scale.Max, conf.Scale.WaitPage = 3, true
	w.core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{Name: "default", Settings: conf, Backends: []containers.Backend{w.backend}}}})
	w.core.SetOutlook("default", proxy.Outlook{Coming: true, In: 10 * time.Second})
	w.front = nethttp.New(w.core, nethttp.Options{Logger: zerolog.Nop()})
	w.server = httptest.NewServer(w.front.Waits(func(_, path string) *proxy.Pool {
		if strings.HasPrefix(path, "/shop") {
			return w.core.Pool("default")
		}
		return nil
	}, w.front.Handler("default", "")))
	t.Cleanup(func() {
		w.server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), fronttest.Patience)
		defer cancel()
		if err := w.front.Drain(ctx); err != nil {
			t.Errorf("Drain() = %v", err)
		}
	})
	return w
}

// follow opens the stream of a path.
func (w *waiting) follow(t *testing.T, path string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	resp, err := w.server.Client().Get(w.server.URL + proxy.WaitPath + "?path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewScanner(resp.Body)
}

// event returns the data of the next event; empty at the end of the stream.
func event(lines *bufio.Scanner) string {
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			return data
		}
	}
	return ""
}

func TestFront_waiting_page_is_told_when_a_backend_is_ready(t *testing.T) {
	w := startWaiting(t)
	resp, lines := w.follow(t, "/shop/cart")
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("GET %s = %d, %s, want a stream of events", proxy.WaitPath, resp.StatusCode, got)
	}
	if got := event(lines); !strings.HasPrefix(got, `{"ready":false,"waiting":1,"seconds":`) {
		t.Errorf("first event = %s, want it not ready, and one who waits", got)
	}
	w.core.SetHealth(w.backend.Identity, true, "")
	last := ""
	for got := event(lines); got != ""; got = event(lines) { // The seconds may have changed before.
		last = got
	}
	if !strings.HasPrefix(last, `{"ready":true,`) {
		t.Errorf("last event = %s, want it ready, and the end of the stream", last)
	}
}

func TestFront_waiting_page_ends_with_quiet(t *testing.T) {
	w := startWaiting(t)
	_, lines := w.follow(t, "/shop")
	if event(lines) == "" {
		t.Fatal("no event")
	}
	w.front.Quiet()
	for event(lines) != "" {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream ended with %v, want its end", err)
	}
}

func TestFront_waiting_page_only_of_pools_that_have_one(t *testing.T) {
	w := startWaiting(t)
	if resp, _ := w.follow(t, "/other"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a path without a pool: %d, want 404", resp.StatusCode)
	}
	resp, err := w.server.Client().Get(w.server.URL + proxy.WaitScriptPath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(text) != string(proxy.WaitScript()) {
		t.Errorf("the script: %d, %v, %q", resp.StatusCode, err, text)
	}
}
