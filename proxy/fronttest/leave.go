package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

var leaveTests = []test{
	{"a client goes away before a request is whole", testLeavesEarly},
	{"a client goes away while we connect", testLeavesConnect},
	{"a client goes away", testLeaves},
	{"a client goes away from an answer that it does not read", testLeavesUnread},
	{"a client goes away from a WebSocket", testLeavesTunnel},
	{"a client that half-closes gets no empty 200", testHalfClose},
}

// ways are how a client goes away: in good order, and not.
var ways = []struct {
	name  string
	leave func(net.Conn)
}{
	{"closing", func(c net.Conn) { c.Close() }},
	{"with a reset", reset},
}

// Case 30, before there is anything to cancel: no backend hears of it.
func testLeavesEarly(t *testing.T, h Harness) {
	for _, tt := range []struct{ name, before string }{
		{"before the first byte", ""},
		{"in a head", "GET /lb/ HTTP/1.1\r\nHos"},
	} {
		for _, way := range ways {
			t.Run(tt.name+" "+way.name, func(t *testing.T) {
				backend := NewOK(t)
				s := NewSite(t, h, Settings(), Options{}, backend.Address)
				conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
				if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 {
					t.Fatalf("answer %v, %v", answer, err)
				}
				fmt.Fprint(conn, tt.before)
				way.leave(conn)
				s.WantCounts(1, 0, 0)
				if got := backend.Captured(); len(got) != 1 {
					t.Errorf("the backend got %q, want one request", got)
				}
			})
		}
	}
}

// Case 30: the attempt to connect ends, and is no failure of the backend's.
func testLeavesConnect(t *testing.T, h Harness) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			conf := Settings()
			conf.ConnectTimeout = 4 * Patience
			s := NewSite(t, h, conf, Options{}, Silent(t))
			conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
			s.attempted(1)
			way.leave(conn)
			s.WantCounts(1, 0, 0)
			wantStatus(t, s, 499)
		})
	}
}

// attempted waits until n requests are in flight at a backend.
func (s *Site) attempted(n int) {
	s.t.Helper()
	Eventually(s.t, "the attempts to begin", func() bool { return s.Core.Pool("default").InFlight("id-a") == n })
}

// Case 30: a client that leaves ends the attempt, and is no failure of the backend's.
func testLeaves(t *testing.T, h Harness) {
	tests := []struct {
		name, send string
		body       bool // The backend begins an answer.
		status     int
	}{
		{"while it waits", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", false, 499},
		{"while its body is sent", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello", false, 499},
		{"while its chunks are sent", "POST /lb/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, 499},
		{"while its body is waited for", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", false, 499},
		{"while the answer comes", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", true, 200},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+" "+way.name, func(t *testing.T) {
				arrived, ended := make(chan struct{}), make(chan struct{})
				backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
					defer close(ended)
					if tt.body {
						_, _ = w.Write([]byte("x"))
						_ = http.NewResponseController(w).Flush()
					}
					close(arrived)
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
				})
				s := NewSite(t, h, Settings(), Options{}, backend)
				conn := s.Dial(tt.send)
				<-arrived
				if tt.body {
					if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200 ") {
						t.Fatalf("answer %q, %v", line, err)
					}
				}
				way.leave(conn)
				wait(t, ended, "the attempt to be cancelled")
				s.WantCounts(1, 0, 0)
				wantStatus(t, s, tt.status)
			})
		}
	}
}

// Case 30: what waits for a client to read is not waiting for ever.
func testLeavesUnread(t *testing.T, h Harness) {
	for name, length := range map[string]bool{"of a length": true, "in chunks": false} {
		for _, way := range ways {
			t.Run(name+" "+way.name, func(t *testing.T) {
				ended := make(chan struct{})
				backend := Serve(t, func(w http.ResponseWriter, _ *http.Request) {
					defer close(ended)
					if length {
						w.Header().Set("Content-Length", "1000000000")
					}
					b := make([]byte, 64<<10)
					for err := error(nil); err == nil; {
						_, err = w.Write(b)
					}
				})
				s := NewSite(t, h, Settings(), Options{}, backend)
				conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
				if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				way.leave(conn)
				wait(t, ended, "the backend to be told")
				s.WantCounts(1, 0, 0)
				wantStatus(t, s, 200)
			})
		}
	}
}

// Case 30, after an upgrade: the backend is told.
func testLeavesTunnel(t *testing.T, h Harness) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			ended := make(chan struct{})
			backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
				defer close(ended)
				fmt.Fprint(conn, switched)
				_, _ = io.Copy(io.Discard, r)
			})
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			conn := s.Dial(handshake + "\r\n")
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 101 ") {
				t.Fatalf("answer %q, %v", line, err)
			}
			way.leave(conn)
			wait(t, ended, "the backend to be told")
			s.WantCounts(1, 0, 0)
			wantStatus(t, s, 101)
		})
	}
}

// net/http takes a client that closed its half of the connection for one that left. It must not be
// told that all is well.
func testHalfClose(t *testing.T, h Harness) {
	arrived := make(chan struct{})
	backend := Serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	s := NewSite(t, h, Settings(), Options{}, backend)
	conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all, _ := io.ReadAll(conn); len(all) != 0 {
		t.Errorf("the client was answered %q", all)
	}
	s.WantCounts(1, 0, 0)
}
