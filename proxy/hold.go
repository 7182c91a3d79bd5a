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
	// ErrBusy says that all available backends serve as many requests as they may: Hold waits.
	ErrBusy = errors.New("all backends are busy")
	// ErrQueueFull says that too many requests wait already.
	ErrQueueFull = errors.New("queue is full")
	// ErrQueueTimeout says that no backend was free in time.
	ErrQueueTimeout = errors.New("no backend was free in time")
)

// held is a request in the pool's queue. Its owner waits, and does not touch it.
type held struct {
	request  *balance.Request
	exchange *Exchange
}

type heldQueue = queue.Queue[held, *Backend]

// Hold waits in the pool's queue until a backend is free, and counts the request in flight there as Next does.
// The error is ErrQueueFull, ErrQueueTimeout, ErrNoBackend if there is none to wait for any more, or that of ctx, with
// which who leaves the queue is taken out of it.
func (x *Exchange) Hold(ctx context.Context, r *balance.Request) (*Backend, error) {
	p := x.pool
	limits := p.view.Load().settings.Queue
	place := p.held.Enter(held{r, x}, limits.Size)
	if place == nil {
		return nil, ErrQueueFull
	}
	began := time.Now()
	p.serveHeld()
	timer := time.NewTimer(limits.Timeout)
	defer timer.Stop()
	var b *Backend
	var err error
	select {
	case b = <-place.Given():
	case <-timer.C:
		err = ErrQueueTimeout
	case <-ctx.Done():
		err = ctx.Err()
	}
	now := time.Now()
	p.holds.Record(now.Sub(began))
	if err != nil {
		given, ok := p.held.Leave(place)
		switch {
		case !ok || given == nil:
		case ctx.Err() != nil:
			given.release()
		default: // Just in time.
			b, err = given, nil
		}
	}
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return nil, ErrNoBackend
	}
	x.attempt = p.since(now)
	x.begin(b)
	return b, nil
}

// serveHeld gives what is free to those who wait, in the order they came, and nil to whom nothing ever will be.
func (p *Pool) serveHeld() {
	p.held.Serve(func(h held) (b *Backend, ok, last bool) {
		v := p.view.Load()
		b, _ = v.take(h.request, h.exchange)
		if b != nil || v.gone || !v.mayServe(h.exchange) {
			return b, true, false
		}
		// Whom nothing is free for although it would have anything is the last to be asked.
		return nil, false, len(h.exchange.tried) == 0
	})
}
