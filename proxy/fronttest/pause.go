package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"
)

var pauseTests = []test{
	{"the pool says how long a body may stand still", testPoolPause},
	{"the pool's limit is not one of slow bodies", testPoolSlow},
}

func testPoolPause(t *testing.T, h Harness) {
	conf := Settings()
	conf.IdleTimeout = 100 * time.Millisecond
	t.Run("from a client", func(t *testing.T) {
		s := NewSite(t, h, conf, Options{}, Serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		for _, framed := range []string{"Content-Length: 100\r\n\r\nhello", "Content-Length: 300000\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
			if answer, _ := s.Say("POST /lb/ HTTP/1.1\r\nHost: x\r\n" + framed); answer.Status != 400 || answer.Header.Get("X-Ballast-Error") != "bad-request" {
				t.Errorf("%q: %v, want 400", framed, answer)
			}
		}
		s.WantCounts(3, 0, 0)
	})
	t.Run("to a client", func(t *testing.T) {
		for name, length := range map[string]bool{"of a length": true, "in chunks": false} {
			t.Run(name, func(t *testing.T) {
				ended := make(chan struct{})
				s := NewSite(t, h, conf, Options{}, Serve(t, func(w http.ResponseWriter, _ *http.Request) {
					defer close(ended)
					if length {
						w.Header().Set("Content-Length", "1000000000")
					}
					b := make([]byte, 64<<10)
					for err := error(nil); err == nil; {
						_, err = w.Write(b)
					}
				}))
				s.Dial(get("/")) // It stays, and takes nothing.
				wait(t, ended, "the answer to be cut")
				s.WantCounts(1, 0, 0)
			})
		}
	})
	t.Run("to a backend", func(t *testing.T) {
		stop := make(chan struct{})
		backend := NewBackend(t, func(net.Conn, *bufio.Reader, string) { <-stop })
		t.Cleanup(func() { close(stop) })
		s := NewSite(t, h, conf, Options{}, backend.Address)
		conn := s.Dial("POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
		sent := make(chan struct{})
		go func() { // Ends with the connection, for nobody reads that much.
			defer close(sent)
			b := make([]byte, 64<<10)
			for err := error(nil); err == nil; {
				_, err = conn.Write(b)
			}
		}()
		if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 504 {
			t.Errorf("answer %v, %v, want 504", answer, err)
		}
		conn.Close()
		<-sent
		s.WantCounts(1, 1, 1)
	})
}

// Case 17, scaled: both ways longer than the limit, and never still for long.
func testPoolSlow(t *testing.T, h Harness) {
	conf := Settings()
	conf.IdleTimeout = slowLimit
	s := NewSite(t, h, conf, Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(slowPieces))
		_ = http.NewResponseController(w).EnableFullDuplex()
		b := make([]byte, 1)
		for range slowPieces {
			if _, err := io.ReadFull(r.Body, b); err != nil {
				t.Errorf("read a slow body: %v", err)
				return
			}
			_, _ = w.Write(b)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	conn := s.Dial(fmt.Sprintf("POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", slowPieces))
	go slowly(func() { fmt.Fprint(conn, "x") })
	if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 || len(answer.Body) != slowPieces {
		t.Errorf("answer %v, %v, want %d bytes", answer, err, slowPieces)
	}
	s.WantCounts(1, 0, 0)
}
