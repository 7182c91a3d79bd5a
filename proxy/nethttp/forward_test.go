package nethttp_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// Case 29: what follows /lb arrives byte for byte.
func TestFront_forwards_the_target_as_it_is(t *testing.T) {
	backend := newRaw(t, replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	s := newSite(t, settings(), nethttp.Options{}, backend.addr)
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
		{"letters beyond ASCII", "/lb/ä", "/ä"},
		{"a question mark in the query", "/lb/a?b?c", "/a?b?c"},
		{"the absolute form", "http://example.com/lb/a?b", "/a?b"},
		{"a hash", "/lb/a#b", ""},
		{"a hash in the query stays", "/lb/a?b#c", "/a?b#c"},
		{"two slashes and bytes that should be escaped", "/lb//a|b", ""},
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
	s := newSite(t, settings(), nethttp.Options{}, backend.addr)
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
			[]string{"X-My_own: 1", "Cookie: a=b", "Accept-Encoding: br", "Authorization: Basic x"},
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
				s := newSite(t, settings(), nethttp.Options{}, backend.addr)
				conn := s.dial(method + " " + target + " HTTP/1.1\r\nHost: example.com\r\nContent-Length: 35\r\n\r\n" +
					"GET /lb/smuggled HTTP/1.1\r\nHost: x\r\n")
				r := bufio.NewReader(conn)
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(target, "/") || method == "CONNECT" {
					if response.StatusCode != 405 || response.Header.Get("X-Ballast-Error") != "method-not-allowed" {
						t.Errorf("status %d (%s), want 405", response.StatusCode, response.Header.Get("X-Ballast-Error"))
					}
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

// Case 2, as far as net/http can: it hides the Content-Length, so there is one reading left, and no
// second request is served.
func TestFront_serves_nothing_after_a_request_with_two_lengths(t *testing.T) {
	backend := newRaw(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		_, _ = io.CopyN(io.Discard, r, int64(len("1\r\nx\r\n0\r\n\r\n")))
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	s := newSite(t, settings(), nethttp.Options{}, backend.addr)
	conn := s.dial("POST /lb/first HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"1\r\nx\r\n0\r\n\r\nGET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
	all, _ := io.ReadAll(conn)
	if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 {
		t.Errorf("%d answers, want 1:\n%s", n, all)
	}
	heads := backend.received()
	if len(heads) != 1 || strings.Contains(heads[0], "Content-Length") || !strings.Contains(heads[0], "Transfer-Encoding: chunked") {
		t.Errorf("the backend got %q, want one chunked request", heads)
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
			s := newSite(t, settings(), nethttp.Options{}, addresses...)
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

func TestFront_passes_answers_on_as_they_are(t *testing.T) {
	tests := []struct {
		name, reply string
		status      int
		body        string
		absent      []string
	}{
		{"no content type is guessed", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", 200, "<html>", []string{"Content-Type"}},
		{"redirects are not followed", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, "", nil},
		{
			"hop-by-hop headers are removed", "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n",
			200, "",
			[]string{"Connection", "Keep-Alive", "X-Hop"},
		},
		{"a backend can't speak for us", "HTTP/1.1 200 OK\r\nX-Ballast-Error: no-backend\r\nContent-Length: 0\r\n\r\n", 200, "", []string{"X-Ballast-Error"}},
		{"early hints come first", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", nil},
		{"a body to the end of the connection", "HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", nil},
		{"an unusual status", "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n", 599, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, settings(), nethttp.Options{}, newRaw(t, replies(tt.reply)).addr)
			response, body, err := get(t, client(t), request(t, "GET", s.url("/"), nil))
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || body != tt.body {
				t.Errorf("%d %q, want %d %q", response.StatusCode, body, tt.status, tt.body)
			}
			for _, name := range tt.absent {
				if _, ok := response.Header[name]; ok {
					t.Errorf("%s: %q", name, response.Header[name])
				}
			}
		})
	}
}

// Case 28.
func TestFront_bad_answers_fail_once(t *testing.T) {
	tests := []struct {
		name, reply string
		status      int // 0: the answer is broken off.
	}{
		{"a length that is not kept", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0},
		{"chunks that break off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0},
		{"chunks that are none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 0},
		{"a status below 100", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n", 502},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 502},
		{"an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502},
		{"a head that breaks off", "HTTP/1.1 200 OK\r\nContent-", 502},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := newRaw(t, replies(tt.reply))
			s := newSite(t, settings(), nethttp.Options{}, backend.addr)
			response, _, err := get(t, client(t), request(t, "GET", s.url("/"), nil))
			switch {
			case tt.status == 0 && err == nil:
				t.Errorf("the answer came whole, with status %d", response.StatusCode)
			case tt.status != 0 && (err != nil || response.StatusCode != tt.status):
				t.Errorf("answer %v (%v), want status %d", response, err, tt.status)
			}
			s.wantCounts(1, 1, 1)
			if got := len(backend.received()); got != 1 {
				t.Errorf("the backend got %d requests, want 1", got)
			}
		})
	}
}

func TestFront_affinity(t *testing.T) {
	name := func(n string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n) }
	}
	conf := settings()
	conf.Sticky = containers.Sticky{Enabled: true, TTL: 3600e9, Cookie: "ballast_affinity"}
	s := newSite(t, conf, nethttp.Options{}, serve(t, name("a")), serve(t, name("b")))
	c := client(t)
	ask := func(cookie string) (string, []*http.Cookie) {
		r := request(t, "GET", s.url("/"), nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		response, body, err := get(t, c, r)
		if err != nil {
			t.Fatal(err)
		}
		return body, response.Cookies()
	}
	first, cookies := ask("")
	if len(cookies) != 1 {
		t.Fatalf("%d cookies set, want 1", len(cookies))
	}
	got := cookies[0]
	want := &http.Cookie{
		Name: "ballast_affinity", Value: got.Value, Path: "/", MaxAge: 3600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Raw: got.Raw,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got.Value) != 22 || strings.Contains(got.Value, first) && len(first) > 1 {
		t.Errorf("cookie differs (-want +got):\n%s", diff)
	}
	back := "x=y; " + got.Name + "=" + got.Value
	for range 6 {
		if body, cookies := ask(back); body != first || len(cookies) != 0 {
			t.Errorf("a client of %s came to %s and got %d cookies, want 0", first, body, len(cookies))
		}
	}
	if _, cookies := ask("ballast_affinity=unknown"); len(cookies) != 1 {
		t.Errorf("an unknown value was answered with %d cookies, want a new one", len(cookies))
	}
	if err := s.core.Drain(t.Context(), "id-"+first); err != nil {
		t.Fatal(err)
	}
	if body, cookies := ask(back); body == first || len(cookies) != 1 {
		t.Errorf("after its backend was drained a client came to %s and got %d cookies, want another and 1", body, len(cookies))
	}
}
