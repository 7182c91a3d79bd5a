package app

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// unserved is what the access log says of a request that reached no pool.
type unserved struct {
	Method, Host, Target, Protocol, Error string
	Pool, Backend                         string
	Client                                string
	Status                                int
}

// say sends text to an address and reads until the connection ends.
func say(t *testing.T, addr net.Addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	all, _ := io.ReadAll(conn) // A reset after the answer is as good as an end.
	return string(all)
}

// do sends a request of a method.
func (p speaker) do(t *testing.T, method, hostAndPath string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.scheme+"://"+hostAndPath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.Do(req)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", p.name, method, hostAndPath, err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// wantUnserved ends the site, and checks its access log but for what is of a pool.
func (s *site) wantUnserved(path string, want []unserved) {
	s.t.Helper()
	s.stop()
	if err := s.end(); err != nil {
		s.t.Fatalf("Run() = %v, want nil", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	var got []unserved
	for text := range strings.Lines(string(text)) {
		var u unserved
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			s.t.Fatalf("line %q: %v", text, err)
		}
		got = append(got, u)
	}
	for i := range want {
		want[i].Client = "127.0.0.1"
	}
	order := cmpopts.SortSlices(func(a, b unserved) bool {
		return a.Protocol+a.Host+a.Method+a.Error < b.Protocol+b.Host+b.Method+b.Error
	})
	if diff := cmp.Diff(want, got, order); diff != "" {
		s.t.Errorf("access log differs (-want +got):\n%s", diff)
	}
}

// wantRejected waits for the metric to have the lines, and checks that there are no others.
func (s *site) wantRejected(want ...string) {
	s.t.Helper()
	var got []string
	s.until("as many rejections as there should be", func() bool {
		got = nil
		_, text := s.get("/prometheus")
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "loadbalancer_rejected_total{") {
				got = append(got, strings.TrimSpace(strings.TrimPrefix(line, "loadbalancer_rejected_total")))
			}
		}
		return cmp.Equal(got, want)
	})
}

func TestTraffic_accounts_for_what_no_pool_serves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	s := startSite(t, "--access-log", path)
	var want []unserved
	for _, p := range s.speakers() {
		if p.proto != "HTTP/2.0" {
			continue
		}
		host := p.name + ".example"
		host = strings.ReplaceAll(host, "_", "-")
		if got := p.do(t, http.MethodGet, host+"/x"); got != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", p.name, got)
		}
		if got := p.do(t, http.MethodTrace, host+"/x"); got != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d, want 405", p.name, got)
		}
		want = append(want,
			unserved{Method: "GET", Host: host, Target: "/x", Protocol: p.proto, Status: 404, Error: "not-found"},
			unserved{Method: "TRACE", Host: host, Target: "/x", Protocol: p.proto, Status: 405, Error: "method-not-allowed"})
	}
	addr := s.app.TrafficAddr()
	for _, tt := range []struct {
		head string
		want unserved
	}{
		{"GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", unserved{Method: "GET", Host: "a.example", Target: "/x", Protocol: "HTTP/1.1", Status: 404, Error: "not-found"}},
		{"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n", unserved{Method: "CONNECT", Host: "b:1", Target: "b:1", Protocol: "HTTP/1.1", Status: 405, Error: "method-not-allowed"}},
		{"GET /x HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n", unserved{Method: "GET", Target: "/x", Protocol: "HTTP/1.1", Status: 400, Error: "field-value"}},
		{"\x16\x03\x01", unserved{Status: 400, Error: "method"}},
	} {
		if got := say(t, addr, tt.head); !strings.Contains(got, "X-Ballast-Error: "+tt.want.Error+"\r\n") {
			t.Errorf("%q was answered %q, want %s", tt.head, got, tt.want.Error)
		}
		want = append(want, tt.want)
	}
	s.wantRejected(`{pool="",reason="bad-head"} 2`, `{pool="",reason="method-not-allowed"} 3`, `{pool="",reason="not-found"} 3`)
	s.wantUnserved(path, want)
}

// A redirect is logged, and no rejection.
func TestTraffic_logs_redirects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	s := startSite(t, "--access-log", path, "--traffic.tls.redirect=443")
	var want []unserved
	for _, p := range s.speakers() {
		if p.scheme == "https" {
			continue
		}
		if got := p.do(t, http.MethodGet, "www.example/x?y"); got != http.StatusPermanentRedirect {
			t.Errorf("%s: %d, want 308", p.name, got)
		}
		want = append(want, unserved{Method: "GET", Host: "www.example", Target: "/x?y", Protocol: p.proto, Status: 308})
	}
	s.wantRejected()
	s.wantUnserved(path, want)
}

// The dashboard and the API are no traffic, and neither is what is none of /lb's.
func TestAdmin_accounts_only_for_lb(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	s := startSite(t, "--access-log", path)
	for _, target := range []string{"/", "/nothing", "/api/v1/pools/none"} {
		s.get(target)
	}
	for _, head := range []string{
		"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: b\r\n\r\n", "GET /api HTTP/1.1\r\nHost\r\n\r\n",
		"TRACE /lb/x HTTP/1.1\r\nHost: b\r\n\r\n",
	} {
		say(t, s.app.Addr(), head)
	}
	s.wantRejected(`{pool="",reason="method-not-allowed"} 1`)
	s.wantUnserved(path, []unserved{{Method: "TRACE", Host: "b", Target: "/lb/x", Protocol: "HTTP/1.1", Status: 405, Error: "method-not-allowed"}})
}
