package fronttest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Serve starts an HTTP backend and returns its address.
func Serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Backend reads the head of a request on each connection, and then does what it is told.
type Backend struct {
	Address string

	do func(conn net.Conn, r *bufio.Reader, head string)
	mu sync.Mutex
	// heads are those that were received, and captured all that came by connection. Guarded by mu.
	heads    []string
	captured []*strings.Builder
}

// NewBackend starts a backend. What it does has the connection for itself until it returns, and is interrupted
// when the test ends.
func NewBackend(t testing.TB, do func(conn net.Conn, r *bufio.Reader, head string)) *Backend {
	t.Helper()
	listener := Listen(t)
	b := &Backend{Address: listener.Addr().String(), do: do}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		listener.Close()
		cancel()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				defer conn.Close()
				b.serve(conn)
			})
		}
	})
	return b
}

// NewOK starts a backend that answers each request with an empty 200 and closes.
func NewOK(t testing.TB) *Backend {
	t.Helper()
	return NewBackend(t, Replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
}

// Replies is what a backend does to send text and close.
func Replies(text string) func(net.Conn, *bufio.Reader, string) {
	return func(conn net.Conn, _ *bufio.Reader, _ string) { fmt.Fprint(conn, text) }
}

func (b *Backend) serve(conn net.Conn) {
	c := &capturing{Conn: conn, b: b, text: &strings.Builder{}}
	b.mu.Lock()
	b.captured = append(b.captured, c.text)
	b.mu.Unlock()
	r := bufio.NewReader(c)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		head += line
	}
	b.mu.Lock()
	b.heads = append(b.heads, head)
	b.mu.Unlock()
	b.do(conn, r, head)
}

// capturing takes down what is read of a connection.
type capturing struct {
	net.Conn
	b    *Backend
	text *strings.Builder // Guarded by b.mu.
}

func (c *capturing) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.text.Write(p[:n])
	return n, err
}

// Received returns the heads of the requests that came.
func (b *Backend) Received() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.heads...)
}

// Captured returns what was read so far, by connection.
func (b *Backend) Captured() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]string, len(b.captured))
	for i, text := range b.captured {
		all[i] = text.String()
	}
	return all
}
