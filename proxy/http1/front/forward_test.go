package front_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Case 29: what follows /lb arrives byte for byte.
func TestFront_forwards_the_target_as_it_is(t *testing.T) {
	backend := newRaw(t, replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	s := newSite(t, settings(), front.Options{}, backend.addr)
	tests := []struct {
		name, target string
		want         string // Empty: refused with 400.
	}{
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
		{"letters beyond ASCII", "/lb/ä", ""},
		{"a question mark in the query", "/lb/a?b?c", "/a?b?c"},
		{"the absolute form", "http://example.com/lb/a?b", "/a?b"},
		{"a hash", "/lb/a#b", ""},
		{"a hash in the query", "/lb/a?b#c", ""},
		{"two slashes and bytes that should be escaped", "/lb//a|b", "//a|b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.received())
			conn := s.dial("GET " + tt.target + " HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			heads := backend.received()[before:]
			if tt.want == "" {
				if response.StatusCode != 400 || len(heads) != 0 {
					t.Errorf("status %d and %d requests at the backend, want 400 and 0", response.StatusCode, len(heads))
				}
				return
			}
			if len(heads) != 1 || !strings.HasPrefix(heads[0], "GET "+tt.want+" HTTP/1.1\r\n") {
				t.Errorf("status %d, the backend got %q, want target %q", response.StatusCode, heads, tt.want)
			}
		})
	}
}

// Case 14 and the first half of 15: our forwarding headers arrive, the client's don't.
func TestFront_headers(t *testing.T) {
	backend := newRaw(t, replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	s := newSite(t, settings(), front.Options{}, backend.addr)
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
			[]string{"X-My_Own: 1", "Cookie: a=b", "Accept-Encoding: br", "Authorization: Basic x"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(backend.received())
			conn := s.dial("GET /lb/ HTTP/1.1\r\nHost: example.com:81\r\n" + tt.sent + "\r\n")
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Fatal(err)
			}
			heads := backend.received()[before:]
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

// Case 1.
func TestFront_refuses_CONNECT_and_TRACE(t *testing.T) {
	for _, method := range []string{"CONNECT", "TRACE"} {
		for _, target := range []string{"/lb/x", "example.com:80"} {
			t.Run(method+" "+target, func(t *testing.T) {
				backend := newRaw(t, replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
				s := newSite(t, settings(), front.Options{}, backend.addr)
				conn := s.dial(method + " " + target + " HTTP/1.1\r\nHost: example.com\r\nContent-Length: 35\r\n\r\n" +
					"GET /lb/smuggled HTTP/1.1\r\nHost: x\r\n")
				r := bufio.NewReader(conn)
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				want, slug := 405, "method-not-allowed"
				if (method == "CONNECT") == strings.HasPrefix(target, "/") {
					want, slug = 400, "target-form" // No target for this method.
				}
				if response.StatusCode != want || response.Header.Get("X-Ballast-Error") != slug {
					t.Errorf("%d %q, want %d %q", response.StatusCode, response.Header.Get("X-Ballast-Error"), want, slug)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
					t.Errorf("after the answer %q (%v) came, want the end", rest, err)
				}
				if got := backend.received(); len(got) != 0 {
					t.Errorf("the backend got %q", got)
				}
			})
		}
	}
}

// Cases 2 and 3: what can be read in two ways is refused, and nothing of it or behind it is served.
func TestFront_refuses_what_can_be_read_in_two_ways(t *testing.T) {
	backend := newRaw(t, replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	s := newSite(t, settings(), front.Options{}, backend.addr)
	tests := []struct{ name, fields, slug string }{
		{"a length and a coding", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "length-and-coding"},
		{"two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "several-lengths"},
		{"a length with a sign", "Content-Length: +1\r\n", "length"},
		{"a hexadecimal length", "Content-Length: 0x1\r\n", "length"},
		{"a list of codings", "Transfer-Encoding: ,chunked\r\n", "coding"},
		{"a space before the colon", "Content-Length : 1\r\n", "space-before-colon"},
		{"a fold", "X: a\r\n b\r\n", "fold"},
		{"a line without a carriage return", "X: a\nY: b\r\n", "bare-lf"},
		{"a name that is empty", ": a\r\n", "field-name"},
		{"a NUL", "X: a\x00\r\n", "field-value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := s.dial("POST /lb/first HTTP/1.1\r\nHost: x\r\n" + tt.fields + "\r\n" +
				"1\r\nx\r\n0\r\n\r\nGET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
			all, err := io.ReadAll(conn)
			if err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 || !strings.HasPrefix(string(all), "HTTP/1.1 400 ") ||
				!strings.Contains(string(all), "X-Ballast-Error: "+tt.slug+"\r\n") {
				t.Errorf("%v after:\n%s\nwant one 400 %s", err, all, tt.slug)
			}
		})
	}
	if heads := backend.received(); len(heads) != 0 {
		t.Errorf("the backend got %q", heads)
	}
}

func TestFront_answers_of_its_own(t *testing.T) {
	tests := []struct {
		name    string
		address func(t *testing.T) []string
		path    string
		status  int
		slug    string
	}{
		{"no backend", func(*testing.T) []string { return nil }, "/", 503, "no-backend"},
		{"refused", func(t *testing.T) []string { return []string{refusing(t)} }, "/", 502, "connect-failed"},
		{"all refused", func(t *testing.T) []string { return []string{refusing(t), refusing(t), refusing(t)} }, "/", 502, "connect-failed"},
		{"closed without an answer", func(t *testing.T) []string { return []string{newRaw(t, replies("")).addr} }, "/", 502, "no-answer"},
		{"not HTTP", func(t *testing.T) []string { return []string{newRaw(t, replies("SSH-2.0-x\r\n\r\n")).addr} }, "/", 502, "bad-response"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addresses := tt.address(t)
			s := newSite(t, settings(), front.Options{}, addresses...)
			response, body, err := get(t, client(t), request(t, "GET", s.url(tt.path), nil))
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || response.Header.Get("X-Ballast-Error") != tt.slug {
				t.Errorf("%d %q, want %d %q", response.StatusCode, response.Header.Get("X-Ballast-Error"), tt.status, tt.slug)
			}
			if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type = %q", got)
			}
			if got := response.Header.Get("Retry-After"); (got == "1") != (tt.status == 503) {
				t.Errorf("Retry-After = %q with status %d", got, tt.status)
			}
			var problem struct {
				Type, Title, Detail string
				Status              int
			}
			if err := json.Unmarshal([]byte(body), &problem); err != nil {
				t.Fatalf("body %q: %v", body, err)
			}
			if problem.Type == "" || problem.Title == "" || problem.Detail == "" || problem.Status != tt.status {
				t.Errorf("problem is incomplete: %+v", problem)
			}
			for _, address := range addresses {
				if strings.Contains(body, address) || strings.Contains(body, "127.0.0.1") {
					t.Errorf("the answer tells the address %s: %s", address, body)
				}
			}
			if got := s.report(); got.Rejected[tt.slug] != 1 || got.Requests != 1 || got.Errors != 1 {
				t.Errorf("rejected %v, requests %d, errors %d, want %s once", got.Rejected, got.Requests, got.Errors, tt.slug)
			}
		})
	}
}
