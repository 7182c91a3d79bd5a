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
	tcp  *net.TCPConn    // nil if it is none.
	raw  syscall.RawConn // nil if it can't be asked in one wait.
	peer peer
	// watcher tells the peer's end.
	watcher *watcher
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

func (f *Front) newLink(conn net.Conn) *link {
	l := &link{conn: conn, watcher: f.watcher}
	if l.tcp, _ = conn.(*net.TCPConn); l.tcp != nil && waits {
		if raw, err := l.tcp.SyscallConn(); err == nil {
			l.raw, l.inWait = raw, l.askInside
			l.look = func(fd uintptr) { l.seen = peekFD(fd) }
		}
	}
	l.peer.watch(f.watcher, l.raw)
	return l
}

// ask sends a request and reads the first of its answer, without a wait if the request is not taken whole.
// It returns how much was sent. What went wrong is told by the next read or write.
func (l *link) ask(request []byte, in *buffer) int {
	l.out, l.in, l.sent = request, in, 0
	_ = l.raw.Read(l.inWait)
	l.out, l.in = nil, nil
	return l.sent
}

// askInside is called by the wait when it begins, and then whenever there may be something to read. It sends when
// the wait has begun, so that the answer can't come before, and there is no need to look.
func (l *link) askInside(fd uintptr) bool {
	if l.out != nil {
		whole := len(l.out)
		l.sent = send(fd, l.out)
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

// peek looks whether the backend has sent anything, or closed.
func (l *link) peek() peeked {
	if l.raw == nil {
		return peekNothing
	}
	if l.raw.Control(l.look) != nil {
		return peekEnd
	}
	return l.seen
}

// usable says whether a kept connection may have another request. A server that speaks unasked is about to
// close, or has lost count.
func (l *link) usable(limit time.Duration, sure bool) bool {
	idle := time.Since(l.idle)
	return idle < limit && !l.peer.ended() && (!sure && idle < peekAfter || l.peek() == peekNothing)
}

// peekAfter is how long a connection must have been idle for a look at it to be worth a system call before a
// request that can be repeated. That it ended is told without one, but perhaps too late for one that can't.
const peekAfter = time.Millisecond

// close is for when nothing depends on how it goes.
func (l *link) close() {
	l.peer.forget(l.watcher, l.raw, false)
	_ = l.conn.Close()
}

// upstream keeps the idle connections to one backend. No other backend ever has them, even at the same
// address.
type upstream struct {
	mu   sync.Mutex
	idle []*link // The one used last is the last. Guarded by mu.
}

// kept returns a kept connection to a backend, nil if there is none; sure is for requests that can't be repeated.
func (f *Front) kept(b *proxy.Backend, sure bool) *link {
	if u, ok := f.upstreams.Load(b); ok {
		return u.(*upstream).take(f.options.BackendIdle, sure)
	}
	return nil
}

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
	if exhausted(err) { // Idle connections are what can be done without.
		c.f.closeIdle()
		conn, err = c.f.options.Dial(ctx, b.Address())
	}
	if err != nil {
		return nil, err
	}
	return c.f.newLink(conn), nil
}

// exhausted says that a connection could not be made for want of descriptors, ports or memory of our own.
func exhausted(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// take returns the connection that was used last and lives.
func (u *upstream) take(limit time.Duration, sure bool) *link {
	for {
		u.mu.Lock()
		n := len(u.idle)
		if n == 0 {
			u.mu.Unlock()
			return nil
		}
		l := u.idle[n-1]
		u.idle[n-1] = nil
		u.idle = u.idle[:n-1]
		u.mu.Unlock()
		if l.usable(limit, sure) {
			l.kept = true
			return l
		}
		l.close()
	}
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

// expire closes what has not been used for long, or has ended.
func (u *upstream) expire(limit time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle = slices.DeleteFunc(u.idle, func(l *link) bool {
		old := time.Since(l.idle) >= limit || l.peer.ended()
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
	f.upstreams.Range(func(b, _ any) bool {
		f.forget(b.(*proxy.Backend))
		return true
	})
}
