package front_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// A slow body moves by a piece each pace: many times within the limit, while the whole takes many times the limit.
const (
	slowSize  = 640 << 10
	slowPiece = 5 << 10
	slowPace  = 28 * time.Millisecond
	slowIdle  = 400 * time.Millisecond
)

// slowly moves a slow body, a piece by each call of move.
func slowly(move func(piece []byte) error) error {
	ticker := time.NewTicker(slowPace)
	defer ticker.Stop()
	piece := make([]byte, slowPiece)
	for range slowSize / slowPiece {
		<-ticker.C
		if err := move(piece); err != nil {
			return err
		}
	}
	return nil
}

// What sockets hold of a body that is to wait for who takes it. A writer is woken when a third of its socket's
// buffer, which is twice what is asked for, is free again: a slow peer needs longer than the limit to take that much.
const (
	writeBuffer = 208 << 10
	readBuffer  = 64 << 10
)

// smallBuffers has connections that wait soon for who takes what is written to them.
type smallBuffers struct{ net.Listener }

// Accept implements net.Listener.
func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(writeBuffer)
	}
	return conn, err
}

// dialSmall is the same towards backends.
func dialSmall(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(writeBuffer)
	}
	return conn, err
}

// newTight is a site where bodies wait soon for who takes them.
func newTight(t *testing.T, idle time.Duration, address string) *fronttest.Site {
	t.Helper()
	h := own(front.Options{Logger: zerolog.Nop(), BodyIdle: idle, Dial: dialSmall}, func(l net.Listener) net.Listener { return smallBuffers{l} })
	return fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, address)
}

// BodyIdle is a limit of pauses, and not of how long a body takes. All of these go on at the same time.
func TestFront_lets_slow_bodies_go_on(t *testing.T) {
	var wg sync.WaitGroup
	var sites []*fronttest.Site
	for _, begin := range []func(*testing.T) (*fronttest.Site, func()){
		slowFromClient, slowToBackend, slowToClient, slowLengthBehindAnswer, slowChunksBehindAnswer,
	} {
		s, goOn := begin(t)
		sites = append(sites, s)
		wg.Go(goOn)
	}
	wg.Wait()
	for _, s := range sites {
		s.WantCounts(1, 0, 0)
	}
}

func slowFromClient(t *testing.T) (*fronttest.Site, func()) {
	s := newTight(t, slowIdle, fronttest.Serve(t, count))
	conn := s.Dial(slowPost)
	return s, func() {
		if err := slowly(func(piece []byte) error { _, err := conn.Write(piece); return err }); err != nil {
			t.Errorf("a slow client sends: %v", err)
		}
		wantCounted(t, conn)
	}
}

var slowPost = fmt.Sprintf("POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", slowSize)

// count is a backend that answers how many bytes it got.
func count(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	fmt.Fprint(w, n)
}

func wantCounted(t *testing.T, conn net.Conn) {
	t.Helper()
	answer, err := fronttest.ReadAnswer(bufio.NewReader(conn))
	if err != nil || answer.Status != 200 || answer.Body != strconv.Itoa(slowSize) {
		t.Errorf("answer %v, %v, want 200 and %d", answer, err, slowSize)
	}
}

func slowToBackend(t *testing.T) (*fronttest.Site, func()) {
	backend := fronttest.NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		_ = conn.(*net.TCPConn).SetReadBuffer(readBuffer)
		if err := slowly(func(piece []byte) error { _, err := io.ReadFull(r, piece); return err }); err != nil {
			t.Errorf("a slow backend reads: %v", err)
		}
		got := strconv.Itoa(slowSize)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(got), got)
	})
	s := newTight(t, slowIdle, backend.Address)
	conn := s.Dial(slowPost)
	return s, func() {
		if _, err := conn.Write(make([]byte, slowSize)); err != nil {
			t.Errorf("send to a slow backend: %v", err)
		}
		wantCounted(t, conn)
	}
}

func slowToClient(t *testing.T) (*fronttest.Site, func()) {
	s := newTight(t, slowIdle, fronttest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(slowSize))
		_, _ = w.Write(make([]byte, slowSize))
	}))
	conn := s.Dial("")
	_ = conn.(*net.TCPConn).SetReadBuffer(readBuffer)
	fmt.Fprint(conn, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, func() {
		if err := slowly(func(piece []byte) error { _, err := io.ReadFull(response.Body, piece); return err }); err != nil {
			t.Errorf("a slow client reads: %v", err)
		}
	}
}

func slowLengthBehindAnswer(t *testing.T) (*fronttest.Site, func()) {
	return slowBehindAnswer(t, slowBody{
		head:  slowPost,
		read:  func(r io.Reader) io.Reader { return io.LimitReader(r, slowSize) },
		write: func(w io.Writer, piece []byte) error { _, err := w.Write(piece); return err },
	})
}

func slowChunksBehindAnswer(t *testing.T) (*fronttest.Site, func()) {
	return slowBehindAnswer(t, slowBody{
		head: "POST /lb/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		last: "0\r\n\r\n",
		read: httputil.NewChunkedReader,
		write: func(w io.Writer, piece []byte) error {
			_, err := fmt.Fprintf(w, "%x\r\n%s\r\n", len(piece), piece)
			return err
		},
	})
}

// slowBody is how a slow body is sent: a head, pieces and what is last.
type slowBody struct {
	head, last string
	read       func(io.Reader) io.Reader
	write      func(io.Writer, []byte) error
}

// slowBehindAnswer has a backend that answers at once and whole, and then reads the request. The connection goes on
// after it.
func slowBehindAnswer(t *testing.T, body slowBody) (*fronttest.Site, func()) {
	got := make(chan int64, 1)
	backend := fronttest.NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		n, _ := io.Copy(io.Discard, body.read(r))
		got <- n
	})
	s := newTight(t, slowIdle, backend.Address)
	conn := s.Dial(body.head)
	r := bufio.NewReader(conn)
	if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 || answer.Body != "ok" {
		t.Fatalf("answer %v, %v, want 200 ok", answer, err)
	}
	return s, func() {
		if err := slowly(func(piece []byte) error { return body.write(conn, piece) }); err != nil {
			t.Errorf("a slow client sends after its answer: %v", err)
		}
		fmt.Fprint(conn, body.last)
		if n := <-got; n != slowSize {
			t.Errorf("a backend that had answered got %d bytes, want %d", n, slowSize)
		}
		fmt.Fprint(conn, "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 404 {
			t.Errorf("the next answer on the connection is %v, %v, want 404", answer, err)
		}
	}
}

// Bodies that stand still are cut also when they move inside the kernel, whose buffers were full of them.
func TestFront_cuts_long_bodies_that_stand_still(t *testing.T) {
	const idle = 100 * time.Millisecond
	t.Run("from a client", func(t *testing.T) {
		s := newTight(t, idle, fronttest.Serve(t, count))
		conn := s.Dial(slowPost)
		if _, err := conn.Write(make([]byte, slowSize/4)); err != nil {
			t.Error(err)
		}
		if answer, err := fronttest.ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 400 {
			t.Errorf("answer %v, %v, want 400", answer, err)
		}
		s.WantCounts(1, 0, 0)
	})
	t.Run("to a client", func(t *testing.T) {
		ended := make(chan struct{})
		s := newTight(t, idle, fronttest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(ended)
			w.Header().Set("Content-Length", "1000000000")
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, writeBuffer))
			}
		}))
		s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n") // It stays, and takes nothing.
		wait(t, ended, "the answer to be cut")
		s.WantCounts(1, 0, 0)
	})
}

// wait waits until a channel is closed.
func wait(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(fronttest.Patience):
		t.Fatalf("waited %s in vain for %s", fronttest.Patience, what)
	}
}
