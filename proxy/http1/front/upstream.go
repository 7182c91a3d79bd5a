package front

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// link is a connection to a backend.
type link struct {
	conn net.Conn
	raw  syscall.RawConn // nil if it is no TCP, or on systems that we know too little of.
	// kept says that it had a request before this one.
	kept bool
	// idle is when it became so.
	idle time.Time

	inWait func(uintptr) bool
	look   func(uintptr)
	seen   peeked
	out    []byte  // What ask sends; nil when it has tried.
	sent   int     // How much of it was.
	in     *buffer // Where it reads to.
}

func newLink(conn net.Conn) *link {
	l := &link{conn: conn}
	if tcp, ok := conn.(*net.TCPConn); ok && waits {
		if raw, err := tcp.SyscallConn(); err == nil {
			l.raw, l.inWait = raw, l.askInside
			l.look = func(fd uintptr) { l.seen = peekFD(fd) }
		}
	}
	return l
}

// ask sends a request and reads the first of its answer, without a wait if the request is not taken whole.
// It returns how much was sent. What went wrong is told by the next read or write. stale says that nothing was sent,
// because the backend has closed the connection, or spoken unasked: then it is about to close, or has lost count.
func (l *link) ask(request []byte, in *buffer) (sent int, stale bool) {
	l.out, l.in, l.sent, l.seen = request, in, 0, peekNothing
	_ = l.raw.Read(l.inWait)
	l.out, l.in = nil, nil
	return l.sent, l.seen != peekNothing
}

// askInside is called by the wait when it begins, and then whenever there may be something to read. It looks and sends
// when the wait has begun: what comes after that look wakes it, and the answer can't come before.
func (l *link) askInside(fd uintptr) bool {
	if l.out != nil {
		whole := len(l.out)
		if l.kept {
			l.seen = peekFD(fd)
		}
		if l.seen == peekNothing {
			l.sent = send(fd, l.out)
		}
		l.out = nil
		return l.sent < whole
	}
	n, errno := recv(fd, l.in.b[l.in.w:])
	if errno == errAgain {
		return false
	}
	l.in.w += max(n, 0)
	return true
}

// stale says that the backend has closed a kept connection, or spoken unasked.
func (l *link) stale() bool {
	if !l.kept || l.raw == nil {
		return false
	}
	return l.raw.Control(l.look) != nil || l.seen != peekNothing
}

// close is for when nothing depends on how it goes.
func (l *link) close() { _ = l.conn.Close() }

// upstream keeps the idle connections to one backend. No other backend ever has them, even at the same
// address.
type upstream struct {
	mu   sync.Mutex
	idle []*link // The one used last is the last. Guarded by mu.
}

// kept returns a kept connection to a backend, nil if there is none.
func (f *Front) kept(b *proxy.Backend) *link {
	if u, ok := f.upstreams.Load(b); ok {
		return u.(*upstream).take(f.options.BackendIdle)
	}
	return nil
}

var errGone = errors.New("the backend has left")

// dial makes a connection to a backend, for as long as the client is there.
func (c *client) dial(b *proxy.Backend) (*link, error) {
	c.watchOnce()
	ctx, cancel := context.WithTimeout(c.f.base, c.work.settings.ConnectTimeout)
	defer cancel()
	c.dialing.Store(&cancel)
	defer c.dialing.Store(nil)
	if p, _ := unpack(c.state.Load()); p == phaseInterrupted { // By who found nothing to cancel yet.
		return nil, context.Canceled
	}
	conn, err := c.f.options.Dial(ctx, b.Address())
	if proxy.Exhausted(err) { // Idle connections are what can be done without.
		c.f.closeIdle()
		c.f.shed(err)
		conn, err = c.f.options.Dial(ctx, b.Address())
	}
	if err != nil {
		return nil, err
	}
	if b.Gone() { // Meanwhile: its address may be somebody else's.
		conn.Close()
		return nil, errGone
	}
	return newLink(conn), nil
}

// take returns the connection that was used last. Whether it lives is seen when it is used.
func (u *upstream) take(limit time.Duration) *link {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.idle)
	if n == 0 || time.Since(u.idle[n-1].idle) >= limit { // Then so are the others, and expire closes them.
		return nil
	}
	l := u.idle[n-1]
	u.idle[n-1] = nil
	u.idle = u.idle[:n-1]
	l.kept = true
	return l
}

// keep keeps a connection for the next request to its backend.
func (f *Front) keep(b *proxy.Backend, l *link, now time.Time) {
	l.idle = now
	known, ok := f.upstreams.Load(b)
	if !ok {
		known, _ = f.upstreams.LoadOrStore(b, &upstream{})
	}
	u := known.(*upstream)
	u.mu.Lock()
	full := len(u.idle) >= f.options.MaxIdle
	if !full {
		u.idle = append(u.idle, l)
	}
	u.mu.Unlock()
	switch {
	case full:
		l.close()
	case b.Gone(): // forget may have come before it was kept.
		f.upstreams.Delete(b)
		u.expire(0)
	}
}

// expire closes what has not been used for long.
func (u *upstream) expire(limit time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle = slices.DeleteFunc(u.idle, func(l *link) bool {
		old := time.Since(l.idle) >= limit
		if old {
			l.close()
		}
		return old
	})
}

// forget closes the idle connections to a backend that has left.
func (f *Front) forget(b *proxy.Backend) {
	if u, ok := f.upstreams.LoadAndDelete(b); ok {
		u.(*upstream).expire(0)
	}
}

func (f *Front) closeIdle() {
	f.upstreams.Range(func(_, u any) bool {
		u.(*upstream).expire(0) // It stays, for who keeps a connection meanwhile may have found it already.
		return true
	})
}
