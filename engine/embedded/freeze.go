package embedded

import (
	"net"
	"sync"
	"sync/atomic"
)

// gate holds the traffic of a paused container back. The zero value is open.
type gate struct {
	// shutUntil is nil while the gate is open, and else points to what is closed when it opens.
	shutUntil atomic.Pointer[chan struct{}]
}

func (g *gate) shut() {
	until := make(chan struct{})
	g.shutUntil.Store(&until)
}

func (g *gate) open() {
	if until := g.shutUntil.Swap(nil); until != nil {
		close(*until)
	}
}

// wait returns when the gate is open or giveUp is closed.
func (g *gate) wait(giveUp <-chan struct{}) {
	for {
		until := g.shutUntil.Load()
		if until == nil {
			return
		}
		select {
		case <-*until:
		case <-giveUp:
			return
		}
	}
}

// frozenListener accepts connections always, as the kernel does for a frozen process, and lets
// nothing in or out through them while the gate is shut.
type frozenListener struct {
	net.Listener
	gate *gate
}

func (l frozenListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &frozenConn{Conn: conn, gate: l.gate, closed: make(chan struct{})}, nil
}

type frozenConn struct {
	net.Conn
	gate   *gate
	close  sync.Once
	closed chan struct{}
}

// Read may have waited in the kernel while the gate was shut, so it looks at it afterwards.
func (c *frozenConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.wait(c.closed)
	return n, err
}

func (c *frozenConn) Write(b []byte) (int, error) {
	c.gate.wait(c.closed)
	return c.Conn.Write(b)
}

func (c *frozenConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
