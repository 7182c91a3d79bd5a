package front

import (
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// link is a connection to a backend.
type link struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	look func(uintptr)
	seen peeked
	// kept says that it had a request before this one.
	kept bool
	// idle is when it became so.
	idle time.Time
}

func newLink(conn *net.TCPConn) *link {
	l := &link{conn: conn}
	if raw, err := conn.SyscallConn(); err == nil {
		l.raw = raw
		l.look = func(fd uintptr) { l.seen = peekFD(fd) }
	}
	return l
}

// peek looks whether the backend has sent anything, or closed.
func (l *link) peek() peeked {
	if l.raw == nil || l.raw.Control(l.look) != nil {
		return peekEnd
	}
	return l.seen
}

// close is for when nothing depends on how it goes.
func (l *link) close() { _ = l.conn.Close() }

// upstream keeps the idle connections to one backend. No other backend ever has them, even at the same
// address.
type upstream struct {
	mu   sync.Mutex
	idle []*link // The one used last is the last. Guarded by mu.
}

// connect returns a connection to a backend, a kept one unless fresh.
func (f *Front) connect(b *proxy.Backend, s *containers.Settings, fresh bool) (*link, error) {
	if !fresh {
		if u, ok := f.upstreams.Load(b); ok {
			if l := u.(*upstream).take(f.options.BackendIdle); l != nil {
				return l, nil
			}
		}
	}
	d := net.Dialer{Timeout: s.ConnectTimeout}
	conn, err := d.DialContext(f.base, "tcp", b.Address())
	if err != nil {
		return nil, err
	}
	return newLink(conn.(*net.TCPConn)), nil
}

// take returns the connection that was used last and lives.
func (u *upstream) take(limit time.Duration) *link {
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
		// A server that speaks unasked is about to close, or has lost count.
		if time.Since(l.idle) < limit && l.peek() == peekNothing {
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
		f.forget(b)
	}
}

// expire closes what has not been used for long.
func (u *upstream) expire(limit time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := 0
	for n < len(u.idle) && time.Since(u.idle[n].idle) >= limit {
		u.idle[n].close()
		n++
	}
	if n > 0 {
		rest := copy(u.idle, u.idle[n:])
		clear(u.idle[rest:])
		u.idle = u.idle[:rest]
	}
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
