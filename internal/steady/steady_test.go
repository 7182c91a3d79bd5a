package steady_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

func TestLoad_remembers_what_failed(t *testing.T) {
	var gets, posts, broken atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && len(body) == 1000 {
			posts.Add(1)
			_, _ = io.WriteString(w, "it is me")
			return
		}
		switch gets.Add(1) {
		case 3:
			w.Header().Set("X-Ballast-Error", "no-backend")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			_, _ = io.WriteString(w, "somebody")
			return
		case 5:
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "short")
			broken.Add(1)
			return
		}
		_, _ = io.WriteString(w, "it is me")
	}))
	defer server.Close()
	load := steady.Start(steady.Options{URL: server.URL, PerSecond: 500, Body: 1000, Holds: "it is me"})
	if err := load.More(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	report := load.Stop()
	if report.Sent != gets.Load()+posts.Load() || posts.Load() < 40 || gets.Load() < 40 {
		t.Errorf("%d were sent, and %d GET and %d POST came", report.Sent, gets.Load(), posts.Load())
	}
	if len(report.Failures) != 3 || broken.Load() != 1 {
		t.Fatalf("failures: %v, want the 503, the wrong answer and the one that broke off", report.Failures)
	}
	all := ""
	for _, f := range report.Failures {
		all += f.String() + "\n"
	}
	for _, want := range []string{"GET at ", "status 503", "no-backend", "status 200", "read the answer: unexpected EOF", "somebody else answered"} {
		if !strings.Contains(all, want) {
			t.Errorf("the failures lack %q:\n%s", want, all)
		}
	}
}

// A server that does not answer makes nobody send less.
func TestLoad_is_an_open_loop(t *testing.T) {
	arrived := make(chan time.Time, 1000)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- time.Now()
		<-release
	}))
	defer server.Close()
	load := steady.Start(steady.Options{URL: server.URL, PerSecond: 200})
	for range 50 {
		select {
		case <-arrived:
		case <-time.After(20 * time.Second):
			t.Fatal("requests stopped coming while none is answered")
		}
	}
	close(release)
	if report := load.Stop(); len(report.Failures) != 0 || report.Slowest < 100*time.Millisecond {
		t.Errorf("%v, slowest %s, want no failure and that the first waited for all", report.Failures, report.Slowest)
	}
}

func TestLoad_speaks_HTTP2(t *testing.T) {
	var other, posts, conns atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			other.Add(1)
		}
		if body, err := io.ReadAll(r.Body); err == nil && len(body) == 1000 {
			posts.Add(1)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	load := steady.Start(steady.Options{URL: server.URL, PerSecond: 500, Body: 1000, HTTP2: true})
	if err := load.More(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if report := load.Stop(); len(report.Failures) != 0 || other.Load() != 0 || posts.Load() != report.Sent/2 {
		t.Errorf("%+v, %d not by HTTP/2, %d POST", report, other.Load(), posts.Load())
	}
	if n := conns.Load(); n < 50 {
		t.Errorf("%d connections for 100 requests, want one for half of those each, and some that are kept", n)
	}
}
