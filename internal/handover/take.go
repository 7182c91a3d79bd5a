package handover

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// answerLimit is how long the other may take to answer what needs no work.
	answerLimit = 5 * time.Second
	socketsMost = 16
)

// Taken is what another Ballast has passed on. Its methods are for one goroutine.
type Taken struct {
	conn    *net.UnixConn
	began   time.Time
	reader  *bufio.Reader
	sockets []socket
	files   []*os.File // nil where Listener has given it away.
	// yours says that the other said so, and lasts for how long it may have something in flight then; 0 if it did not say.
	yours bool
	lasts time.Duration
}

// Take asks the Ballast that listens at path for its listening sockets. It returns nil if there is none. The other goes
// on serving until Ready. Close must be called in the end.
func Take(ctx context.Context, path string) (*Taken, error) {
	dialer := net.Dialer{Timeout: answerLimit}
	c, err := dialer.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) { // Nobody has been there, or is any more.
		return nil, nil //nolint:nilnil // It is no failure that there is nothing.
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the Ballast that serves: %w", err)
	}
	t := &Taken{conn: c.(*net.UnixConn), began: time.Now(), reader: bufio.NewReader(c)}
	if err := t.ask(); err != nil {
		return nil, errors.Join(fmt.Errorf("take over from the Ballast that serves: %w", err), t.Close())
	}
	return t, nil
}

func (t *Taken) ask() error {
	if err := say(t.conn, message{Word: wordHello}, answerLimit); err != nil {
		return err
	}
	if err := t.conn.SetReadDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	b := make([]byte, messageMost)
	n, files, err := receive(t.conn, b)
	t.files = files
	if err != nil {
		return err
	}
	if n == 0 {
		return io.ErrUnexpectedEOF
	}
	for n < len(b) && !bytes.HasSuffix(b[:n], []byte("\n")) {
		more, err := t.conn.Read(b[n:])
		if err != nil {
			return err
		}
		n += more
	}
	m, err := decode(b[:n], wordTake)
	if err == nil && len(m.Sockets) != len(files) {
		err = fmt.Errorf("%d sockets were announced and %d came", len(m.Sockets), len(files))
	}
	t.sockets = m.Sockets
	return err
}

// Listener is the socket that the other listens on for a key; nil if it has none, or listens on another address than this
// one is configured to. It is the caller's. Connections are as those of net.Listen.
func (t *Taken) Listener(key, address string) (*net.TCPListener, error) {
	for i, s := range t.sockets {
		if s != (socket{key, address}) || t.files[i] == nil {
			continue
		}
		l, err := net.FileListener(t.files[i])
		if err = errors.Join(err, t.files[i].Close()); err != nil {
			return nil, fmt.Errorf("listen on what was handed over: %w", err)
		}
		t.files[i] = nil
		tcp, ok := l.(*net.TCPListener)
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s is no TCP socket", l.Addr()), l.Close())
		}
		return tcp, nil
	}
	return nil, nil //nolint:nilnil // As Take.
}

// ErrLate says that the other has given up on this one and goes on.
var ErrLate = errors.New("the start took too long: the Ballast that served goes on")

// Ready says that the caller accepts, and returns when the other decides nothing any more. It is an error if it
// went away before it said so, which is as good; if ctx ended, or with ErrLate, after which the other goes on.
func (t *Taken) Ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case time.Since(t.began) > startLimit: // The other goes on by now, and would not know of this one.
		return ErrLate
	}
	defer context.AfterFunc(ctx, func() { _ = t.conn.Close() })() // A deadline would be set anew.
	if err := say(t.conn, message{Word: wordReady}, answerLimit); err != nil {
		return err
	}
	m, err := hear(t.conn, t.reader, wordYours, yieldLimit+answerLimit)
	t.yours, t.lasts = err == nil, time.Duration(m.Lasts)*time.Millisecond
	return err
}

// Gone returns when the other has nothing in flight any more, or is gone: after Ready, and before Close. It waits no longer than
// the other said that it may take. One that did not say it is waited for as long as assumed.
func (t *Taken) Gone(ctx context.Context, assumed time.Duration) {
	limit := assumed
	if t.lasts > 0 {
		limit = t.lasts + answerLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if t.yours && t.lasts == 0 {
		<-ctx.Done() // Its connection tells nothing.
		return
	}
	defer context.AfterFunc(ctx, func() { _ = t.conn.Close() })()
	if t.conn.SetReadDeadline(time.Time{}) == nil {
		_, _ = t.reader.ReadByte() // There is nothing more to say.
	}
}

// Close closes what was not asked for, and the connection. If Ready was not called, the other goes on as if nothing
// had been.
func (t *Taken) Close() error {
	err := t.conn.Close()
	for _, f := range t.files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	t.files = nil
	return err
}
