package fronttest

import (
	"strings"
	"testing"
)

var targetTests2 = []test{
	{"forwards the target as it is", testTarget2},
	{"refuses CONNECT and TRACE", testMethods2},
	{"goes on after a refusal", testAfterRefusal2},
}

// Case 29: what follows /lb arrives byte for byte.
func testTarget2(t *testing.T, h Harness) {
	tests := []struct{ name, target, want string }{
		{"nothing", "/lb", "/"},
		{"a slash", "/lb/", "/"},
		{"a path and a query", "/lb/a?b", "/a?b"},
		{"only a query", "/lb?b=1", "/?b=1"},
		{"an empty query", "/lb/a?", "/a?"},
		{"a query that does not parse", "/lb/?a=1;b=2&c=%zz", "/?a=1;b=2&c=%zz"},
		{"an escaped slash", "/lb/a%2fb%2Fc", "/a%2fb%2Fc"},
		{"two slashes", "/lb//a//b", "//a//b"},
		{"two slashes alone", "/lb//evil.example", "//evil.example"},
		{"dots", "/lb/../a/./b/..", "/../a/./b/.."},
		{"bytes that need no escape", "/lb/a:b@c!$&'()*+,;=", "/a:b@c!$&'()*+,;="},
		{"bytes that should be escaped", "/lb/a|b\"c{d}", "/a|b\"c{d}"},
		{"a question mark in the query", "/lb/a?b?c", "/a?b?c"},
		{"a broken escape", "/lb/%zz", refused},
		{"a hash", "/lb/a#b", refused},
		{"a space", "/lb/a b", refused},
		{"a line", "/lb/a HTTP/1.1\r\nx: y", refused},
		{"a tab", "/lb/a\tb", refused},
		{"a space in the query", "/lb/a?b c", refused},
		{"a request in the query", "/lb/a?b HTTP/1.1", refused},
		{"a tab in the query", "/lb/a?b\tc", refused},
		{"not below the pool", "/lbx", refused},
	}
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.Received())
			r := newWire2(s).exchange(fields2("GET", tt.target))
			heads := backend.Received()[before:]
			if tt.want == refused {
				if !r.refused() && r.status != 404 || len(heads) != 0 {
					t.Errorf("answer %v, and the backend got %q, want a refusal", r, heads)
				}
				return
			}
			if r.status != 200 || len(heads) != 1 || !strings.HasPrefix(heads[0], "GET "+tt.want+" HTTP/1.1\r\n") {
				t.Errorf("answer %v, and the backend got %q, want target %q", r, heads, tt.want)
			}
		})
	}
	s.wantBlameless()
}

// Case 1: neither a tunnel nor what would go through it reaches a backend.
func testMethods2(t *testing.T, h Harness) {
	tests := []struct {
		name   string
		fields []string
	}{
		{"CONNECT", []string{":method: CONNECT", ":authority: example.com:80"}},
		{"TRACE", fields2("TRACE", "/lb/x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := NewOK(t)
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			w := newWire2(s)
			stream := w.open(tt.fields, false)
			w.data(stream, "GET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n", false)
			r := w.reply(stream)
			if slug := r.header.Get("X-Ballast-Error"); r.status != 405 || slug != "method-not-allowed" {
				t.Errorf("answer %v, want 405", r)
			}
			if got := backend.Captured(); len(got) != 0 {
				t.Errorf("the backend got %q", got)
			}
		})
	}
}

// Streams don't share a framing that could be lost: what is refused on one is no reason to end the others, which may be
// other clients' behind a proxy.
func testAfterRefusal2(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	for _, fields := range [][]string{
		fields2("TRACE", "/lb/x"), fields2("GET", "/lb/a#b"), fields2("GET", "/lb/", "te: gzip"), fields2("GET", "/lb/", "X: 1"),
		{":method: CONNECT", ":authority: example.com:80"},
	} {
		if r := w.exchange(fields); !r.refused() && r.status != 405 {
			t.Errorf("%q: answer %v, want a refusal", fields, r)
		}
		if r := w.exchange(fields2("GET", "/lb/after")); r.status != 200 || w.away != nil {
			t.Errorf("%q: then %v and %v, want 200 and the connection to go on", fields, r, w.away)
		}
	}
}
