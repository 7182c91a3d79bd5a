package front

import (
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// All limits in time rest on this: what a connection waits for is one word, its phase and when that began. Its goroutine
// goes from phase to phase; whoever wants to end one (the janitor, Drain, a client that leaves) first puts an interruption
// in the place of the phase that it saw, by compare-and-swap, and only then wakes what waits, with a deadline in
// the past. The goroutine finds the interruption when it enters its next phase, and then uses neither of its
// connections for another request: so it does no harm that the deadline may come late.

// phase says what a connection waits for.
type phase uint8

const (
	phaseNone        phase = iota
	phaseIdle              // The next request.
	phaseHead              // The rest of a request's head.
	phaseQueue             // A backend that is free.
	phaseSend              // A backend that takes the request.
	phaseAwait             // The head of an answer.
	phaseRead              // More of an answer.
	phaseWrite             // A client that takes an answer.
	phaseTunnel            // Anything, after an upgrade.
	phaseClose             // The client's end.
	phaseInterrupted       // Nothing more: a reason stands where the time was. Client and pump have it.

	// What a pump waits for.
	phaseHold     // A client that waits for a 100 itself.
	phaseBody     // More of a body.
	phaseBodySend // A backend that takes it.
)

// reason is why a connection was interrupted.
type reason uint8

const (
	reasonNone     reason = iota
	reasonIdle            // Nobody needs it any more, or it took too long where no answer is due.
	reasonTimeout         // The backend took too long.
	reasonStalled         // The client did.
	reasonGone            // The client left.
	reasonShutdown        // Drain's limit passed.
)

const stampBits = 56

// past makes reads and writes that wait return at once, as a deadline.
var past = time.Unix(1, 0)

func (c *client) stamp(p phase) uint64 {
	return uint64(p)<<stampBits | uint64(c.f.clock.Load())
}

func unpack(s uint64) (phase, int64) { return phase(s >> stampBits), int64(s & (1<<stampBits - 1)) }

// enter begins a phase. It is false if the connection was interrupted in the one before; c.reason
// tells why, and what was going on is over.
func (c *client) enter(p phase) bool {
	old, why := unpack(c.state.Swap(c.stamp(p)))
	if old != phaseInterrupted {
		return true
	}
	c.reason = reason(why)
	return false
}

// interrupt ends the phase seen for a reason, unless it is over.
func (c *client) interrupt(seen uint64, why reason) bool {
	return c.state.CompareAndSwap(seen, uint64(phaseInterrupted)<<stampBits|uint64(why))
}

// unblockBackend lets what waits for the backend return. Only who has interrupted may call it: then neither connection
// is used for another request.
func (c *client) unblockBackend() {
	if cancel := c.dialing.Load(); cancel != nil {
		(*cancel)()
	}
	if l := c.link.Load(); l != nil {
		_ = l.conn.SetDeadline(past)
	}
}

// hasLeft says that the client is not there any more, so that its request needs no answer. Who has announced its
// request as the last may end its half of the connection and wait for the answer, and who still sends has not left.
func (c *client) hasLeft() bool {
	return c.pumping.Load() == 0 && (c.peer.gone() || c.peer.ended() && !c.last.Load())
}

// abandoned is hasLeft for the connection's own goroutine, after it entered a phase.
func (c *client) abandoned() bool {
	if c.hasLeft() {
		c.reason = reasonGone
		return true
	}
	return false
}

// lookLeft ends what is done for a client that has left, when that was noticed or the last of its request has been
// read.
func (c *client) lookLeft() {
	for {
		// In this order: last may be set between two phases.
		s := c.state.Load()
		if p, _ := unpack(s); p != phaseQueue && p != phaseSend && p != phaseAwait && p != phaseRead || !c.hasLeft() {
			return // Who writes to it will see.
		}
		if c.interrupt(s, reasonGone) {
			c.unblockBackend()
			return
		}
	}
}

// late is how many times shorter than the limit of a body a pause is that a backend may have lost its patience at: 5 s of
// 60 s.
const late = 12

// waitedFor says that the client takes long, or took long not more than the limit ago, so that an end of the backend's
// connection may be meant for it. What the backend had sent by then is read first, as fast as the client takes it: so a
// write that is quick again proves nothing.
func (c *client) waitedFor() bool {
	if p, since := unpack(c.pumping.Load()); p == phaseBody && c.isLate(since) {
		return true
	}
	at := c.lateAt.Load()
	return at != 0 && !c.older(at, time.Duration(c.pause.Load()))
}

// noteLate takes down that a wait for the client is over, which began then.
func (c *client) noteLate(began int64) {
	if c.isLate(began) {
		c.lateAt.Store(c.f.clock.Load())
	}
}

func (c *client) isLate(since int64) bool { return c.older(since, time.Duration(c.pause.Load())/late) }

// restamp begins the wait for an answer anew, when the request has been sent whole.
func (c *client) restamp() {
	s := c.state.Load()
	if p, _ := unpack(s); p == phaseAwait {
		c.state.CompareAndSwap(s, c.stamp(phaseAwait))
	}
}

// leaveIdle closes the connection if it has waited so long for the next request and nothing of one has come. It says
// whether there is something to wait for.
func (c *client) leaveIdle(limit time.Duration) (busy bool) {
	s := c.state.Load()
	switch p, since := unpack(s); p {
	case phaseNone, phaseInterrupted:
		return false
	case phaseIdle:
		if limit > 0 && !c.older(since, limit) || c.peek() == peekData {
			return true
		}
		if c.interrupt(s, reasonIdle) {
			_ = c.conn.SetReadDeadline(past)
			return false
		}
	}
	return true
}

// cutNow ends whatever goes on. Who waits for an answer can still be told so.
func (c *client) cutNow() {
	for {
		s := c.state.Load()
		p, _ := unpack(s)
		switch p {
		case phaseNone: // Handed over.
			return
		case phaseInterrupted: // Its answer may be due, and nobody else interrupts any more.
			_ = c.conn.SetWriteDeadline(time.Now().Add(lingerPause))
			return
		}
		if !c.interrupt(s, reasonShutdown) {
			continue
		}
		c.unblockBackend()
		if p == phaseQueue || p == phaseSend || p == phaseAwait {
			_ = c.conn.SetReadDeadline(past)
			_ = c.conn.SetWriteDeadline(time.Now().Add(lingerPause))
		} else {
			_ = c.conn.SetDeadline(past)
		}
		return
	}
}

// cause is what an interruption means for the request that was served.
func (r reason) cause() proxy.Cause {
	switch r {
	case reasonTimeout:
		return proxy.CauseTimeout
	case reasonShutdown:
		return proxy.CauseShutdown
	case reasonStalled:
		return proxy.CauseBadRequest
	default:
		return proxy.CauseClientGone
	}
}
