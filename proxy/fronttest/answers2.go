package fronttest

import (
	"testing"
)

var answerTests2 = []test{
	{"passes on what answers are in HTTP/2", testAnswers2},
	{"breaks off an answer that breaks off", testTruncated2},
}

// hop is what stands between neighbours and has no place in HTTP/2, where a client takes it for malformed
// (RFC 9113 8.2.2).
const hop = "Connection: X-Hop\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nX-Hop: 1\r\n"

func testAnswers2(t *testing.T, h Harness) {
	tests := []struct {
		name, reply string
		interim     int
		status      int
		body        string
	}{
		{"neighbours' fields are removed", "HTTP/1.1 200 OK\r\n" + hop + "Content-Length: 2\r\n\r\nok", 0, 200, "ok"},
		{"and from chunks", "HTTP/1.1 200 OK\r\n" + hop + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0, 200, "ok"},
		{
			"and from interim answers", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n" + hop + "\r\nHTTP/1.1 103 Early Hints\r\nLink: </y>\r\n\r\n" +
				"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2, 200, "ok",
		},
		{"the end of the connection ends a body", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", 0, 200, "hello"},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", 0, 204, ""},
		{"not modified, with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, 304, ""},
		{"an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 0, 502, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSite(t, h, Settings(), Options{}, NewBackend(t, Replies(tt.reply)).Address)
			w := newWire2(s)
			r := w.exchange(fields2("GET", "/lb/"))
			if r.status != tt.status || !r.whole || tt.status == 200 && r.body.String() != tt.body {
				t.Errorf("answer %v, want %d %q", r, tt.status, tt.body)
			}
			if len(r.interim) != tt.interim {
				t.Errorf("interim answers %v, want %d", r.interim, tt.interim)
			}
			heads := append(r.interim, r.header)
			for i, head := range heads {
				for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "X-Hop", "Transfer-Encoding"} {
					if got, ok := head[name]; ok {
						t.Errorf("head %d has %s: %q", i, name, got)
					}
				}
				if tt.interim > 0 && (head.Get("Link") != "") != (i < tt.interim) {
					t.Errorf("head %d has Link: %q", i, head.Get("Link"))
				}
			}
			if w.away != nil {
				t.Errorf("the connection is ended: %v", w.away)
			}
		})
	}
}

// Case 28, as HTTP/2 has it: what breaks off ends with RST_STREAM and never with END_STREAM, whatever the framing was,
// and other streams don't mind.
func testTruncated2(t *testing.T, h Harness) {
	tests := []struct{ name, reply, body string }{
		{"a length that is not kept", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "hello"},
		{"a length and nothing", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", ""},
		{"chunks that break off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello"},
		{"a chunk that breaks off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello", "hello"},
		{"chunks that are none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", "hello"},
		{"no last chunk's end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello"},
		{"trailers that break off", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1", "hello"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := NewBackend(t, Replies(tt.reply))
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			w := newWire2(s)
			r := w.exchange(fields2("GET", "/lb/"))
			if r.status != 200 && tt.body != "" || r.whole || !r.reset || r.code == 0 || r.body.String() != tt.body {
				t.Errorf("answer %v, want %q and a reset", r, tt.body)
			}
			if w.away != nil {
				t.Errorf("the connection is ended: %v", w.away)
			}
			s.WantCounts(1, 1, 1)
			if got := len(backend.Received()); got != 1 {
				t.Errorf("the backend got %d requests, want 1", got)
			}
		})
	}
}
