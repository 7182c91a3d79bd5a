package front

import (
	"errors"
	"net"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// requests serves what has been read ahead, one request after the other.
func (c *client) requests() next {
	w := c.work
	for {
		n, err := c.head()
		if err != nil {
			return c.refuse(err)
		}
		if n == 0 {
			return nextOutside
		}
		if next := c.request(n); next != nextRequest {
			return next
		}
		w.fresh()
		if w.in.r == w.in.w {
			return nextRequest
		}
	}
}

// head reads on until the head of a request is whole, and returns its length. Inside the wait it does not read on;
// then the length is 0.
func (c *client) head() (int, error) {
	w := c.work
	if !c.enter(phaseHead) {
		return 0, net.ErrClosed
	}
	for {
		n, err := w.req.Parse(w.in.bytes())
		if n > 0 || err != nil || c.fd != noFD {
			return n, err
		}
		if _, err := w.in.fill(c.conn, http1.MaxHead); err != nil {
			return 0, err
		}
	}
}

// refuse answers a head that can't be read, unless it is for somebody else.
func (c *client) refuse(err error) next {
	bad, ok := errors.AsType[*http1.Error](err)
	switch {
	case !ok: // It broke off.
		return nextEnd
	case bad == http1.ErrHTTP2 && c.f.options.HandOff != nil:
		c.http2 = true
		return nextHandOff
	}
	c.f.log.Debug().Err(err).Msg("request refused")
	began, text := time.Now(), refusal(bad)
	c.say(text.all)
	c.unread(bad, began, int64(len(text.all)-text.head))
	return nextEnd
}

// request serves one request, whose head has n bytes.
func (c *client) request(n int) next {
	w := c.work
	if w.req.Method == http1.MethodConnect || w.req.Method == http1.MethodTrace {
		return c.turnAway(proxy.CauseMethod, n)
	}
	target, whose := c.f.options.Route(w.req.Host(), w.req.Path(), c.secure)
	pool := target.Pool
	switch {
	case c.f.options.HandOff != nil && (whose == Anothers || pool != nil && !pool.Plain()):
		return nextHandOff
	case whose != Pools:
		return c.turnAway(proxy.CauseNotFound, n)
	case c.fd != noFD && !w.whole(n):
		w.req.Reset()
		return nextOutside
	}
	w.in.r += n
	c.f.inFlight.Add(1)
	defer c.f.inFlight.Add(-1)
	if pool == nil {
		return c.turnAway(proxy.CauseNoBackend, 0)
	}
	if c.exchange(pool, target.Strip) {
		return nextRequest
	}
	return nextEnd
}

// whole says that a request whose head has n bytes needs nothing more of its client.
func (w *work) whole(n int) bool {
	if w.req.WebSocket {
		return false
	}
	body := w.req.Body
	return body.Empty() || body.Kind == http1.BodyLength && body.Length <= int64(w.in.w-w.in.r-n)
}
