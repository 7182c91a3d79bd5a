package fronttest

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

var unservedTests = []test{
	{"accounts for what is given to no pool", testUnserved},
	{"accounts for heads that can't be read", testUnread},
	{"leaves alone what is no traffic", testUncovered},
}

// wantRejected checks what the core counts of requests that no pool was given.
func (s *Site) wantRejected(want map[string]uint64) {
	s.t.Helper()
	var got map[string]uint64
	Eventually(s.t, "rejections", func() bool {
		got = s.Core.Report(time.Now()).Rejected
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, maps.Clone(got)); diff != "" {
		s.t.Errorf("rejected (-want +got):\n%s", diff)
	}
}

func testUnserved(t *testing.T, h Harness) {
	tests := []struct {
		name, line string
		gone       bool // The pool is.
		want       func(*proxy.Access)
	}{
		{"TRACE", "TRACE /lb/x?y HTTP/1.1", false, func(a *proxy.Access) { a.Method, a.Status, a.Cause = "TRACE", 405, proxy.CauseMethod }},
		{"CONNECT", "CONNECT example.com:80 HTTP/1.1", false, func(a *proxy.Access) {
			a.Method, a.Target, a.Host = "CONNECT", "example.com:80", "example.com:80"
			a.Status, a.Cause = 405, proxy.CauseMethod
		}},
		{"a pool that is gone", "GET /lb/x?y HTTP/1.1", true, func(a *proxy.Access) { a.Status, a.Cause = 503, proxy.CauseNoBackend }},
		{"a pool that is gone, for a HEAD", "HEAD /lb/x?y HTTP/1.1", true, func(a *proxy.Access) {
			a.Method, a.Status, a.Cause = "HEAD", 503, proxy.CauseNoBackend
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, log := logged(t, h, Settings())
			if tt.gone {
				s.Core.Apply(&containers.Snapshot{})
			}
			want := entry()
			want.Pool, want.Backend = "", ""
			tt.want(&want)
			fields := strings.Replace(accessFields, "example.com", want.Host, 1)
			all, _ := s.SayAll(tt.line + "\r\nConnection: close\r\n" + fields + "\r\n")
			_, body, _ := strings.Cut(all, "\r\n\r\n")
			want.Sent = int64(len(body))
			wantEntry(t, s, log, want)
			s.wantRejected(map[string]uint64{want.Cause.String(): 1})
		})
	}
}

// What is logged of a head that can't be read is what was well-formed of it: who is connected, for one, not whom it names.
func testUnread(t *testing.T, h Harness) {
	if h.Lenient {
		t.Skip("net/http answers these by itself")
	}
	const evil = "\x1b]0;evil\x07"
	peer := netip.MustParseAddr("127.0.0.1")
	line := proxy.Access{Method: "GET", Target: "/lb/x?y", Protocol: "HTTP/1.1", Status: 400, Cause: proxy.CauseBadHead}
	known := func(change func(*proxy.Access)) proxy.Access {
		a := line
		change(&a)
		return a
	}
	tests := []struct {
		name, head string
		want       proxy.Access
	}{
		{"no HTTP", evil, proxy.Access{Status: 400, Cause: proxy.CauseBadHead, Slug: "method"}},
		{"a method", "G" + evil + " / HTTP/1.1\r\n\r\n", proxy.Access{Status: 400, Cause: proxy.CauseBadHead, Slug: "method"}},
		{"a target", "GET /" + evil + " HTTP/1.1\r\n\r\n", proxy.Access{Method: "GET", Status: 400, Cause: proxy.CauseBadHead, Slug: "target"}},
		{"a version", "GET / HTTP/3.0\r\n\r\n", proxy.Access{Method: "GET", Status: 505, Cause: proxy.CauseBadHead, Slug: "version-unsupported"}},
		{"a host", "GET /lb/x?y HTTP/1.1\r\nHost: " + "a b" + "\r\n\r\n", known(func(a *proxy.Access) { a.Slug = "host" })},
		{"no host", "GET /lb/x?y HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n", known(func(a *proxy.Access) { a.Slug = "no-host" })},
		{"two hosts", "GET /lb/x?y HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", known(func(a *proxy.Access) { a.Slug = "several-hosts" })},
		{"a field", "GET /lb/x?y HTTP/1.1\r\nHost: a\r\nUser-Agent: " + evil + "\r\n\r\n", known(func(a *proxy.Access) { a.Slug = "field-value" })},
		{
			"two lengths", "POST /lb/x?y HTTP/1.0\r\nHost: a\r\n" + accessFields[len("Host: example.com\r\n"):] + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
			known(func(a *proxy.Access) {
				a.Method, a.Protocol, a.Host, a.Slug = "POST", "HTTP/1.0", "a", "several-lengths"
			}),
		},
		{
			"too many fields", "GET /lb/x?y HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("a: b\r\n", 100) + "\r\n",
			known(func(a *proxy.Access) { a.Status, a.Cause, a.Slug = 431, proxy.CauseTooManyFields, "too-many-fields" }),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, log := logged(t, h, Settings())
			all, _ := s.SayAll(tt.head)
			_, body, _ := strings.Cut(all, "\r\n\r\n")
			tt.want.Client, tt.want.Peer, tt.want.Sent = peer, peer, int64(len(body))
			if !strings.Contains(all, "X-Ballast-Error: "+tt.want.Slug+"\r\n") {
				t.Errorf("the client was not told %s:\n%s", tt.want.Slug, all)
			}
			wantEntry(t, s, log, tt.want)
			s.wantRejected(map[string]uint64{tt.want.Cause.String(): 1})
		})
	}
}

func testUncovered(t *testing.T, h Harness) {
	log := &notes{}
	o := Options{Edge: proxy.Edge{Log: log, Covers: func(path []byte) bool { return strings.HasPrefix(string(path), "/lb/") }}}
	s := NewSite(t, h, Settings(), o)
	for _, head := range []string{
		"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "TRACE /other HTTP/1.1\r\nHost: x\r\n\r\n", "GET /other HTTP/1.1\r\nHost\r\n\r\n",
		"TRACE /lb/ HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		_, _ = s.SayAll(head)
	}
	if got := log.wait(s, 1); len(got) != 1 || got[0].Target != "/lb/" {
		t.Errorf("%+v was logged, want the one for /lb/", got)
	}
	s.wantRejected(map[string]uint64{"method-not-allowed": 1})
}
