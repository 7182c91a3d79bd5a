package front

import (
	"bytes"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// pumpGrace is how long what is left of a request may take when its answer has ended and the backend will
// not be asked again.
const pumpGrace = 250 * time.Millisecond

// pump sends on a body that was not whole when the request was sent.
type pump struct {
	c    *client
	link *link
	// begun says that more of the body came, stopped that nobody wants it any more, answered that its answer has
	// begun: then the end of the body is not the answer's.
	begun, stopped, answered atomic.Bool
	done                     chan struct{}

	// These can be read when done is closed.
	whole bool        // All was sent.
	cause proxy.Cause // Why not, if it was the client's fault or took too long.
	// refused says that the backend took no more. Then reading from it can't tell a good end any more, for a socket
	// reports that it broke only once.
	refused bool
	left    []byte // What came behind the body.
}

func (c *client) startPump(l *link) {
	w := c.work
	p := &pump{c: c, link: l, done: make(chan struct{})}
	w.pump = p
	begin := phaseBody
	if w.req.ExpectContinue {
		begin = phaseHold
	}
	c.pumping.Store(c.stamp(begin))
	p.left = bytes.Clone(w.in.bytes())
	w.in.r = w.in.w
	go p.run(w) // Awaited by stopPump or settlePump.
}

// pumpOn lets the body's limit begin, when its sender was told to go on.
func (c *client) pumpOn() {
	s := c.pumping.Load()
	if p, _ := unpack(s); p == phaseHold {
		c.pumping.CompareAndSwap(s, c.stamp(phaseBody))
	}
}

func (p *pump) run(w *work) {
	defer close(p.done)
	var whole bool
	if w.req.Body.Kind == http1.BodyLength {
		whole = p.length(w)
	} else {
		whole = p.chunked(w)
	}
	if whole {
		p.c.restamp() // First, for the answer is waited for from the moment that the pump is done.
	}
	p.note(p.c.pumping.Swap(0))
	p.c.lookLeft()
	p.whole = whole && p.cause == proxy.CauseNone
	gone := p.cause == proxy.CauseClientGone && p.answered.Load()
	if half, ok := p.link.conn.(interface{ CloseWrite() error }); gone && ok {
		_ = half.CloseWrite() // The backend has to learn that no more comes. Its answer goes on.
	}
	if p.cause != proxy.CauseNone && !gone && !p.stopped.Load() {
		_ = p.link.conn.SetReadDeadline(past) // There is nothing to wait for.
	}
}

// note takes down what there is to say of a phase that is over: that the janitor has interrupted it, or that the client took
// long.
func (p *pump) note(state uint64) {
	switch ph, since := unpack(state); ph {
	case phaseInterrupted:
		p.cause = reason(since).cause()
	case phaseBody:
		p.c.noteLate(since)
	}
}

// enter begins a phase; it is false if the one before was interrupted.
func (p *pump) enter(ph phase) bool {
	p.note(p.c.pumping.Swap(p.c.stamp(ph)))
	return p.cause == proxy.CauseNone
}

// read reads on. It is false if there will be no more.
func (p *pump) read(b []byte) (int, bool) {
	if p.begun.Load() && !p.enter(phaseBody) {
		return 0, false
	}
	n, _ := p.c.conn.Read(b)
	if n > 0 {
		p.begun.Store(true)
		return n, true
	}
	p.lost()
	return 0, false
}

// lost notes that the client has sent less than it announced.
func (p *pump) lost() {
	p.note(p.c.pumping.Swap(p.c.stamp(phaseBody)))
	if p.cause == proxy.CauseNone && !p.stopped.Load() {
		p.cause = proxy.CauseClientGone
	}
}

// write sends on. It is false if the backend takes nothing more, which is for its answer to explain.
func (p *pump) write(b []byte) bool {
	if !p.enter(phaseBodySend) {
		return false
	}
	_, err := p.link.conn.Write(b)
	p.refused = isRefusal(err)
	return err == nil
}

func (p *pump) length(w *work) bool {
	if w.rest > spliceMin {
		if moved, ok := p.splice(w.rest); !ok {
			return false
		} else if w.rest -= moved; w.rest == 0 {
			return true
		}
	}
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for w.rest > 0 {
		n, ok := p.read(buf[:min(w.rest, copySize)])
		if !ok || !p.write(buf[:n]) {
			return false
		}
		w.rest -= int64(n)
	}
	return true
}

// splice sends n bytes on without looking at them. If that can't be done it does nothing. ok is false if there will be
// no more.
func (p *pump) splice(n int64) (moved int64, ok bool) {
	if p.c.raw == nil || p.c.secure || p.link.raw == nil {
		return 0, true
	}
	pipe := takePipe()
	if pipe == nil {
		return 0, true
	}
	defer pipe.give()
	for left := n; left > 0; {
		if p.begun.Load() && !p.enter(phaseBody) {
			return 0, false
		}
		got, _ := pipe.from(p.c.raw, left)
		if got == 0 {
			p.lost()
			return 0, false
		}
		p.begun.Store(true)
		left -= int64(got)
		for pipe.held > 0 {
			if !p.enter(phaseBodySend) {
				return 0, false
			}
			if err := pipe.to(p.link.raw, left > 0 && got >= spliceMin); err != nil {
				p.refused = isRefusal(err)
				return 0, false
			}
		}
	}
	return n, true
}

// reframing is how much longer than what was read it may be when it is framed anew: a chunk of which the beginning came
// before gets a size and an end of its own. So framed need not grow.
const reframing = 64

func (p *pump) chunked(w *work) bool {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	framed := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(framed)
	have := copy(buf[:], p.left)
	p.left = nil
	for {
		n, ok := p.read(buf[have : copySize-reframing])
		if !ok {
			return false
		}
		have += n
		out, used, err := appendChunks(framed[:0], &w.chunks, buf[:have], false)
		if len(out) > 0 && !p.write(out) {
			return false
		}
		switch {
		case err != nil:
			p.cause = proxy.CauseBadRequest
			return false
		case w.chunks.Done():
			p.left = bytes.Clone(buf[used:have])
			return true
		}
		have = copy(buf[:], buf[used:have])
	}
}

// isRefusal says whether a write to a backend failed because of the backend, and not because we ended it.
func isRefusal(err error) bool {
	return err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// stopPump ends the pump, if there is one, and says whether all of the body has been read.
func (c *client) stopPump() bool {
	p := c.work.pump
	if p == nil {
		return !c.work.more
	}
	select {
	case <-p.done:
	default:
		p.stopped.Store(true)
		_ = c.conn.SetReadDeadline(past)
		c.drop()
		<-p.done
		_ = c.conn.SetReadDeadline(time.Time{})
	}
	return p.whole
}

// bodyRefused ends the pump, if there is one, and says whether the backend took no more of the body.
func (c *client) bodyRefused() bool {
	c.stopPump()
	return c.work.pump != nil && c.work.pump.refused
}

// settlePump lets the pump end when the answer has. It says whether all of the body was sent.
func (c *client) settlePump() bool {
	w := c.work
	p := w.pump
	switch {
	case p == nil:
		return !w.more
	case !c.enter(phaseRead): // The answer is written: from here on only the pump's limits count.
		c.stopPump()
		return false
	case w.req.ExpectContinue && !w.continued && !p.begun.Load():
		// The client won't send it.
	case w.resp.KeepAlive:
		<-p.done
	default:
		timer := time.NewTimer(pumpGrace)
		defer timer.Stop()
		select {
		case <-p.done:
		case <-timer.C:
		}
	}
	return c.stopPump()
}

// takeLeft takes over what the pump has read behind the body, in the place of the request that it belonged to.
func (w *work) takeLeft() {
	if w.pump == nil {
		return
	}
	w.in.r, w.in.w = 0, 0
	if len(w.pump.left) > len(w.in.b) {
		w.in.b = make([]byte, copySize)
	}
	w.in.w = copy(w.in.b, w.pump.left)
}
