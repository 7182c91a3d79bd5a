package nethttp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// statusClientGone is what is counted when the client left before its answer began, as nginx does.
const statusClientGone = 499

// writer is the client's side of an exchange. It remembers the status, allows each write some time,
// and hands over what a client sent early when the connection is upgraded.
type writer struct {
	http.ResponseWriter
	ctx      context.Context // Of the one request that the writer belongs to.
	limit    *deadline
	status   int
	sent     int64    // How much of the body.
	slow     lateness // The client took long to take some of it.
	head     bool     // The request is a HEAD, whose answer has none although it is written.
	hijacked bool
	// headOnly says that no body follows the answer's head.
	headOnly bool
	// last says that the connection is closed after the answer. It is told only then, for the reverse
	// proxy clears the headers after each 1xx.
	last bool
}

func newWriter(w http.ResponseWriter, idle time.Duration) *writer {
	return &writer{ResponseWriter: w, limit: writeDeadline(w, idle)}
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) answered() int {
	switch {
	case w.hijacked:
		return http.StatusSwitchingProtocols
	case w.status == 0:
		return statusClientGone
	default:
		return w.status
	}
}

func (w *writer) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		stripHop(w.Header())
	}
	if status >= http.StatusOK && w.status == 0 {
		w.status = status
		if h := w.Header(); h["Content-Type"] == nil {
			h["Content-Type"] = nil // Else the server guesses one.
		}
		if w.last {
			w.Header().Set("Connection", "close")
		}
		w.limit.extend()
	}
	w.ResponseWriter.WriteHeader(status)
}

// FlushError is what http.ResponseController flushes with. A head that is the whole answer is sent when the handler ends:
// over HTTP/2 it ends its stream then, and clients of gRPC take the status from it in no other way.
func (w *writer) FlushError() error {
	if w.headOnly {
		return nil
	}
	began := time.Now()
	err := http.NewResponseController(w.ResponseWriter).Flush() // Where small pieces wait, which Write only gathers.
	w.slow.note(began, w.limit.idle)
	return err
}

func (w *writer) Write(p []byte) (int, error) {
	w.limit.extend()
	began := time.Now()
	n, err := w.ResponseWriter.Write(p)
	w.slow.note(began, w.limit.idle)
	if !w.head {
		w.sent += int64(n)
	}
	return n, err
}

// Hijack implements http.Hijacker. The connection it returns ends with the request's context, and
// reads first what the server had read ahead.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	c := &upgraded{Conn: raw, reader: io.MultiReader(bytes.NewReader(bytes.Clone(early)), raw), idle: w.limit.idle}
	c.stop = context.AfterFunc(w.ctx, func() { _ = raw.Close() })
	return c, rw, nil
}

// upgraded is a client's connection after an upgrade. It may be silent, but has so long to take each write.
type upgraded struct {
	net.Conn
	reader io.Reader
	idle   time.Duration
	stop   func() bool
}

func (u *upgraded) Read(p []byte) (int, error) { return u.reader.Read(p) }

func (u *upgraded) Write(p []byte) (int, error) {
	_ = u.SetWriteDeadline(time.Now().Add(u.idle))
	return u.Conn.Write(p)
}

func (u *upgraded) Close() error {
	u.stop()
	return u.Conn.Close()
}

// CloseWrite passes on that the backend has nothing more to say.
func (u *upgraded) CloseWrite() error { return closeWrite(u.Conn, u.idle) }

// closeWrite half-closes a connection, and gives the other side some time to end as well: one that
// has vanished must not keep an exchange in flight for ever.
func closeWrite(c net.Conn, linger time.Duration) error {
	_ = c.SetReadDeadline(time.Now().Add(linger))
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// deadline limits pauses of one direction of a client's connection, until it is released.
type deadline struct {
	set      func(time.Time) error
	idle     time.Duration
	mu       sync.Mutex
	released bool // guarded by mu
}

func readDeadline(w http.ResponseWriter, idle time.Duration) *deadline {
	return &deadline{set: http.NewResponseController(w).SetReadDeadline, idle: idle}
}

func writeDeadline(w http.ResponseWriter, idle time.Duration) *deadline {
	return &deadline{set: http.NewResponseController(w).SetWriteDeadline, idle: idle}
}

// extend allows another pause from now. Writers without deadlines, as in tests, have none.
func (d *deadline) extend() { d.move(time.Now().Add(d.idle)) }

// clear takes the limit off; else the server would take its passing for the client's leaving.
func (d *deadline) clear() { d.move(time.Time{}) }

func (d *deadline) move(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.released {
		_ = d.set(t)
	}
}

// release ends all use of the connection. A transport may read a body after its answer has been
// passed on, when the connection is the next request's.
func (d *deadline) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released = true
}
