package fronttest

import (
	"strings"
	"testing"
)

var targetTests = []test{
	{"forwards the target as it is", testTarget},
	{"forwards headers of its own and not the client's", testHeaders},
	{"refuses CONNECT and TRACE", testMethods},
	{"serves others after a CONNECT", testAfterConnect},
}

// refused is what the backend gets of a request that is answered with 400.
const refused = ""

// Case 29: what follows /lb arrives byte for byte.
func testTarget(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	tests := []struct {
		name, target string
		want         string
		lenient      string // The same as want if it is empty.
	}{
		{"nothing", "/lb", "/", ""},
		{"a slash", "/lb/", "/", ""},
		{"a path and a query", "/lb/a?b", "/a?b", ""},
		{"only a query", "/lb?b=1", "/?b=1", ""},
		{"an empty query", "/lb/a?", "/a?", ""},
		{"a query that does not parse", "/lb/?a=1;b=2&c=%zz", "/?a=1;b=2&c=%zz", ""},
		{"an escaped slash", "/lb/a%2fb%2Fc", "/a%2fb%2Fc", ""},
		{"two slashes", "/lb//a//b", "//a//b", ""},
		{"two slashes alone", "/lb//evil.example", "//evil.example", ""},
		{"dots", "/lb/../a/./b/..", "/../a/./b/..", ""},
		{"bytes that need no escape", "/lb/a:b@c!$&'()*+,;=", "/a:b@c!$&'()*+,;=", ""},
		{"bytes that should be escaped", "/lb/a|b\"c{d}", "/a|b\"c{d}", ""},
		{"letters beyond ASCII", "/lb/ä", refused, "/ä"},
		{"a question mark in the query", "/lb/a?b?c", "/a?b?c", ""},
		{"the absolute form", "http://example.com/lb/a?b", "/a?b", ""},
		{"a broken escape", "/lb/%zz", refused, ""},
		{"a hash", "/lb/a#b", refused, ""},
		{"a hash in the query", "/lb/a?b#c", refused, "/a?b#c"},
		// net/http can't print this one.
		{"two slashes and bytes that should be escaped", "/lb//a|b", "//a|b", "refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if h.Lenient && tt.lenient != "" {
				want = strings.TrimPrefix(tt.lenient, "refused")
			}
			before := len(backend.Received())
			answer, _ := s.Say("GET " + tt.target + " HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
			heads := backend.Received()[before:]
			if want == refused {
				if answer.Status != 400 || len(heads) != 0 {
					t.Errorf("status %d and %d requests at the backend, want 400 and 0", answer.Status, len(heads))
				}
				return
			}
			if len(heads) != 1 || !strings.HasPrefix(heads[0], "GET "+want+" HTTP/1.1\r\n") {
				t.Errorf("status %d, the backend got %q, want target %q", answer.Status, heads, want)
			}
		})
	}
}

// Root tests a front that serves the pool "default" at the root, by what it makes of OPTIONS: of the server as a whole, which a
// host alone stands for as well (RFC 9110 9.3.7, RFC 9112 3.2.4). backends adds one that answers with method and target.
func Root(t *testing.T, h Harness, backends func(*Site)) {
	s := NewSite(t, h, Settings(), Options{})
	backends(s)
	for request, want := range map[string]string{
		"OPTIONS *":          "OPTIONS *",
		"OPTIONS http://x":   "OPTIONS *",
		"OPTIONS http://x?a": "OPTIONS /?a",
		"OPTIONS http://x/":  "OPTIONS /",
		"OPTIONS /":          "OPTIONS /",
		"GET http://x":       "GET /",
	} {
		if answer, _ := s.Say(request + " HTTP/1.1\r\nHost: x\r\n\r\n"); answer.Status != 200 || answer.Body != want {
			t.Errorf("%s: %v, want 200 and %s", request, answer, want)
		}
	}
	for _, request := range []string{"GET *", "OPTIONS *?a"} {
		if answer, _ := s.Say(request + " HTTP/1.1\r\nHost: x\r\n\r\n"); answer.Status != 400 {
			t.Errorf("%s: %v, want 400", request, answer)
		}
	}
	s.WantCounts(6, 0, 0)
}

// Case 14 and the first half of 15: our forwarding headers arrive, the client's don't.
func testHeaders(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	own := "X-My_Own: 1"
	if h.Lenient {
		own = "X-My_own: 1"
	}
	tests := []struct {
		name, sent string
		absent     []string
		present    []string
	}{
		{
			"forged forwarding headers are replaced",
			"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.7\r\nForwarded: for=6.6.6.6\r\nX-Real-Ip: 6.6.6.6\r\n" +
				"X-Forwarded-Port: 666\r\nX-Forwarded-Prefix: /666\r\nX-Forwarded-Server: s666\r\nX-Forwarded: 666\r\n",
			[]string{"6.6.6", "666"},
			[]string{
				"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "X-Forwarded-Host: example.com:81",
				"X-Forwarded-Proto: http", "X-Forwarded-Port: 81", "X-Forwarded-Prefix: /lb", "Host: example.com:81",
			},
		},
		{
			"a forged chain is replaced", "X-Forwarded-For: 6.6.6.6, 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: six\r\n",
			[]string{"6.6.6", "https", "six"},
			[]string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: example.com:81"},
		},
		{
			"their aliases are removed",
			"X_Forwarded_For: 6.6.6.6\r\nX.Forwarded.For: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nX-Forwarded_Proto: 6.6.6.6\r\n" +
				"Content_Length: 6666\r\nTransfer_Encoding: 6.6.6.6\r\n",
			[]string{"6.6.6", "6666"},
			[]string{"X-Forwarded-For: 127.0.0.1"},
		},
		{
			"Connection can't remove ours",
			"Connection: close, X-Forwarded-For, x-real-ip, X-Forwarded-Proto, Keep\r\nKeep: 1\r\n",
			[]string{"Keep"},
			[]string{"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1", "X-Forwarded-Proto: http"},
		},
		{
			"upgrades to anything but WebSocket are removed",
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
			[]string{"Upgrade", "h2c", "Settings"},
			nil,
		},
		{
			"lists of upgrades too",
			"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
			[]string{"Upgrade", "h2c", "websocket"},
			nil,
		},
		{
			"other headers pass",
			"X-My_Own: 1\r\nCookie: a=b\r\nAccept-Encoding: br\r\nAuthorization: Basic x\r\n",
			[]string{"User-Agent", "gzip"},
			[]string{own, "Cookie: a=b", "Accept-Encoding: br", "Authorization: Basic x"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.Received())
			s.Say("GET /lb/ HTTP/1.1\r\nHost: example.com:81\r\n" + tt.sent + "\r\n")
			heads := backend.Received()[before:]
			if len(heads) != 1 {
				t.Fatalf("the backend got %d requests, want 1", len(heads))
			}
			for _, text := range tt.absent {
				if strings.Contains(strings.ToLower(heads[0]), strings.ToLower(text)) {
					t.Errorf("%q reached the backend:\n%s", text, heads[0])
				}
			}
			for _, line := range tt.present {
				if !strings.Contains(heads[0], line+"\r\n") {
					t.Errorf("%q did not reach the backend:\n%s", line, heads[0])
				}
			}
		})
	}
}

// Case 1: neither a tunnel nor what stands where its content would be reaches a backend.
func testMethods(t *testing.T, h Harness) {
	type verdict struct {
		status int
		slug   string
	}
	notAllowed, noTarget := verdict{405, "method-not-allowed"}, verdict{400, "target-form"}
	tests := []struct {
		request       string
		want, lenient verdict
	}{
		{"CONNECT /lb/x", noTarget, notAllowed}, // No target for this method.
		{"CONNECT example.com:80", notAllowed, notAllowed},
		{"TRACE /lb/x", notAllowed, notAllowed},
		{"TRACE example.com:80", noTarget, notAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			backend := NewOK(t)
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			want := tt.want
			if h.Lenient {
				want = tt.lenient
			}
			answer, r := s.Say(tt.request + " HTTP/1.1\r\nHost: example.com\r\nContent-Length: 35\r\n\r\n" +
				"GET /lb/smuggled HTTP/1.1\r\nHost: x\r\n")
			if got := (verdict{answer.Status, answer.Header.Get("X-Ballast-Error")}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			wantEnd(t, r)
			if got := backend.Received(); len(got) != 0 {
				t.Errorf("the backend got %q", got)
			}
		})
	}
}

// Case 1, its end: what a client wanted to tunnel is in nobody else's way.
func testAfterConnect(t *testing.T, h Harness) {
	backend := NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	const connect = "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\nContent-Length: 43\r\n\r\n" +
		"GET /lb/smuggled HTTP/1.1\r\nHost: example.com"
	if answer, r := s.Say(connect); answer.Status != 405 {
		t.Errorf("status %d, want 405", answer.Status)
	} else {
		wantEnd(t, r)
	}
	if answer, _ := s.Say("GET /lb/other HTTP/1.1\r\nHost: x\r\n\r\n"); answer.Status != 200 {
		t.Errorf("another client is answered %d, want 200", answer.Status)
	}
	if got := backend.Captured(); len(got) != 1 || !strings.HasPrefix(got[0], "GET /other ") || strings.Contains(got[0], "smuggled") {
		t.Errorf("the backend got %q, want one request for /other", got)
	}
	s.WantCounts(1, 0, 0)
}
