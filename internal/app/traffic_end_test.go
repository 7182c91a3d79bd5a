package app

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTraffic_finishes_requests_of_both_planes_at_shutdown(t *testing.T) {
	s := startSite(t)
	type answer struct {
		name   string
		status int
		err    error
	}
	clients := append(s.speakers(), speaker{name: "admin", Client: s.client})
	answered := make(chan answer, len(clients))
	for _, p := range clients {
		url := p.scheme + "://www.example/slow?ms=700"
		if p.scheme == "" {
			url = s.base + "/lb/slow?ms=700"
		}
		go func() {
			resp, err := p.Get(url)
			if err != nil {
				answered <- answer{p.name, 0, err}
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			answered <- answer{p.name, resp.StatusCode, err}
		}()
	}
	s.until("all are in flight", func() bool { return s.app.document().Totals.InFlight == int64(len(clients)) })
	s.stop()
	for range clients {
		if got := <-answered; got.err != nil || got.status != http.StatusOK {
			t.Errorf("%s: request in flight at shutdown = %d, %v, want 200", got.name, got.status, got.err)
		}
	}
	if err := s.end(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	for _, addr := range []net.Addr{s.app.Addr(), s.app.TrafficAddr(), s.app.SecureAddr()} {
		if conn, err := net.Dial("tcp", addr.String()); err == nil {
			conn.Close()
			t.Errorf("%s is open after Run ended", addr)
		}
	}
}

func TestTraffic_cuts_streams_at_the_limit(t *testing.T) {
	const limit = 300 * time.Millisecond
	s := startSite(t, "--shutdown.timeout="+limit.String())
	type stream struct {
		name  string
		lines *bufio.Scanner
	}
	var streams []stream
	for _, p := range s.speakers() {
		resp, err := p.Get(p.scheme + "://www.example/sse?n=1000000&ms=20")
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		if !lines.Scan() {
			t.Fatalf("%s: no first line of the stream: %v", p.name, lines.Err())
		}
		streams = append(streams, stream{p.name, lines})
	}
	began := time.Now()
	s.stop()
	for _, l := range streams {
		for l.lines.Scan() {
		}
		if l.lines.Err() == nil {
			t.Errorf("%s: the stream ended as if it were whole, want it broken off", l.name)
		}
	}
	if took := time.Since(began); took < limit {
		t.Errorf("the streams were cut after %s, want at the limit of %s", took, limit)
	}
	if err := s.end(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

// line is what the access log says of a request.
type line struct {
	Method, Host, Target, Protocol string
	Status                         int
	Pool, Backend                  string
	Bytes                          int64
}

func TestTraffic_access_log(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	s := startSite(t, "--access-log", path)
	var want []line
	for _, p := range s.speakers() {
		_, body := p.get(t, "shop.example/api/echo?from="+p.name)
		want = append(want, line{
			Method: http.MethodGet, Host: "shop.example", Target: "/api/echo?from=" + p.name, Protocol: p.proto,
			Status: http.StatusOK, Pool: "api", Backend: "api-1", Bytes: int64(len(body)),
		})
		p.get(t, "shop.example/fail?status=503&from="+p.name)
		want = append(want, line{
			Method: http.MethodGet, Host: "shop.example", Target: "/fail?status=503&from=" + p.name, Protocol: p.proto,
			Status: http.StatusServiceUnavailable, Pool: "shop", Backend: "shop-1",
		})
	}
	_, body := s.get("/lb/echo")
	host := strings.TrimPrefix(s.base, "http://")
	want = append(want, line{
		Method: http.MethodGet, Host: host, Target: "/lb/echo", Protocol: "HTTP/1.1",
		Status: http.StatusOK, Pool: "default", Backend: "web", Bytes: int64(len(body)),
	})
	s.stop()
	if err := s.end(); err != nil {
		t.Fatalf("Run() = %v, want nil", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []line
	for text := range strings.Lines(string(text)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		if l.Pool == "default" {
			l.Backend, _, _ = strings.Cut(l.Backend, "-")
		}
		got = append(got, l)
	}
	// Who answers need not have logged yet when the next request comes, by another connection.
	byTarget := cmpopts.SortSlices(func(a, b line) bool { return a.Target < b.Target })
	if diff := cmp.Diff(want, got, byTarget); diff != "" {
		t.Errorf("access log differs (-want +got):\n%s", diff)
	}
}
