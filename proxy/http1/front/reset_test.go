package front_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Case 28, of an answer without framing on both sides: its reset is passed on, and is the end of it for the front as well.
func TestFront_passes_on_the_reset_of_what_has_no_framing(t *testing.T) {
	for name, head := range map[string]string{"of 1.1": "HTTP/1.1 200 OK\r\n\r\n", "of 1.0": "HTTP/1.0 200 OK\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan struct{})
			backend := fronttest.NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
				fmt.Fprint(conn, head+"hello")
				<-heard
				reset(conn)
			})
			s := newSite(t, fronttest.Settings(), front.Options{}, backend.Address)
			conn := s.Dial("GET /lb/ HTTP/1.0\r\nHost: x\r\n\r\n")
			r := bufio.NewReader(conn)
			text := ""
			for !strings.HasSuffix(text, "\r\n\r\nhello") {
				b, err := r.ReadByte()
				if err != nil {
					t.Fatalf("%v after %q", err, text)
				}
				text += string(b)
			}
			close(heard)
			if rest, err := io.ReadAll(r); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%q and %v came then, want a reset", rest, err)
			}
			s.WantCounts(1, 1, 1)
			if err := s.Drain(context.Background()); err != nil {
				t.Errorf("Drain() = %v", err)
			}
		})
	}
}

// What was answered before is not lost to the reset that refusing a long body could cause.
func TestFront_refuses_a_long_body_without_losing_answers(t *testing.T) {
	const answered, refused = 300 << 10, 300 << 10
	backend := fronttest.NewBackend(t, fronttest.Replies(
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", answered, strings.Repeat("a", answered)),
	))
	var once sync.Once
	s := newOwn(t, fronttest.Settings(), front.Options{Logger: zerolog.Nop(), Dial: func(ctx context.Context, address string) (conn net.Conn, err error) {
		err = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		once.Do(func() {
			var d net.Dialer
			conn, err = d.DialContext(ctx, "tcp", address)
		})
		return conn, err
	}}, backend.Address, backend.Address)
	conn := s.Dial("")
	_ = conn.(*net.TCPConn).SetReadBuffer(readBuffer) // Most of the answers are on their way for long.
	fmt.Fprint(conn, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	sent := make(chan error, 1)
	go func() {
		fmt.Fprint(conn, "POST /lb/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		w := httputil.NewChunkedWriter(conn)
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(endless{}, refused), make([]byte, 4<<10))
		sent <- errors.Join(err, w.Close())
		fmt.Fprint(conn, "\r\n")
	}()
	r := bufio.NewReader(conn)
	if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 || len(answer.Body) != answered {
		t.Errorf("%d with %d bytes, %v, want 200 with %d", answer.Status, len(answer.Body), err, answered)
	}
	if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 502 || answer.Header.Get("X-Ballast-Error") != "connect-failed" {
		t.Errorf("then %v, %v, want 502", answer, err)
	}
	if err := <-sent; err != nil {
		t.Errorf("the body that is refused could not be sent: %v", err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("then %q, %v, want the end", rest, err)
	}
}

// What was answered before is not lost when an answer breaks off because its client was slow to send, and so may be slow to
// read as well.
func TestFront_breaks_off_for_a_slow_client_without_losing_answers(t *testing.T) {
	const answered, patience = 240 << 10, 600 * time.Millisecond // More than the client's buffer has room for.
	s := fronttest.NewSite(t, harness(quick), fronttest.Settings(), fronttest.Options{BodyIdle: 3 * patience},
		fronttest.NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
			if strings.HasPrefix(head, "GET ") {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", answered, strings.Repeat("a", answered))
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, _ = io.CopyN(io.Discard, r, 100)
		}).Address)
	conn := s.Dial("")
	_ = conn.(*net.TCPConn).SetReadBuffer(readBuffer)
	fmt.Fprint(conn, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\nPOST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
	fronttest.Eventually(t, "both to end", func() bool {
		return s.InFlight() == 0 && s.Core.Report(time.Now()).Pools[0].Requests == 2
	})
	s.WantCounts(2, 0, 0)
	if err := s.Drain(context.Background()); err != nil { // Then the connection is closed.
		t.Errorf("Drain() = %v", err)
	}
	r := bufio.NewReader(conn)
	if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 || len(answer.Body) != answered {
		t.Errorf("%d with %d bytes, %v, want 200 with %d", answer.Status, len(answer.Body), err, answered)
	}
	if answer, err := fronttest.ReadAnswer(r); !errors.Is(err, io.ErrUnexpectedEOF) || answer.Status != 200 || answer.Body != "hello" {
		t.Errorf("then %v, %v, want the beginning of an answer", answer, err)
	}
}

// endless is a body of zeros.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
