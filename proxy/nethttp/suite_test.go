package nethttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var harness = fronttest.Harness{Start: start, Lenient: true}

func TestFront(t *testing.T) { fronttest.Run(t, harness) }

func start(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
	f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop(), Edge: o.Edge, BodyIdle: o.BodyIdle, BackendIdle: o.BackendIdle})
	pool := f.Handler("default", "/lb")
	// No http.ServeMux, which would redirect /lb//a to /lb/a.
	server := f.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.EscapedPath(); path == "/lb" || strings.HasPrefix(path, "/lb/") {
			pool.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	listener := fronttest.Listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return fronttest.Front{Address: listener.Addr().String(), InFlight: f.InFlight, Drain: f.Drain}
}

// Case 2: net/http hides the Content-Length, so the reading that is left is the chunked one.
func TestFront_forwards_two_lengths_as_chunked(t *testing.T) {
	backend := fronttest.NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		_, _ = io.CopyN(io.Discard, r, int64(len("1\r\nx\r\n0\r\n\r\n")))
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	s := fronttest.NewSite(t, harness, fronttest.Settings(), fronttest.Options{}, backend.Address)
	all, _ := s.SayAll("POST /lb/first HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"1\r\nx\r\n0\r\n\r\nGET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
	if n := strings.Count(all, "HTTP/1.1 "); n != 1 {
		t.Errorf("%d answers, want 1:\n%s", n, all)
	}
	heads := backend.Received()
	if len(heads) != 1 || strings.Contains(heads[0], "Content-Length") || !strings.Contains(heads[0], "Transfer-Encoding: chunked") {
		t.Errorf("the backend got %q, want one chunked request", heads)
	}
}

// The same of one that is refused.
func TestFront_ends_the_connection_after_what_it_refuses_in_chunks(t *testing.T) {
	s := fronttest.NewSite(t, harness, fronttest.Settings(), fronttest.Options{}, fronttest.NewOK(t).Address)
	all, _ := s.SayAll("POST /lb/ HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 100) +
		"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /lb/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if n := strings.Count(all, "HTTP/1.1 "); n != 1 || !strings.HasPrefix(all, "HTTP/1.1 431 ") {
		t.Errorf("%d answers, want one of 431:\n%s", n, all)
	}
	s.WantCounts(1, 0, 0)
}

func TestFront_Drain_cuts_requests_of_servers_without_its_base_context(t *testing.T) {
	arrived := make(chan struct{})
	backend := fronttest.Serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	s := fronttest.NewSite(t, fronttest.Harness{Start: func(t testing.TB, core *proxy.Core, _ fronttest.Options) fronttest.Front {
		f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop()})
		plain := fronttest.Serve(t, f.Handler("default", "/lb").ServeHTTP)
		return fronttest.Front{Address: plain, InFlight: f.InFlight, Drain: f.Drain}
	}}, fronttest.Settings(), fronttest.Options{}, backend)
	status := make(chan int, 1)
	go func() {
		answer, err := s.Ask("GET", "/", nil)
		if err != nil {
			t.Error(err)
		}
		status <- answer.Status
	}()
	<-arrived
	limit, cancel := context.WithCancel(t.Context())
	cancel()
	_ = s.Drain(limit)
	if got := <-status; got != 503 {
		t.Errorf("status %d, want 503", got)
	}
}
