package main

import (
	"net"
	"sync"
)

// ear is a listener that can be made deaf: connections are refused then, and who serves it is not told.
type ear struct {
	net.Listener
	deafen, finish func() // Each acts once.
	deaf, end      chan struct{}
}

func newEar(l net.Listener) *ear {
	e := &ear{Listener: l, deaf: make(chan struct{}), end: make(chan struct{})}
	e.deafen = sync.OnceFunc(func() {
		close(e.deaf)
		_ = l.Close() // Accept tells.
	})
	e.finish = sync.OnceFunc(func() { close(e.end) })
	return e
}

// Accept implements net.Listener.
func (e *ear) Accept() (net.Conn, error) {
	conn, err := e.Listener.Accept()
	if err == nil {
		return conn, nil
	}
	select {
	case <-e.deaf:
		<-e.end
	default:
	}
	return nil, err
}

// Close implements net.Listener.
func (e *ear) Close() error {
	e.finish()
	select {
	case <-e.deaf:
		return nil
	default:
		return e.Listener.Close()
	}
}
