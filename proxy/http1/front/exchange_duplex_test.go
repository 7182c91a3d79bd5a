package front_test

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// duplexRoom is how much a duplex holds that was not read.
const duplexRoom = 8 << 10

// duplex is one end of a connection in memory. Unlike that of net.Pipe it holds what is written, as a
// socket does, and can end one direction only. It blocks on nothing but a condition, so that time passes in
// a bubble of testing/synctest while it waits.
type duplex struct {
	*wire
	peer  *duplex
	local net.Addr

	in      []byte // What the peer wrote. All of these are guarded by wire.mu.
	ended   bool   // The peer writes no more.
	reset   bool   // The peer has gone and took what it wrote with it.
	closed  bool
	dropped int // How much there was to read at Close.
	limits  [2]time.Time
	timers  [2]*time.Timer
	pace    pace
	taken   int
	reads   int
}

// wire is what both ends share.
type wire struct {
	mu   sync.Mutex
	cond *sync.Cond
}

// newDuplex returns the two ends of a connection. What is read from one comes in pieces as its pace says.
func newDuplex(a, b net.Addr, paceA, paceB pace) (*duplex, *duplex) {
	w := &wire{}
	w.cond = sync.NewCond(&w.mu)
	left, right := &duplex{wire: w, local: a, pace: paceA}, &duplex{wire: w, local: b, pace: paceB}
	left.peer, right.peer = right, left
	return left, right
}

const (
	reading = iota
	writing
)

func (d *duplex) late(direction int) bool {
	limit := d.limits[direction]
	return !limit.IsZero() && !time.Now().Before(limit)
}

func (d *duplex) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		switch {
		case d.closed:
			return 0, net.ErrClosed
		case d.late(reading):
			return 0, os.ErrDeadlineExceeded
		case d.reset:
			return 0, syscall.ECONNRESET
		case len(d.in) > 0:
			n := copy(b, d.in[:min(len(d.in), d.pace.size(d.reads, d.taken))])
			d.in = d.in[n:]
			d.taken += n
			d.reads++
			d.cond.Broadcast()
			return n, nil
		case d.ended:
			return 0, io.EOF
		}
		d.cond.Wait()
	}
}

func (d *duplex) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := 0; ; {
		switch {
		case d.closed:
			return n, net.ErrClosed
		case d.late(writing):
			return n, os.ErrDeadlineExceeded
		case d.reset:
			return n, syscall.ECONNRESET
		case d.peer.closed || d.peer.ended:
			return n, syscall.EPIPE
		}
		m := min(len(b)-n, duplexRoom-len(d.peer.in))
		if m > 0 {
			d.peer.in = append(d.peer.in, b[n:n+m]...)
			n += m
			d.cond.Broadcast()
		}
		if n == len(b) {
			return n, nil
		}
		d.cond.Wait()
	}
}

// CloseWrite ends the direction to the peer.
func (d *duplex) CloseWrite() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return net.ErrClosed
	}
	d.peer.ended = true
	d.cond.Broadcast()
	return nil
}

// Close lets the peer read what was written, and nothing more.
func (d *duplex) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return net.ErrClosed
	}
	d.closed, d.peer.ended = true, true
	d.dropped, d.in = len(d.in), nil
	for _, t := range d.timers {
		if t != nil {
			t.Stop()
		}
	}
	d.cond.Broadcast()
	return nil
}

// Reset takes from the peer what it has not read.
func (d *duplex) Reset() {
	d.mu.Lock()
	d.peer.reset, d.peer.in = true, nil
	d.mu.Unlock()
	d.Close()
}

// Dropped is how much had come and was not read when the connection was closed.
func (d *duplex) Dropped() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

func (d *duplex) limit(direction int, t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timers[direction] != nil {
		d.timers[direction].Stop()
		d.timers[direction] = nil
	}
	d.limits[direction] = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 && !d.closed {
		d.timers[direction] = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.cond.Broadcast()
		})
	}
	d.cond.Broadcast()
}

func (d *duplex) SetReadDeadline(t time.Time) error  { d.limit(reading, t); return nil }
func (d *duplex) SetWriteDeadline(t time.Time) error { d.limit(writing, t); return nil }
func (d *duplex) LocalAddr() net.Addr                { return d.local }
func (d *duplex) RemoteAddr() net.Addr               { return d.peer.local }

func (d *duplex) SetDeadline(t time.Time) error {
	d.limit(reading, t)
	d.limit(writing, t)
	return nil
}
