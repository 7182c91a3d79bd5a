package front_test

import (
	"testing"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

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
			s := newSite(t, settings(), front.Options{}, newRaw(t, replies(tt.reply)).addr)
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
			s := newSite(t, settings(), front.Options{}, backend.addr)
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
