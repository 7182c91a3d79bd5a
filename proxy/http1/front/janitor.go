package front

import "time"

// sweepAll looks at all connections again and again.
func (f *Front) sweepAll() {
	timer := time.NewTimer(time.Duration(f.tick.Load()))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-f.poke:
		case <-f.base.Done():
			return
		}
		f.clock.Store(time.Since(f.epoch).Milliseconds())
		f.each((*client).inspect)
		f.upstreams.Range(func(_, u any) bool {
			u.(*upstream).expire(f.options.BackendIdle)
			return true
		})
		timer.Reset(time.Duration(f.tick.Load()))
	}
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
		if c.older(since, o.BodyIdle) && c.interrupt(s, reasonTimeout) {
			c.unblockBackend()
		}
	case phaseAwait:
		limit := time.Duration(c.patience.Load())
		// An answer is due when the request has been sent, or its sender waits for that answer.
		pumping, _ := unpack(c.pumping.Load())
		due := pumping == phaseNone || pumping == phaseHold
		if limit > 0 && due && c.older(since, limit) && c.interrupt(s, reasonTimeout) {
			c.unblockBackend()
			break
		}
	case phaseWrite:
		if c.older(since, o.BodyIdle) && c.interrupt(s, reasonGone) {
			_ = c.conn.SetDeadline(past)
		}
	case phaseSplice:
		// What the client has not taken is still in its socket.
		if c.older(since, o.BodyIdle) && c.unsent() > 0 && c.interrupt(s, reasonGone) {
			c.unblockBackend()
			_ = c.conn.SetDeadline(past)
		}
	}
	c.inspectPump()
}

func (c *client) inspectPump() {
	s := c.pumping.Load()
	p, since := unpack(s)
	if p < phaseHold || !c.older(since, c.f.options.BodyIdle) {
		return
	}
	backend := p == phaseBodySend || p == phaseBodySplice && c.peek() == peekData
	if p == phaseHold {
		return
	}
	why := reasonStalled
	if backend {
		why = reasonTimeout
	}
	if c.pumping.CompareAndSwap(s, uint64(phaseInterrupted)<<stampBits|uint64(why)) {
		if backend {
			c.unblockBackend()
		} else {
			_ = c.conn.SetReadDeadline(past)
		}
	}
}

// older says whether a limit has passed for sure, although times are coarse.
func (c *client) older(since int64, limit time.Duration) bool {
	return c.f.clock.Load()-since >= (limit + time.Duration(c.f.tick.Load())).Milliseconds()
}
