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
// The error is ErrQueueFull, ErrQueueTimeout, ErrNoBackend or ErrNotComing if there is none to wait for any more, or that of
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
	x.ignored = x.ignores(v)
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
		x.outlook = g.outlook
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
			if v := x.pool.view.Load(); !v.awaits && !x.doubts(v) && !v.mayServe(x) {
				return grant{}, ErrNoBackend
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

// absent is what comes of a request that no backend is there for: ErrBusy if it may wait for one to come. What has been
// tried before waits only for backends that left, or until it is clear that they did not.
func (x *Exchange) absent(v *view) error {
	p := x.pool
	switch {
	case v.gone:
		return ErrNoBackend
	case v.awaits && !v.scales, x.doubts(v):
		return ErrBusy
	case len(x.tried) > 0 && !v.awaits, !v.scales:
		return ErrNoBackend
	case len(v.candidates) > 0: // They have come meanwhile.
		return ErrBusy
	}
	if x.ignored = x.ignores(v); x.ignored {
		return ErrNoBackend
	}
	x.outlook = p.outlook.Load()
	switch {
	case x.outlook.hopeless() && !v.awaits: // Else what left may come back, whatever can be started.
		return ErrNotComing
	case v.waits() && x.who != nil && x.outlook.far(p.core.since()) && x.who.Navigates():
		x.wake()
		return ErrWaitPage
	}
	return ErrBusy
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

// giveUp says why a request need not wait any longer; nothing if it does.
func (p *Pool) giveUp(v *view, x *Exchange) grant {
	switch {
	case v.gone:
		return grant{err: ErrNoBackend}
	case v.awaits, x.doubts(v):
		return grant{}
	case !v.mayServe(x):
		return grant{err: ErrNoBackend}
	case len(v.candidates) > 0:
		return grant{}
	case x.ignored, !v.scales:
		return grant{err: ErrNoBackend}
	case v.scales:
		if o := p.outlook.Load(); o.hopeless() {
			return grant{err: ErrNotComing, outlook: o}
		}
	}
	return grant{}
}
