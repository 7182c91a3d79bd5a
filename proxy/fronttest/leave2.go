package fronttest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

var leaveTests2 = []test{
	{"a client goes away before a request is whole", testLeavesEarly2},
	{"a client goes away while we connect", testLeavesConnect2},
	{"a client goes away", testLeaves2},
	{"a client goes away from an answer that it does not read", testLeavesUnread2},
	{"a client that goes away from one stream stays on others", testLeavesOne2},
}

// ways2 are how a client goes away from a stream.
var ways2 = []struct {
	name  string
	leave func(*wire2, uint32)
}{
	{"with RST_STREAM", func(w *wire2, stream uint32) { w.cancel(stream) }},
	{"closing", func(w *wire2, _ uint32) { w.conn.Close() }},
	{"with a reset", func(w *wire2, _ uint32) { reset(w.raw) }},
}

// Case 30, before there is anything to cancel: no backend hears of it.
func testLeavesEarly2(t *testing.T, h Harness) {
	for _, before := range []string{"", "\x00\x00\x20\x01\x05", "\x00\x00\x20\x01\x05\x00\x00\x00\x01\x82\x87"} {
		backend := NewOK(t)
		s := NewSite(t, h, Settings(), Options{}, backend.Address)
		w := newWire2(s)
		_, _ = io.WriteString(w.conn, before)
		reset(w.raw)
		s.WantCounts(0, 0, 0)
		if got := backend.Captured(); len(got) != 0 {
			t.Errorf("the backend got %q, want nothing", got)
		}
	}
}

// Case 30: the attempt to connect ends, and is no failure of the backend's.
func testLeavesConnect2(t *testing.T, h Harness) {
	for _, way := range ways2 {
		t.Run(way.name, func(t *testing.T) {
			conf := Settings()
			conf.ConnectTimeout = 4 * Patience
			s := NewSite(t, h, conf, Options{}, Silent(t))
			w := newWire2(s)
			stream := w.open(fields2("GET", "/lb/"), true)
			s.attempted(1)
			way.leave(w, stream)
			s.WantCounts(1, 0, 0)
			wantStatus(t, s, 499)
		})
	}
}

// Case 30: a client that leaves ends the attempt, and is no failure of the backend's.
func testLeaves2(t *testing.T, h Harness) {
	const begins = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"
	tests := []struct {
		name   string
		fields []string
		sends  bool   // A part of a body.
		answer string // What the backend begins.
		status int
	}{
		{"while it waits", fields2("GET", "/lb/"), false, "", 499},
		{"while its body is sent", fields2("POST", "/lb/", "content-length: 100"), true, "", 499},
		{"while a body of no length is sent", fields2("POST", "/lb/"), true, "", 499},
		{"while its body is waited for", fields2("POST", "/lb/", "content-length: 100", "expect: 100-continue"), true, "", 499},
		{"while the answer comes", fields2("GET", "/lb/"), false, begins, 200},
		{"while both go on", fields2("POST", "/lb/", "content-length: 100"), true, begins, 200},
	}
	for _, tt := range tests {
		for _, way := range ways2 {
			t.Run(tt.name+" "+way.name, func(t *testing.T) {
				arrived, ended := make(chan struct{}), make(chan struct{})
				backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
					defer close(ended)
					_, _ = io.WriteString(conn, tt.answer)
					if tt.sends {
						_, _ = r.ReadByte()
					}
					close(arrived)
					_, _ = io.Copy(io.Discard, r) // Until the connection ends.
				})
				s := NewSite(t, h, Settings(), Options{}, backend.Address)
				w := newWire2(s)
				stream := w.open(tt.fields, !tt.sends)
				if tt.sends {
					w.data(stream, "hello", false)
				}
				wait(t, arrived, "the request to arrive")
				if tt.answer != "" {
					if r := w.head(stream); r.status != 200 {
						t.Fatalf("answer %v, want 200 to begin", r)
					}
				}
				way.leave(w, stream)
				wait(t, ended, "the attempt to be cancelled")
				s.WantCounts(1, 0, 0)
				wantStatus(t, s, tt.status)
				if got := backend.Received(); len(got) != 1 {
					t.Errorf("the backend got %d requests, want 1", len(got))
				}
			})
		}
	}
}

// Case 30: what waits for a client to give room is not waiting for ever.
func testLeavesUnread2(t *testing.T, h Harness) {
	for _, way := range ways2 {
		t.Run(way.name, func(t *testing.T) {
			ended := make(chan struct{})
			backend := Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				defer close(ended)
				b := make([]byte, 64<<10)
				for err := error(nil); err == nil; {
					_, err = w.Write(b)
				}
			})
			s := NewSite(t, h, Settings(), Options{}, backend)
			w := newWire2(s)
			w.grant = nil
			stream := w.open(fields2("GET", "/lb/"), true)
			r := w.replies[stream]
			w.until(func() bool { return r.body.Len() == 65535 || r.ended() })
			way.leave(w, stream)
			wait(t, ended, "the backend to be told")
			s.WantCounts(1, 0, 0)
			wantStatus(t, s, 200)
		})
	}
}

// RST_STREAM is about one stream: others on the connection are answered.
func testLeavesOne2(t *testing.T, h Harness) {
	const streams = 20
	arrived, answer := make(chan struct{}, streams), make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		arrived <- struct{}{}
		<-answer
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	var stay []uint32
	for i := range streams {
		stream := w.open(fields2("GET", "/lb/"+strings.Repeat("x", i)), true)
		receive(t, arrived, "the request to arrive")
		if i%2 == 0 {
			w.cancel(stream)
		} else {
			stay = append(stay, stream)
		}
	}
	s.attempted(len(stay))
	close(answer)
	for _, stream := range stay {
		if r := w.reply(stream); r.status != 200 || r.body.String() != "ok" {
			t.Errorf("answer %v, want 200 ok", r)
		}
	}
	s.WantCounts(streams, 0, 0)
}
