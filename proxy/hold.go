package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/queue"
)

// Why a request is not held, or not any longer.
var (
	// ErrBusy says that all available backends serve as many requests as they may, or that there are none and some may
	// come: Hold waits.
	ErrBusy = errors.New("all backends are busy")
	// ErrQueueFull says that too many requests wait already.
	ErrQueueFull = errors.New("queue is full")
	// ErrQueueTimeout says that no backend was free in time.
	ErrQueueTimeout = errors.New("no backend was free in time")
	// ErrNotComing says that there is no backend, and by the pool's outlook none will come.
	ErrNotComing = errors.New("no backend will come")
	// ErrWaitPage says that who asks is a browser, and gets the waiting page instead of being held.
	ErrWaitPage = errors.New("the waiting page is due")
)

// held is a request in the pool's queue. Its owner waits, and does not touch it.
type held struct {
	request  *balance.Request
	exchange *Exchange
}

// grant is what a request in the queue is given: a backend, or an error if there is none to wait for.
type grant struct {
	backend *Backend
	err     error
	outlook *forecast // Where that is the reason.
}

type heldQueue = queue.Queue[held, grant]

// errMoves says that a request is in the wrong queue: others to try have come, or have gone.
var errMoves = errors.New("the request belongs to the other queue")

// queued is how many wait.
func (p *Pool) queued() int { return p.held.Len() + p.doubting.Len() }

// Hold waits in a queue of the pool's until a backend is free, and counts the request in flight there as Next does.
// The error is ErrQueueFull, ErrQueueTimeout, or ErrNoBackend, ErrNotComing or ErrWaitPage if there is none to wait for any more, or that of
// ctx, with which who leaves the queue is taken out of it.
func (x *Exchange) Hold(ctx context.Context, r *balance.Request) (*Backend, error) {
	patience := x.pool.view.Load().settings.Queue.Timeout
	for {
		began := time.Now()
		b, err := x.hold(ctx, r, patience)
		switch {
		case errors.Is(err, errMoves):
			patience -= time.Since(began)
		case errors.Is(err, ErrNoBackend) && x.reconnects():
		default:
			return b, err
		}
	}
}

// hold is Hold for one place in a queue.
func (x *Exchange) hold(ctx context.Context, r *balance.Request, patience time.Duration) (*Backend, error) {
	p := x.pool
	v := p.view.Load()
	x.meet(v)
	q := &p.held
	if !v.mayServe(x) {
		q = &p.doubting
	}
	place := q.Enter(held{r, x}, v.settings.Queue.Size)
	if place == nil {
		return nil, ErrQueueFull
	}
	began := time.Now()
	p.waiting.begin(p.since(began))
	p.serve(q)
	g, err := x.wait(ctx, place, patience)
	now := time.Now()
	p.waiting.end(p.since(now))
	p.holds.Record(now.Sub(began))
	x.held += now.Sub(began)
	if err != nil {
		late, ok := q.Leave(place)
		switch {
		case !ok || late.backend == nil:
		case ctx.Err() != nil:
			late.backend.probedBy(x, x.attempt)
			late.backend.release()
		default: // Just in time.
			g, err = late, nil
		}
	}
	if err == nil {
		err = g.err
	}
	if err != nil {
		if x.outlook = g.outlook; errors.Is(err, ErrWaitPage) {
			x.wake()
		}
		return nil, err
	}
	x.attempt = p.since(now)
	x.begin(g.backend)
	return g.backend, nil
}

// wait returns what the place in the queue is given, or why it is to be given up.
func (x *Exchange) wait(ctx context.Context, place *queue.Waiter[held, grant], timeout time.Duration) (grant, error) {
	select {
	case g := <-place.Given():
		return g, nil
	default:
		x.wake()
	}
	first := timeout
	if len(x.tried) > 0 {
		first = min(first, x.grace())
	}
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case g := <-place.Given():
			return g, nil
		case <-timer.C:
			if first == timeout {
				return grant{}, ErrQueueTimeout
			}
			if g := x.pool.giveUp(x.pool.view.Load(), x); g.err != nil {
				return g, g.err
			}
			timer.Reset(timeout - first)
			first = timeout
		case <-ctx.Done():
			return grant{}, ctx.Err()
		}
	}
}

// wake tells that somebody waits who may.
func (x *Exchange) wake() {
	if f := x.pool.core.onHold; f != nil && !x.ignored {
		f(x.pool.name)
	}
}

// ignores says whether who asks wakes nobody.
func (x *Exchange) ignores(v *view) bool {
	return x.ignored || v.agents != nil && x.who != nil && v.agents.match(x.who.Agent())
}

// meet finds out about who asks what others will want to know while it waits.
func (x *Exchange) meet(v *view) {
	x.ignored = x.ignores(v)
	x.navigates = x.who != nil && x.who.Navigates()
}

// absent is what comes of a request that nothing is free for: ErrBusy if it may wait.
func (x *Exchange) absent(v *view) error {
	x.meet(v)
	g := x.pool.giveUp(v, x)
	switch {
	case g.err == nil:
		return ErrBusy
	case errors.Is(g.err, ErrWaitPage):
		x.wake()
	}
	x.outlook = g.outlook
	return g.err
}

// serveHeld serves both queues: those who doubt have waited for whatever is new.
func (p *Pool) serveHeld() {
	p.serve(&p.doubting)
	p.serve(&p.held)
}

// serve gives what is free to those who wait in a queue, in the order they came, and an error to whom nothing ever will be.
func (p *Pool) serve(q *heldQueue) {
	q.Serve(func(h held) (g grant, ok, last bool) {
		v := p.view.Load()
		if len(v.trials) > 0 { // A probe's time is from now on, not from when its request came.
			h.exchange.attempt = p.core.since()
		}
		if b, _ := v.take(h.request, h.exchange); b != nil {
			return grant{backend: b}, true, false
		}
		if g := p.giveUp(v, h.exchange); g.err != nil {
			return g, true, false
		}
		if v.mayServe(h.exchange) != (q == &p.held) {
			return grant{err: errMoves}, true, false
		}
		// Whom nothing is free for although it would have anything is the last to be asked, unless those behind it may
		// not wait as it does.
		return grant{}, false, len(h.exchange.tried) == 0 && (len(v.candidates) > 0 || v.agents == nil)
	})
}

// giveUp says why a request that nothing is free for need not wait, or not any longer; nothing if it does. It waits for a place
// at a backend that it was not at yet, for the news of those that it was at, for those that left, and where the pool scales for
// the first to come. Who is ignored waits for a place only, and a browser that would wait for long for somebody to come is
// given the page: one that waits for news is not, for the page would find those that it was at ready.
func (p *Pool) giveUp(v *view, x *Exchange) grant {
	untried := v.mayServe(x)
	switch o := p.outlook.Load(); {
	case v.gone:
		return grant{err: ErrNoBackend}
	case untried && len(v.candidates) > 0:
	case x.ignored:
		return grant{err: ErrNoBackend}
	case !v.awaits && x.doubts(v):
	case !v.awaits && !(untried && v.scales):
		return grant{err: ErrNoBackend}
	case !v.scales:
	case o.hopeless() && !v.awaits: // Else what left may come back, whatever can be started.
		return grant{err: ErrNotComing, outlook: o}
	case v.waits() && x.navigates && o.far(p.core.since()):
		return grant{err: ErrWaitPage, outlook: o}
	}
	return grant{}
}
