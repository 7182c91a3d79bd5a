package events

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is a client's.
type stream struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Scanner
}

// open begins a stream, and returns when it stands.
func open(t *testing.T, url, last string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-Id", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	s := &stream{t: t, resp: resp, lines: bufio.NewScanner(resp.Body)}
	if got := s.next(); got != "retry: 1000" {
		t.Fatalf("the stream begins with %q, want a retry", got)
	}
	return s
}

// next is the next block, its lines joined by "|"; "end" if there is none.
func (s *stream) next() string {
	var block []string
	for s.lines.Scan() {
		if s.lines.Text() == "" {
			return strings.Join(block, "|")
		}
		block = append(block, s.lines.Text())
	}
	return "end"
}

func serve(t *testing.T, h *Hub) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(h.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s.URL
}

func TestHub(t *testing.T) {
	h := New()
	url := serve(t, h)
	h.Publish("backend", "before") // Nobody asked for it.
	one, two := open(t, url, ""), open(t, url, "")
	h.Publish("backend", map[string]any{"to": "a -> b\n"})
	h.Publish("decision", 7)
	var last string
	for _, s := range []*stream{one, two} {
		for i, want := range []string{`event: backend|data: {"to":"a -> b\n"}`, "event: decision|data: 7"} {
			id, got, _ := strings.Cut(s.next(), "|")
			if got != want || !strings.HasPrefix(id, "id: ") || !strings.HasSuffix(id, fmt.Sprint("-", i+2)) {
				t.Errorf("event %d = %q %q, want %q", i, id, got, want)
			}
			if i == 0 {
				last = strings.TrimPrefix(id, "id: ")
			}
		}
	}
	if k := one.resp.Header.Get("Content-Type"); k != "text/event-stream" || one.resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v, want a stream of events that is not kept", one.resp.Header)
	}
	if got := open(t, url, last).next(); !strings.HasSuffix(got, "|event: decision|data: 7") {
		t.Errorf("who comes back is told %q first, want what came since", got)
	}
	if got := open(t, url, "another-5").next(); !strings.HasSuffix(got, `|event: backend|data: "before"`) {
		t.Errorf("who comes from another Ballast is told %q first, want all that is known", got)
	}
}

func TestHub_keeps_a_bounded_past(t *testing.T) {
	h := New()
	for i := range 3 * kept {
		h.Publish("n", i)
	}
	url := serve(t, h)
	if got := open(t, url, "another-5").next(); !strings.HasSuffix(got, fmt.Sprint("|data: ", 2*kept)) {
		t.Errorf("first of the past = %q, want the last %d", got, kept)
	}
}

func TestHub_beats(t *testing.T) {
	h := New()
	h.beat = 10 * time.Millisecond
	s := open(t, serve(t, h), "")
	for range 3 {
		if got := s.next(); got != ":" {
			t.Errorf("a heartbeat is %q, want a comment", got)
		}
	}
}

// One that does not read is cut, and nobody waits for it.
func TestHub_cuts_who_is_slow(t *testing.T) {
	h := New()
	h.patience = 50 * time.Millisecond
	url := serve(t, h)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	until(t, "it listens", func() bool { return h.Listeners() == 1 })
	big, most := strings.Repeat("x", 100_000), time.Duration(0)
	until(t, "it is cut", func() bool {
		began := time.Now()
		h.Publish("n", big)
		most = max(most, time.Since(began))
		return h.Listeners() == 0
	})
	if most > 2*time.Second {
		t.Errorf("who publishes waited for %s", most)
	}
	// What had arrived is there, and then the connection has ended.
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection of who was cut is open: %v", err)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestHub_Close(t *testing.T) {
	h := New()
	url := serve(t, h)
	s := open(t, url, "")
	h.Publish("n", 1)
	s.next()
	h.Close()
	if got := s.next(); got != "end" || s.lines.Err() != nil {
		t.Errorf("after Close comes %q (%v), want an end in good order", got, s.lines.Err())
	}
	h.Close()
	h.Publish("n", 2) // It goes nowhere.
	if s = open(t, url, ""); s.next() != "end" {
		t.Error("who comes after Close is not sent away")
	}
}

func TestHub_forgets_who_left(t *testing.T) {
	h := New()
	url := serve(t, h)
	s := open(t, url, "")
	s.resp.Body.Close()
	until(t, "it is forgotten", func() bool { return h.Listeners() == 0 })
}

func TestHub_is_bounded(t *testing.T) {
	h := New()
	url := serve(t, h)
	for range maxListeners {
		h.listeners[newListener()] = struct{}{}
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("X-Ballast-Error") != "too-many-listeners" {
		t.Errorf("one too many = %s, want 503 too-many-listeners", resp.Status)
	}
}

func TestHub_HEAD(t *testing.T) {
	resp, err := http.Head(serve(t, New()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD = %s %v, want 200 and the stream's headers, and no stream", resp.Status, resp.Header)
	}
}
