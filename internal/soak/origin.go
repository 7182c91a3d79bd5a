package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// origin is a backend that does what the plan of each request says. It can be stopped and started again at its
// address.
type origin struct {
	s       *soak
	address netip.AddrPort
	// shut says that no request may come: the backend has been drained.
	shut atomic.Bool

	mu       sync.Mutex
	listener net.Listener          // guarded by mu; nil while stopped
	sessions map[*session]struct{} // guarded by mu
	dead     bool                  // guarded by mu: connections end as soon as they begin
	running  sync.WaitGroup
	accepts  sync.WaitGroup
}

// newOrigin starts an origin at a loopback address of its own. No connection goes out from there, so that its
// port stays free while it is stopped.
func newOrigin(ctx context.Context, s *soak, n int) (*origin, error) {
	o := &origin{s: s, sessions: make(map[*session]struct{})}
	o.address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(10 + n)}), 0)
	if err := o.start(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *origin) start(ctx context.Context) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", o.address.String())
	if err != nil {
		return fmt.Errorf("start an origin: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.address = l.Addr().(*net.TCPAddr).AddrPort()
	o.listener, o.dead = l, false
	o.accepts.Go(func() { o.accept(l) })
	return nil
}

func (o *origin) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			o.s.fail("an origin can't accept: %v", err)
			return
		}
		o.admit(conn.(*net.TCPConn))
	}
}

func (o *origin) admit(conn *net.TCPConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead {
		reset(conn)
		return
	}
	c := newSession(o, conn)
	o.sessions[c] = struct{}{}
	o.running.Go(func() {
		defer o.left(c)
		c.serve()
	})
}

func (o *origin) left(c *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.sessions, c)
}

// stopListening lets new connections be refused. Those that exist go on.
func (o *origin) stopListening() {
	o.mu.Lock()
	l := o.listener
	o.listener = nil
	o.mu.Unlock()
	if l != nil {
		l.Close()
		o.accepts.Wait()
	}
}

// die resets all connections, and lets new ones be refused. When it returns the front can know it.
func (o *origin) die() {
	o.mu.Lock()
	o.dead = true
	for c := range o.sessions {
		c.kill()
	}
	o.mu.Unlock()
	o.stopListening()
}

// close ends the origin, and waits for all that it has started.
func (o *origin) close() {
	o.die()
	o.running.Wait()
}

// reset closes a connection so that its peer sees it break.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
