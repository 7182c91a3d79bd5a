package front_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// handful is a listener that hands out connections that were made before.
type handful struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (h *handful) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handful) Close() error {
	h.once.Do(func() { close(h.done) })
	select {
	case c := <-h.conns:
		return c.Close()
	default:
		return nil
	}
}

func (h *handful) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 80} }

// runPipe plays a script in memory and in the time of a bubble.
func runPipe(t *testing.T, s *script) {
	synctest.Test(t, func(t *testing.T) {
		listener := &handful{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		ours := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 8), Port: 1}
		var w *world
		w = newWorld(t, s, func(context.Context, string) (net.Conn, error) {
			near, far := newDuplex(ours, listener.Addr(), s.reads[2], s.reads[3])
			w.cast.wg.Go(func() { w.cast.serve(far) })
			return near, nil
		})
		w.front.Unwatch()
		w.serve("192.0.2.2:80", "192.0.2.3:80")
		near, far := newDuplex(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, listener.Addr(), s.reads[0], s.reads[1])
		w.client.conn = near
		listener.conns <- far
		served := make(chan error, 1)
		go func() { served <- w.front.Serve(listener) }()
		w.client.talk()
		w.finish(served)
	})
}

// realConn is a connection of TCP.
type realConn struct{ *net.TCPConn }

func (c realConn) Reset() {
	_ = c.SetLinger(0)
	c.Close()
}

// runTCP plays a script over the loopback.
func runTCP(t *testing.T, s *script) {
	w := newWorld(t, s, func(ctx context.Context, address string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	})
	w.client.stuck = 10 * time.Second
	stages := []net.Listener{listenReal(t), listenReal(t)}
	var accepting sync.WaitGroup
	for _, l := range stages {
		accepting.Go(func() { w.accept(l) })
	}
	w.serve(stages[0].Addr().String(), stages[1].Addr().String())
	listener := listenReal(t)
	served := make(chan error, 1)
	go func() { served <- w.front.Serve(listener) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.client.conn = realConn{conn.(*net.TCPConn)}
	w.client.talk()
	w.drain()
	for _, l := range stages {
		l.Close()
	}
	accepting.Wait()
	w.finish(served)
}

func listenReal(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// accept lets the cast serve what comes, until the listener is closed.
func (w *world) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		w.cast.wg.Go(func() { w.cast.serve(realConn{conn.(*net.TCPConn)}) })
	}
}
