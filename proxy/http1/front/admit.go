package front

import (
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/forward"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// allow sets how long a body may stand still. What the janitor reads of it is the present request's.
func (c *client) allow(pause time.Duration) {
	if pause <= 0 {
		pause = c.f.options.BodyIdle
	}
	if c.pause.Load() != int64(pause) {
		c.pause.Store(int64(pause))
		c.f.heed(pause)
	}
}

// admit says why a request of a pool is not let through, before any backend hears of it.
func (c *client) admit(p *proxy.Pool) proxy.Cause {
	w := c.work
	loop := c.f.options.Edge.Loop
	if w.req.Looped() && loop.Token != "" && forward.Passes(loop, w.values("cdn-loop")) >= proxy.MaxPasses {
		return proxy.CauseLoop
	}
	wait, ok := p.Admit(w.began, w.pick.Client)
	if !ok {
		w.retryAfter = wait
		return proxy.CauseRateLimited
	}
	return proxy.CauseNone
}

// values are those of the fields of a name, in order, until they are asked for again.
func (w *work) values(name string) [][]byte {
	w.lines = w.lines[:0]
	f := &w.req.Fields
	for i := f.Find(name, 0); i >= 0; i = f.Find(name, i+1) {
		w.lines = append(w.lines, f.Value(i))
	}
	return w.lines
}

// turnAway answers a request that is for no pool, or must not reach one; n bytes of its head are still to be taken. It is the
// last on the connection unless all of it has come.
func (c *client) turnAway(cause proxy.Cause, n int) next {
	w := c.work
	w.began, w.pool = time.Now(), ""
	c.identify()
	keep := cause != proxy.CauseMethod && w.req.KeepAlive && !w.req.HTTP10 && w.whole(n) && !c.f.draining.Load()
	text := answer(&w.req, cause, 0, keep)
	after := nextEnd
	switch {
	case !keep:
		c.say(text.to(w.req.Method))
	case c.write(text.to(w.req.Method)) == proxy.CauseNone:
		w.in.r += n + int(w.req.Body.Length)
		after = nextRequest
	}
	w.sent = text.content(w.req.Method)
	status := cause.Problem().Status
	if log := c.f.core.Unserved(&c.f.options.Edge, w.req.Path(), status, cause); log != nil {
		c.log(log, time.Now(), status, cause)
	}
	return after
}

// unread accounts for a head that the codec refused; sent is how long the answer's body was. What its fields say, of the
// client or of anything else, is left alone.
func (c *client) unread(bad *http1.Error, began time.Time, sent int64) {
	known, cause := c.work.req.Known(), causeOf(bad)
	log := c.f.core.Unserved(&c.f.options.Edge, known.Path, bad.Status, cause)
	if log == nil {
		return
	}
	now := time.Now()
	log.Log(&proxy.Access{
		At: now, Took: now.Sub(began), Client: c.addr, Peer: c.addr,
		Method: view(known.Method), Host: view(known.Host), Target: view(known.Target), Protocol: known.Protocol,
		Status: bad.Status, Cause: cause, Slug: bad.Slug, Sent: sent,
	})
}

// causeOf is the cause that stands for what the codec refused a head for. There is one for most, for the codec knows
// many.
func causeOf(bad *http1.Error) proxy.Cause {
	if bad == http1.ErrTooManyFields {
		return proxy.CauseTooManyFields
	}
	return proxy.CauseBadHead
}

// done ends the exchange, and takes it down once if that is asked for.
func (c *client) done(now time.Time, status int, cause proxy.Cause) {
	w := c.work
	if !w.open {
		return
	}
	w.open = false
	w.x.Done(now, status, cause)
	if log := c.f.options.Edge.Log; log != nil && log.Wants(status) {
		c.log(log, now, status, cause)
	}
}

func (c *client) log(log proxy.AccessLog, now time.Time, status int, cause proxy.Cause) {
	w := c.work
	protocol := "HTTP/1.1"
	if w.req.HTTP10 {
		protocol = "HTTP/1.0"
	}
	entry := proxy.Access{
		At: now, Took: now.Sub(w.began), Client: w.client, Peer: c.addr,
		Method: view(w.req.MethodText()), Host: view(w.req.Host()), Target: view(w.req.Target()), Protocol: protocol,
		Status: status, Cause: cause, Pool: w.pool, Sent: w.sent,
		ID: view(w.id), UserAgent: w.first("user-agent"), Referrer: w.first("referer"),
	}
	if w.backend != nil {
		entry.Backend = w.backend.Name()
	}
	log.Log(&entry)
}

func (w *work) first(name string) string {
	if i := w.req.Find(name, 0); i >= 0 {
		return view(w.req.Value(i))
	}
	return ""
}
