package front

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// statusClientGone is what is counted when the client left before its answer began.
const statusClientGone = 499

// maxInterim is how many answers may come before the one that counts.
const maxInterim = 32

// exchange serves a request of a pool. It says whether another may follow on the connection.
func (c *client) exchange(p *proxy.Pool, strip int) bool {
	w := c.work
	c.reason = reasonNone
	c.lateAt.Store(0)
	w.settings = p.Settings()
	w.began, w.pool = time.Now(), p.Name()
	c.f.heed(w.settings.Timeout)
	c.allow(w.settings.IdleTimeout)
	refused := proxy.CauseBadRequest
	if c.prepare(strip) {
		refused = c.admit(p)
	} else {
		w.more = true // Where the next request would begin is not known for sure.
	}
	if refused != proxy.CauseNone {
		w.x, w.open = p.BeginRefused(w.began), true
		return c.fail(refused)
	}
	w.x, w.open = p.BeginFor(w.began, w), true
	// Who has sent more behind it waits for more than this answer.
	if last := !w.req.KeepAlive || !w.more && w.in.r < w.in.w; c.last.Load() != last {
		c.last.Store(last)
	}
	if cause := c.send(); cause != proxy.CauseNone {
		return c.fail(cause)
	}
	return c.respond()
}

// send sends the request to a backend, and to another one if nothing of it could be sent. When it returns
// CauseNone the head of the answer has been read.
func (c *client) send() proxy.Cause {
	w := c.work
	failed := proxy.CauseNone
	for {
		b, err := w.x.Next(&w.pick)
		if errors.Is(err, proxy.ErrBusy) {
			b, err = c.hold()
		}
		switch {
		case err == nil:
		case c.reason != reasonNone:
			return c.reason.cause()
		case failed != proxy.CauseNone: // What went wrong where it could be tried tells more.
			return failed
		default:
			return proxy.CauseOf(err)
		}
		if b.Scheme() != containers.SchemeHTTP { // It joined when the request was here already.
			w.x.Decline()
			continue
		}
		w.backend = b
		cause, again := c.try(b)
		if !again || !w.x.Again(time.Now(), cause) {
			return cause
		}
		failed = cause
	}
}

// hold waits until a backend is free, or the client leaves.
func (c *client) hold() (*proxy.Backend, error) {
	c.watchOnce()
	ctx, cancel := context.WithCancel(c.f.base)
	defer cancel()
	c.dialing.Store(&cancel)
	defer c.dialing.Store(nil)
	if !c.enter(phaseQueue) || c.abandoned() {
		return nil, errInterrupted
	}
	b, err := c.work.x.Hold(ctx, &c.work.pick)
	// Who was interrupted has no use for it; Done gives it back.
	if !c.enter(phaseSend) {
		return nil, errInterrupted
	}
	return b, err
}

// try sends the request to one backend. again says that it may be sent to another: nothing of it could be sent, or it
// may be repeated. That a kept connection has ended is no failure: the same request goes out on another connection then.
func (c *client) try(b *proxy.Backend) (cause proxy.Cause, again bool) {
	w := c.work
	for {
		l, cause := c.reach(b, w.repeated)
		if l == nil {
			return cause, cause == proxy.CauseConnectFailed
		}
		// A body that is not whole goes on only when its beginning was taken: so whatever can't be sent
		// can be sent again, for nothing of it has been read away.
		n, err := c.ask(l)
		switch {
		case errors.Is(err, errInterrupted):
			return c.reason.cause(), false
		case errors.Is(err, errStale): // Another that is kept may not be.
		case err != nil && n == 0:
			if !l.kept {
				w.repeated = true
				c.drop()
				if !c.enter(phaseSend) {
					return c.reason.cause(), false
				}
				return proxy.CauseNoAnswer, true
			}
			w.repeated = true
		default:
			cause, ended := c.await(l)
			// Who was interrupted just then has another cause.
			if !ended || cause != proxy.CauseNoAnswer || !w.repeatable() {
				return cause, false
			}
			if !l.kept {
				c.drop()
				return cause, true
			}
			w.repeated = true
		}
		c.drop()
	}
}

// reach returns a connection to a backend, a kept one unless fresh; or why there is none.
func (c *client) reach(b *proxy.Backend, fresh bool) (*link, proxy.Cause) {
	if !c.enter(phaseSend) || c.abandoned() {
		return nil, c.reason.cause()
	}
	var l *link
	if !fresh {
		l = c.f.kept(b)
	}
	if l == nil {
		var err error
		if l, err = c.dial(b); err != nil {
			switch {
			case !c.enter(phaseSend):
				return nil, c.reason.cause()
			case proxy.Exhausted(err):
				if seldom(&c.f.warnedAt, maxTick) {
					c.f.log.Warn().Err(err).Msg("connecting to a backend failed for want of resources")
				}
				return nil, proxy.CauseOverloaded
			}
			return nil, proxy.CauseConnectFailed
		}
	}
	c.link.Store(l)
	c.work.back.r, c.work.back.w = 0, 0
	return l, proxy.CauseNone
}

var (
	errInterrupted = errors.New("interrupted")
	errStale       = errors.New("kept connection has ended")
)

// ask sends what there is of the request, and may read what comes first of the answer. It returns how much of
// the request was sent, and why not all.
func (c *client) ask(l *link) (int, error) {
	w := c.work
	sent := 0
	var stale bool
	if !w.more && l.raw != nil {
		c.patience.Store(int64(w.settings.Timeout))
		if !c.enter(phaseAwait) {
			return 0, errInterrupted
		}
		sent, stale = l.ask(w.out, &w.back)
	} else {
		stale = l.stale()
	}
	switch {
	case stale:
		return 0, errStale
	case sent == len(w.out):
		return sent, nil
	case !c.enter(phaseSend):
		return sent, errInterrupted
	}
	n, err := l.conn.Write(w.out[sent:])
	if w.more && err == nil {
		c.startPump(l)
	}
	return sent + n, err
}

// repeatable says whether the request may be sent again although a backend may have seen it (RFC 9110 9.2.2).
func (w *work) repeatable() bool {
	switch w.req.Method {
	case http1.MethodGet, http1.MethodHead, http1.MethodOptions, http1.MethodPut, http1.MethodDelete:
		return !w.more // All of it is in w.out.
	}
	return false
}

// await reads the head of the answer that counts, and passes on those before it. ended says that the
// connection did so without a byte: then w.out still has the request.
func (c *client) await(l *link) (cause proxy.Cause, ended bool) {
	w := c.work
	c.patience.Store(int64(w.settings.Timeout))
	for i := range maxInterim {
		if !c.enter(phaseAwait) || c.abandoned() {
			return c.reason.cause(), false
		}
		w.resp.Reset(w.req.Method, w.req.WebSocket)
		n, err := w.resp.Parse(w.back.bytes())
		for n == 0 && err == nil {
			if _, err = w.back.fill(l.conn, http1.MaxHead); err != nil {
				return c.blame(err), i == 0 && w.back.w == 0 && isEnd(err)
			}
			n, err = w.resp.Parse(w.back.bytes())
		}
		if err != nil {
			return proxy.CauseBadResponse, false
		}
		w.back.r += n
		if !w.resp.Interim() {
			if w.resp.Status < 500 || !w.expired() { // Else it may tell of the client's deadline alone.
				w.x.Answered(w.resp.Status)
			}
			return proxy.CauseNone, false
		}
		if cause := c.passInterim(); cause != proxy.CauseNone {
			return cause, false
		}
	}
	return proxy.CauseBadResponse, false
}

// expired says that the client's own deadline has passed.
func (w *work) expired() bool {
	deadline := proxy.Deadline(w.first("grpc-timeout"), w.began)
	return !deadline.IsZero() && !time.Now().Before(deadline)
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// passInterim passes on an answer that another one follows, to who can read it; also a 100 that was not asked for
// (RFC 9110 15.2).
func (c *client) passInterim() proxy.Cause {
	w := c.work
	if w.req.HTTP10 {
		return proxy.CauseNone
	}
	w.out = http1.AppendEnd(w.resp.AppendHead(w.out[:0], http1.ResponseOut{}))
	if cause := c.write(w.out); cause != proxy.CauseNone {
		return cause
	}
	if w.resp.Status == 100 && w.req.ExpectContinue {
		w.continued = true
		c.pumpOn()
	}
	return proxy.CauseNone
}

// blame says why there is no answer, when reading it ended with err.
func (c *client) blame(err error) proxy.Cause {
	if !c.enter(phaseAwait) {
		return c.reason.cause()
	}
	if cause := c.pumpCause(err); cause != proxy.CauseNone {
		return cause
	}
	if c.waitedFor() {
		return proxy.CauseBadRequest
	}
	return proxy.CauseNoAnswer
}

// pumpCause is why the pump made reading from the backend end with err, if it did.
func (c *client) pumpCause(err error) proxy.Cause {
	p := c.work.pump
	if p == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return proxy.CauseNone
	}
	<-p.done
	return p.cause
}

// drop closes the connection to the backend.
func (c *client) drop() {
	if l := c.link.Swap(nil); l != nil {
		l.close()
	}
}

// fail answers a request for which there is no answer of a backend, if someone is there to read it. It
// says whether another request may follow.
func (c *client) fail(cause proxy.Cause) bool {
	w := c.work
	c.drop()
	whole := c.stopPump()
	if w.backend != nil {
		c.f.log.Debug().Stringer("cause", cause).Str("backend", w.backend.Name()).Msg("request failed")
	}
	if cause == proxy.CauseClientGone {
		c.done(time.Now(), statusClientGone, cause)
		return false
	}
	// Who was interrupted ends: what interrupted it may not be done yet.
	c.enter(phaseWrite) // The answer is due also when it was interrupted.
	keep := whole && w.req.KeepAlive && !w.req.HTTP10 && c.reason == reasonNone && !c.f.draining.Load()
	text := w.answer(cause, keep)
	err := c.put(text.to(w.req.Method))
	w.sent = text.content(w.req.Method)
	c.done(time.Now(), cause.Problem().Status, cause)
	if err != nil {
		return false
	}
	switch {
	case keep:
		w.takeLeft()
	case !whole || w.req.KeepAlive:
		c.lingers = true
	}
	return keep
}
