package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"
)

// backend records what it gets, and answers the requests that have one framing. It closes a connection on
// which it gets another.
type backend struct {
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	conns   []*capture // In the order they were opened. Guarded by mu, with all of them.
	current *probe
	closing bool
	changed *sync.Cond // Of mu.
}

// capture is one connection.
type capture struct {
	conn  *net.TCPConn
	bytes []byte
	// from is where what belongs to the current case begins, done up to where requests were answered.
	from, done int
	// dead says that no more will come.
	dead bool
}

func newBackend(ctx context.Context) (*backend, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a backend: %w", err)
	}
	b := &backend{listener: l}
	b.changed = sync.NewCond(&b.mu)
	b.running.Go(b.accept)
	return b, nil
}

func (b *backend) addr() string { return b.listener.Addr().String() }

// close ends all connections and waits for their goroutines.
func (b *backend) close() {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.listener.Close()
	b.hangUp()
	b.running.Wait()
}

// hangUp closes the connections that are open.
func (b *backend) hangUp() {
	b.mu.Lock()
	open := slices.Clone(b.conns)
	b.mu.Unlock()
	// Without the lock, for Close waits for a read, which takes it.
	for _, c := range open {
		_ = c.conn.Close()
	}
}

func (b *backend) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		c := &capture{conn: conn.(*net.TCPConn)}
		b.mu.Lock()
		closing := b.closing
		b.conns = append(b.conns, c)
		b.changed.Broadcast()
		b.mu.Unlock()
		if closing {
			conn.Close()
		}
		b.running.Go(func() { b.serve(c) })
	}
}

func (b *backend) serve(c *capture) {
	defer b.buried(c)
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for {
		var out []byte
		more := false
		err := raw.Read(func(fd uintptr) bool {
			// What has left the kernel has been recorded when the lock is free: settle depends on it.
			b.mu.Lock()
			defer b.mu.Unlock()
			n, err := syscall.Read(int(fd), buf)
			if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
				return false
			}
			out, more = b.take(c, buf[:max(n, 0)])
			more = more && n > 0
			return true
		})
		if len(out) > 0 && err == nil {
			_, err = c.conn.Write(out)
		}
		if !more || err != nil {
			return
		}
	}
}

// buried closes a connection of which no more will come.
func (b *backend) buried(c *capture) {
	_ = c.conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	c.dead = true
	b.changed.Broadcast()
}

// take records bytes, and returns what they are answered with. more is false if the connection is to end. The
// lock is held.
func (b *backend) take(c *capture, got []byte) (out []byte, more bool) {
	defer b.changed.Broadcast()
	c.bytes = append(c.bytes, got...)
	r := strictly.read(c.bytes[c.done:], nil, false)
	begun := c.done
	for _, m := range r.messages {
		if !m.whole {
			break
		}
		c.done = begun + m.end
		if p := b.current; p != nil && p.toClient() && m.target != victimTarget {
			out = append(out, p.answer...)
			if p.last {
				return out, false
			}
			continue
		}
		out = append(out, usual(m)...)
	}
	return out, r.refused == ""
}

// settle waits until all that servers have sent is recorded. Connections are accepted in their order, so those
// made before are known when one of its own is.
func (b *backend) settle(ctx context.Context) error {
	var d net.Dialer
	fence, err := d.DialContext(ctx, "tcp", b.addr())
	if err != nil {
		return fmt.Errorf("connect to the backend: %w", err)
	}
	defer fence.Close()
	expired := false
	timer := time.AfterFunc(quiet, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		expired = true
		b.changed.Broadcast()
	})
	defer timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.settled(fence.LocalAddr().String()) {
		if expired {
			return errors.New("the backend does not keep up")
		}
		b.changed.Wait()
	}
	return nil
}

// settled says that a connection is known and nothing of any is unread.
func (b *backend) settled(fence string) bool {
	known := false
	for _, c := range b.conns {
		known = known || c.conn.RemoteAddr().String() == fence
		if !c.dead && unread(c.conn) {
			return false
		}
	}
	return known
}

// unread says whether bytes have come, or the end.
func unread(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting = !errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && waiting
}

// usual is an answer that says what it answers.
func usual(m message) []byte {
	status := "200 OK"
	if m.method == http.MethodConnect {
		status = "405 Method Not Allowed" // A tunnel would have no end.
	}
	text := "answer to " + m.target
	head := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n", status, len(text))
	if m.method == http.MethodHead {
		return []byte(head)
	}
	return []byte(head + text)
}

// begin makes p the case that is recorded and answered.
func (b *backend) begin(p *probe) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = p
	open := b.conns[:0]
	for _, c := range b.conns {
		if !c.dead {
			c.from = len(c.bytes)
			open = append(open, c)
		}
	}
	clear(b.conns[len(open):])
	b.conns = open
}

// captured returns the bytes of the current case by connection, without the request of the victim if it
// was understood as one.
func (b *backend) captured(understood bool) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all [][]byte
	for _, c := range b.conns {
		got := c.bytes[c.from:]
		if understood {
			got, _, _ = bytes.Cut(got, []byte("GET "+victimTarget+" "))
		}
		if len(got) > 0 {
			all = append(all, bytes.Clone(got))
		}
	}
	return all
}
