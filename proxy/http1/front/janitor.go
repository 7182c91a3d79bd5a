package front

import (
	"sync/atomic"
	"syscall"
	"time"
)

// sweepSize is how many connections are looked at in one go. Ending some takes longer than serving a request: what was
// on its way to a client that takes nothing has to be thrown away. So who came at the same time must not be
// ended at the same time.
const sweepSize = 32

// sweepAll looks at all connections again and again, at each once in a tick: always in the order in which they came, so
// that the time between two looks at one of them is a tick as well.
func (f *Front) sweepAll() {
	timer := time.NewTimer(time.Duration(f.tick.Load()))
	defer timer.Stop()
	last, elapsed := time.Now(), time.Duration(0)
	var all, rest []*client
	var began time.Time // Of the look at all.
	for {
		select {
		case <-timer.C:
		case <-f.poke:
		case <-f.base.Done():
			return
		}
		f.advance(&last, &elapsed)
		if len(rest) == 0 {
			all = all[:0]
			f.each(func(c *client) { all = append(all, c) })
			rest, began = all, last
			f.upstreams.Range(func(_, u any) bool {
				u.(*upstream).expire(f.options.BackendIdle)
				return true
			})
		}
		n := min(sweepSize, len(rest))
		for _, c := range rest[:n] {
			c.inspect()
		}
		clear(rest[:n])
		rest = rest[n:]
		// By when that began, so that it lasts no longer when this is kept waiting.
		done := 1.0
		if len(rest) > 0 {
			done -= float64(len(rest)) / float64(len(all))
		}
		timer.Reset(time.Until(began.Add(time.Duration(done * float64(f.tick.Load())))))
	}
}

// advance sets the clock on, by a tick at most: what was stamped just now bears the time of the last look, and must
// not seem to be older than that because the janitor was kept waiting, or the tick has become shorter.
func (f *Front) advance(last *time.Time, elapsed *time.Duration) {
	now := time.Now()
	*elapsed += min(now.Sub(*last), time.Duration(f.tick.Load()))
	*last = now
	f.clock.Store(elapsed.Milliseconds())
}

// heed makes the janitor look often enough for a limit.
func (f *Front) heed(limit time.Duration) {
	want := int64(max(limit/ticks, minTick))
	for {
		tick := f.tick.Load()
		if limit <= 0 || tick <= want {
			return
		}
		if f.tick.CompareAndSwap(tick, want) {
			break
		}
	}
	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// inspect interrupts what takes too long.
func (c *client) inspect() {
	s := c.state.Load()
	p, since := unpack(s)
	o := &c.f.options
	pause := time.Duration(c.pause.Load())
	switch p {
	case phaseSend, phaseAwait, phaseRead:
		if c.older(since, 0) {
			c.watch()
		}
	}
	switch p {
	case phaseIdle:
		limit := o.ClientIdle
		if c.peer.ended() { // It came with the last request, and the wait for more was not told.
			limit = 0
		}
		if c.older(since, limit) && c.interrupt(s, reasonIdle) {
			_ = c.conn.SetReadDeadline(past)
		}
	case phaseHead, phaseClose:
		if c.older(since, o.HeadTimeout) && c.interrupt(s, reasonIdle) {
			_ = c.conn.SetDeadline(past)
		}
	case phaseSend:
		if c.older(since, pause) && c.interrupt(s, reasonTimeout) {
			c.unblockBackend()
		}
	case phaseAwait:
		limit := time.Duration(c.patience.Load())
		// An answer is due when the request has been sent, or its sender waits for that answer.
		pumping, _ := unpack(c.pumping.Load())
		due, why := pumping == phaseNone || pumping == phaseHold, reasonTimeout
		if pumping == phaseHold { // Who sends no body for so long is not to wait for a 100 (RFC 9110 10.1.1), nor the backend for it.
			why = reasonStalled
		}
		if limit > 0 && due && c.older(since, limit) && c.interrupt(s, why) {
			c.unblockBackend()
			break
		}
	case phaseWrite:
		if c.moves(&c.state, s, &c.unsentBefore, c.raw) {
			break
		}
		if c.older(since, pause) && c.interrupt(s, reasonGone) {
			_ = c.conn.SetDeadline(past)
		}
	}
	c.inspectPump()
}

// moves says whether the peer of a write that takes long has taken anything since the last look. Then the phase
// begins anew: a writer is woken only when much has been taken, which a slow peer may need long for.
func (c *client) moves(state *atomic.Uint64, s uint64, before *int, raw syscall.RawConn) bool {
	p, since := unpack(s)
	if !c.older(since, 0) {
		return true
	}
	now := unsent(raw)
	moved := now != *before
	*before = now
	return moved && state.CompareAndSwap(s, c.stamp(p))
}

func (c *client) inspectPump() {
	s := c.pumping.Load()
	p, since := unpack(s)
	why := reasonStalled
	switch p {
	case phaseBody:
	case phaseBodySend:
		why = reasonTimeout
		if l := c.link.Load(); l != nil && c.moves(&c.pumping, s, &c.unsentUp, l.raw) {
			return
		}
	default:
		return
	}
	if !c.older(since, time.Duration(c.pause.Load())) || !c.pumping.CompareAndSwap(s, uint64(phaseInterrupted)<<stampBits|uint64(why)) {
		return
	}
	if p == phaseBodySend {
		c.unblockBackend()
	} else {
		_ = c.conn.SetReadDeadline(past)
	}
}

// older says whether a limit has passed for sure, although times are coarse.
func (c *client) older(since int64, limit time.Duration) bool {
	return c.f.clock.Load()-since >= (limit + time.Duration(c.f.tick.Load())).Milliseconds()
}
