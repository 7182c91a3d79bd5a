package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

var blameTests = []test{
	{"blames no backend for what clients do", testBlamesNobody},
	{"blames no backend that gives a slow client up", testGivesUp},
	{"blames a backend that breaks off long after its client was slow", testGivesUpLate},
	{"blames no backend for a deadline of the client's", testDeadline},
}

// breakable is a site with one backend, which is ejected after breakAfter failures.
func breakable(t *testing.T, h Harness, o Options, address string) *Site {
	t.Helper()
	conf := Settings()
	conf.Breaker, conf.Timeout = breakAfter, 200*time.Millisecond
	return NewSite(t, h, conf, o, address)
}

// wantClosed checks that nothing brings the backend nearer to an ejection.
func (s *Site) wantClosed() {
	s.t.Helper()
	if b := s.Report().Backends[0]; b.State != containers.StateReady || b.Breaker.State != proxy.BreakerClosed || b.Breaker.Failures != 0 {
		s.t.Errorf("%s, breaker %s with %d failures, want it ready without", b.State, b.Breaker.State, b.Breaker.Failures)
	}
}

// A healthy backend stays in rotation whatever clients do.
func testBlamesNobody(t *testing.T, h Harness) {
	const pause = 200 * time.Millisecond
	// reads is a backend that wants all of a body before it answers, and says nothing of a 100.
	reads := func(conn net.Conn, r *bufio.Reader, _ string) {
		_, _ = io.CopyN(io.Discard, r, 100)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
	post := "POST /lb/ HTTP/1.1\r\nHost: x\r\n"
	tests := []struct {
		name, request string
		backend       func(conn net.Conn, r *bufio.Reader, head string)
		client        func(conn net.Conn)
	}{
		{"a client that waits for a 100 for ever", post + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", reads, readAll},
		{"a client that sends no body", post + "Content-Length: 100\r\n\r\n", reads, readAll},
		{"a client that stops in the middle", post + "Content-Length: 100\r\n\r\nhello", reads, readAll},
		{"a client that ends its side in the middle", post + "Content-Length: 100\r\n\r\nhello", reads, func(conn net.Conn) {
			_ = conn.(*net.TCPConn).CloseWrite()
			readAll(conn)
		}},
		{"a client that resets in the middle", post + "Content-Length: 100\r\n\r\nhello", reads, reset},
		{"a client that takes nothing of what it is sent back", post + "Content-Length: 1000000000\r\n\r\n", func(conn net.Conn, r *bufio.Reader, _ string) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
			_, _ = io.Copy(conn, r)
		}, func(conn net.Conn) {
			b := make([]byte, 64<<10)
			for err := error(nil); err == nil; {
				_, err = conn.Write(b)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := breakable(t, h, Options{BodyIdle: pause}, NewBackend(t, tt.backend).Address)
			for range breakAfter {
				conn := s.Dial(tt.request)
				tt.client(conn)
				conn.Close()
				s.Settled()
			}
			s.wantClosed()
		})
	}
}

// Limits of backends may be shorter than ours. That one of them passed is seen from the end of the connection alone.
func testGivesUp(t *testing.T, h Harness) {
	const patience = 600 * time.Millisecond
	stops := func(conn net.Conn, r *bufio.Reader, _ string) { // As nginx does with client_body_timeout.
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, _ = io.CopyN(io.Discard, r, 100)
	}
	gaveUp := make(chan struct{}, 1)
	tests := []struct {
		name, request string
		backend       func(conn net.Conn, r *bufio.Reader, head string)
		client        func(net.Conn)
		status        int // 0 if it is not looked at.
	}{
		{"that stops in the middle of a body", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello", stops, nil, 400},
		{"that stops when the answer has begun", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello", func(conn net.Conn, r *bufio.Reader, head string) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
			stops(conn, r, head)
		}, nil, 200},
		{"that pauses in an answer", get("/"), func(conn net.Conn, _ *bufio.Reader, _ string) { // As with send_timeout.
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
			for b := make([]byte, 64<<10); err == nil; {
				_ = conn.SetWriteDeadline(time.Now().Add(patience))
				_, err = conn.Write(b)
			}
			reset(conn)
			gaveUp <- struct{}{}
		}, func(net.Conn) { receive(t, gaveUp, "the backend to give up") }, 0},
		// As with a limit on the body as a whole.
		{"that has paused in a body", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nhello", func(_ net.Conn, r *bufio.Reader, _ string) {
			_, _ = io.CopyN(io.Discard, r, 12)
		}, func(conn net.Conn) {
			<-time.After(patience)
			_, _ = io.WriteString(conn, ", again")
		}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := breakable(t, h, Options{BodyIdle: 3 * patience}, NewBackend(t, tt.backend).Address)
			conn := s.Dial(tt.request)
			if tt.client != nil {
				tt.client(conn)
			}
			if tt.status == 0 {
				_, _ = io.Copy(io.Discard, conn)
			} else if answer, _ := ReadAnswer(bufio.NewReader(conn)); answer.Status != tt.status {
				t.Errorf("answer %v, want %d", answer, tt.status)
			}
			conn.Close()
			s.wantClosed()
			s.WantCounts(1, 0, 0)
		})
	}
}

// An excuse does not last: who takes all as it comes has not been waited for by a backend that breaks off.
func testGivesUpLate(t *testing.T, h Harness) {
	const limit, long = time.Second, 64 << 20 // More than sockets on the way hold.
	tests := []struct {
		name, first, second string
		expects, sends      int64
	}{
		{"in a body", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nhello", ", again", 12, 100},
		{"in an answer", get("/"), "", 0, long},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			taken := make(chan struct{})
			s := breakable(t, h, Options{BodyIdle: limit}, NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
				_, _ = io.CopyN(io.Discard, r, tt.expects)
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", tt.sends+1)
				_, _ = conn.Write(make([]byte, tt.sends))
				<-taken
				<-time.After(2 * limit)
			}).Address)
			conn := s.Dial(tt.first)
			<-time.After(limit * 3 / 5)
			_, _ = io.WriteString(conn, tt.second)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				close(taken)
				t.Fatal(err)
			}
			defer response.Body.Close()
			n, err := io.CopyN(io.Discard, response.Body, tt.sends)
			close(taken)
			if err != nil {
				t.Errorf("after %d bytes: %v, want %d", n, err, tt.sends)
			}
			if rest, err := io.Copy(io.Discard, response.Body); err == nil || rest != 0 {
				t.Errorf("then %d bytes, %v, want the answer to break off", rest, err)
			}
			s.WantCounts(1, 1, 1)
		})
	}
}

// readAll waits until the front ends a connection.
func readAll(conn net.Conn) { _, _ = ReadAnswer(bufio.NewReader(conn)) }

// What a gateway answers when the deadline has passed that its client has set tells nothing of it.
func testDeadline(t *testing.T, h Harness) {
	for text, ejected := range map[string]bool{"1n": false, "1H": true} {
		s := breakable(t, h, Options{}, Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) }))
		for range breakAfter {
			if answer, _ := s.Say("GET /lb/ HTTP/1.1\r\nHost: x\r\nGrpc-Timeout: " + text + "\r\n\r\n"); answer.Status != 504 {
				t.Errorf("answer %v, want 504", answer)
			}
		}
		if got := s.Report().Backends[0].Breaker.State == proxy.BreakerOpen; got != ejected {
			t.Errorf("%d answers of 504, Grpc-Timeout: %s: ejected %t, want %t", breakAfter, text, got, ejected)
		}
	}
}
