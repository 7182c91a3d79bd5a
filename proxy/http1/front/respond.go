package front

import (
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// respond passes the answer on, whose head has been read. It says whether another request may follow.
func (c *client) respond() bool {
	w := c.work
	if !c.enter(phaseRead) {
		return c.fail(c.reason.cause())
	}
	if w.resp.Body.Kind == http1.BodyTunnel {
		return c.tunnel()
	}
	if w.pump != nil {
		w.pump.answered.Store(true)
	}
	announce, last := w.resp.Deliver(w.req.HTTP10)
	keep := w.req.KeepAlive && !last && !c.f.draining.Load() && c.bodyMayCome()
	w.out = w.resp.AppendHead(w.out[:0], http1.ResponseOut{Body: announce, Close: !keep, KeepAlive: keep && w.req.HTTP10})
	w.out = c.appendAffinity(w.out)
	w.out = http1.AppendEnd(w.out)
	w.answered = w.resp.Status
	var cause proxy.Cause
	switch bare := w.req.HTTP10; w.resp.Body.Kind {
	case http1.BodyLength:
		cause = c.passLength(w.resp.Body.Length)
	case http1.BodyChunked:
		cause = c.passChunks(bare)
	case http1.BodyUntilClose:
		cause = c.passToEnd(bare)
	default:
		cause = c.flush()
	}
	if cause != proxy.CauseNone {
		return c.breakOff(cause, last)
	}
	return c.finish(keep)
}

// bodyMayCome says whether what is left of the request's body will be read.
func (c *client) bodyMayCome() bool {
	w := c.work
	p := w.pump
	if p == nil {
		return !w.more
	}
	select {
	case <-p.done:
		return p.whole
	default:
		return !w.req.ExpectContinue || w.continued || p.begun.Load()
	}
}

func (c *client) appendAffinity(out []byte) []byte {
	w := c.work
	if s := &w.settings.Sticky; s.Enabled && w.x.Moves(w.pick.Affinity) {
		return appendCookie(out, *s, w.backend.Affinity(), w.secure)
	}
	return out
}

// breakOff ends an answer that had begun and can't be passed on whole, so that it is seen.
func (c *client) breakOff(cause proxy.Cause, untilClose bool) bool {
	w := c.work
	c.drop()
	c.stopPump()
	c.done(time.Now(), w.answered, cause)
	// Only a reset tells it from the end, where the connection's is that of the answer; and only a reset lets the system
	// forget what was written for a client that does not take it. One that is merely slow still takes what came before.
	gone := c.reason == reasonGone
	c.breaks = untilClose || gone
	c.lingers = !gone && c.reason != reasonShutdown
	return false
}

// finish ends an exchange whose answer was passed on whole.
func (c *client) finish(keep bool) bool {
	w := c.work
	whole := c.settlePump()
	now := time.Now()
	l := c.link.Swap(nil)
	// After the swap: who interrupts now has no connection to spoil.
	alive := c.enter(phaseHead) && c.reason == reasonNone
	if l != nil {
		if alive && whole && w.resp.KeepAlive && w.back.r == w.back.w {
			c.f.keep(w.backend, l, now)
		} else {
			l.close()
		}
	}
	c.done(now, w.answered, proxy.CauseNone)
	switch {
	case !alive:
		return false
	case keep && whole:
		w.takeLeft()
		return true
	case !whole || w.req.KeepAlive: // What it sends before it reads that this was the last must not reset the answer.
		c.lingers = true
	}
	return false
}
