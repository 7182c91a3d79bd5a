package front_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Case 12: a request that could not be sent goes to another backend, body and all, whatever its size.
func TestFront_sends_to_another_backend_what_could_not_be_sent(t *testing.T) {
	tests := []struct {
		name   string
		size   int
		length bool
	}{
		{"no body", 0, true},
		{"10 KB", 10 << 10, true},
		{"10 KB in chunks", 10 << 10, false},
		{"1 MB", 1 << 20, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			received := make(chan []byte, 8)
			up := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Errorf("read the body: %v", err)
				}
				received <- body
			})
			s := newSite(t, settings(), front.Options{}, refusing(t), up)
			sent := bytes.Repeat([]byte("0123456789abcdef"), tt.size/16)
			c := client(t)
			for range 2 { // Round robin: one of them begins at the one that refuses.
				var body io.Reader = bytes.NewReader(sent)
				if !tt.length {
					body = io.MultiReader(body)
				}
				response, _, err := get(t, c, request(t, "POST", s.url("/"), body))
				if err != nil || response.StatusCode != 200 {
					t.Fatalf("POST = %v, %v, want 200", response, err)
				}
				if got := <-received; !bytes.Equal(got, sent) {
					t.Errorf("the backend got %d bytes that differ from the %d sent", len(got), len(sent))
				}
			}
			if r := s.report(); r.Retries < 1 || r.Errors != 0 || r.Requests != 2 {
				t.Errorf("retries, errors, requests = %d, %d, %d, want at least 1, 0, 2", r.Retries, r.Errors, r.Requests)
			}
		})
	}
}

func TestFront_tries_no_more_than_it_may(t *testing.T) {
	for _, retries := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(retries), func(t *testing.T) {
			conf := settings()
			conf.Retries = retries
			s := newSite(t, conf, front.Options{}, refusing(t), refusing(t), refusing(t))
			response, _, err := get(t, client(t), request(t, "GET", s.url("/"), nil))
			if err != nil || response.StatusCode != 502 {
				t.Fatalf("GET = %v, %v, want 502", response, err)
			}
			r := s.report()
			var attempts uint64
			for _, b := range r.Backends {
				attempts += b.Errors
			}
			if want := uint64(min(retries+1, 3)); attempts != want || r.Retries != want-1 {
				t.Errorf("%d attempts and %d retries, want %d and %d", attempts, r.Retries, want, want-1)
			}
		})
	}
}

// Case 11: what may have arrived is not sent again.
func TestFront_never_sends_twice_what_may_have_arrived(t *testing.T) {
	reset := func(conn net.Conn, r *bufio.Reader, _ string) {
		_, _ = io.CopyN(io.Discard, r, 5)
		_ = conn.(*net.TCPConn).SetLinger(0) // Close sends a reset.
	}
	a, b := newRaw(t, reset), newRaw(t, reset)
	s := newSite(t, settings(), front.Options{}, a.addr, b.addr)
	response, _, err := get(t, client(t), request(t, "POST", s.url("/"), strings.NewReader("hello")))
	if err != nil || response.StatusCode != 502 {
		t.Fatalf("POST = %v, %v, want 502", response, err)
	}
	if n := len(a.received()) + len(b.received()); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
	s.wantCounts(1, 1, 1)
}

// Case 10: 400 POSTs, each when the backend would close a kept connection. If ours were kept as long as
// the backend keeps them, some of these would be lost.
func TestFront_loses_no_POST_at_the_idle_timeout_of_a_backend(t *testing.T) {
	const clients, each = 100, 4
	const idle = time.Second
	var seen sync.Map
	var receipts atomic.Int64
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		receipts.Add(1)
		if _, twice := seen.LoadOrStore(string(body), true); twice {
			t.Errorf("POST %s came twice", body)
		}
	}))
	backend.Config.IdleTimeout = idle
	backend.Start()
	defer backend.Close()
	s := newSite(t, settings(), front.Options{BackendIdle: idle / 4}, backend.Listener.Addr().String())
	c := client(t)
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for i := range each {
				body := strings.NewReader(fmt.Sprintf("%d-%d", n, i))
				response, _, err := get(t, c, request(t, "POST", s.url("/"), body))
				if err != nil || response.StatusCode != 200 {
					t.Errorf("POST = %v, %v", response, err)
				}
				// Around the moment when the backend closes: from 1 ms before to 1 ms after.
				<-time.After(idle + time.Duration(n-clients/2)*time.Millisecond/(clients/2))
			}
		})
	}
	wg.Wait()
	if got := receipts.Load(); got != clients*each {
		t.Errorf("%d receipts, want %d", got, clients*each)
	}
	s.wantCounts(clients*each, 0, 0)
}

type connKey struct{}

// Case 4: a new container at an old address is another backend: it gets no kept connection.
func TestFront_keeps_no_connection_for_another_identity(t *testing.T) {
	// A server that takes several requests a connection, and tells which connection it was.
	var conns atomic.Int64
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Context().Value(connKey{}))
	}))
	backend.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conns.Add(1))
	}
	backend.Start()
	defer backend.Close()
	s := newSite(t, settings(), front.Options{}, backend.Listener.Addr().String())
	c := client(t)
	ask := func() string {
		_, body, err := get(t, c, request(t, "GET", s.url("/"), nil))
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	if a, b := ask(), ask(); a != "1" || b != "1" {
		t.Fatalf("connections %s and %s, want one that is kept", a, b)
	}
	s.specs = []containers.Backend{s.specs[0]}
	s.specs[0].Container, s.specs[0].StartedAt = "id-new", 2
	s.apply()
	if got := ask(); got != "2" {
		t.Errorf("the new backend was spoken to on connection %s, want a new one", got)
	}
}

func TestFront_times_out(t *testing.T) {
	stop := make(chan struct{})
	silent := newRaw(t, func(net.Conn, *bufio.Reader, string) { <-stop })
	t.Cleanup(func() { close(stop) })
	conf := settings()
	conf.Timeout = 50 * time.Millisecond
	s := newSite(t, conf, front.Options{}, silent.addr, silent.addr)
	response, _, err := get(t, client(t), request(t, "GET", s.url("/"), nil))
	if err != nil || response.StatusCode != 504 || response.Header.Get("X-Ballast-Error") != "timeout" {
		t.Fatalf("GET = %v, %v, want 504", response, err)
	}
	if n := len(silent.received()); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
	s.wantCounts(1, 1, 1)

	s.conf.Timeout = patience // Another setting takes effect at once.
	s.apply()
	canceled := request(t, "GET", s.url("/"), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if response, _, err := get(t, client(t), canceled.WithContext(ctx)); err == nil {
		t.Errorf("GET = %d, want to wait", response.StatusCode)
	}
}
