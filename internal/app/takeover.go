package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/handover"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

const (
	// settleLimit is how long the first requests wait for the first checks of backends. It is longer than a check may take by
	// default, and than the engine takes for a list.
	settleLimit = 5 * time.Second
	// holdLimit is how long one that hands over decides on, for the requests that it holds.
	holdLimit = 20 * time.Second
	// retireIdle is how long a connection to one that hands over may be idle before it is closed.
	retireIdle = 5 * time.Second
	poll       = 10 * time.Millisecond
)

// takeOver asks the Ballast that serves, if there is one, for its listening sockets.
func (a *App) takeOver(ctx context.Context) (err error) {
	if a.config.HandoverSocket == "" {
		return nil
	}
	if a.taken, err = handover.Take(ctx, a.config.HandoverSocket); err != nil {
		return fmt.Errorf("handover.socket: %w: see that this user may use it and that both are of versions that understand each "+
			"other, or stop the one that serves", err)
	}
	if a.taken != nil {
		a.log.Info().Msg("another Ballast serves: taking over from it")
	}
	return nil
}

// listen is the socket that was handed over for a key, or a new one.
func (a *App) listen(ctx context.Context, key, address string) (*net.TCPListener, error) {
	l, err := a.handedSocket(key, address)
	if err == nil && l == nil {
		var fresh net.Listener
		if fresh, err = front.Listen(ctx, address); err == nil {
			l = fresh.(*net.TCPListener)
		}
	}
	if err != nil {
		return nil, err
	}
	a.offers = append(a.offers, handover.Offer{Key: key, Address: address, Listener: l})
	return l, nil
}

func (a *App) handedSocket(key, address string) (*net.TCPListener, error) {
	if a.taken == nil {
		return nil, nil //nolint:nilnil // As Taken.Listener.
	}
	return a.taken.Listener(key, address)
}

// offer waits for whoever takes over from this one.
func (a *App) offer(ctx context.Context) (err error) {
	if path := a.config.HandoverSocket; path != "" {
		if a.giver, err = handover.Listen(ctx, path, a.component("handover")); err != nil {
			return fmt.Errorf("handover.socket: %w: name a file in a directory that exists and that this user may write to", err)
		}
	}
	return nil
}

// settle returns when it is known which backends serve, and certificates that were obtained are read, or that takes too long.
func (a *App) settle(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	select {
	case <-a.reconciler.Synced(): // All have been told by then.
	case <-limit.Done():
	}
	until(limit, func() bool { return a.core.Settled() && (a.traffic.acme == nil || a.traffic.acme.Settled()) })
}

// until looks again and again whether something is so, until ctx ends.
func until(ctx context.Context, ok func() bool) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// reign is the time in which this Ballast, and no other, starts and stops containers.
type reign struct {
	// deciding is the scaler's context, acting the fleet's, which may end after it, and offered that in which another may take over.
	deciding, acting, offered context.Context
	freeze, release, withdraw context.CancelFunc
	over                      chan struct{} // Closed when both have returned, or never will run.
	ends                      chan struct{} // Closed when another Ballast accepts connections.
	given                     chan struct{} // Closed when it has been told all that there is to tell.
	// clones says whose they are, so that what removes them and what hands them over exclude each other.
	clones atomic.Int32
}

// Whose the clones are.
const (
	// clonesMine: nobody else's.
	clonesMine = iota
	// clonesAnothers: of one that serves still, or that has the sockets and may serve any moment.
	clonesAnothers
	// clonesLeft: this Ballast ends, and nothing changes hands any more.
	clonesLeft
)

// newReign begins a reign; over another's clones if there is one from which this one takes over.
func newReign(ctx context.Context, taking bool) *reign {
	r := &reign{over: make(chan struct{}), ends: make(chan struct{}), given: make(chan struct{})}
	if taking {
		r.clones.Store(clonesAnothers)
	}
	r.offered, r.withdraw = context.WithCancel(ctx)
	r.acting, r.release = context.WithCancel(ctx)
	r.deciding, r.freeze = context.WithCancel(r.acting)
	return r
}

// lend says whether the clones may be another's from now on; regain has them be this one's.
func (r *reign) lend() bool { return r.clones.CompareAndSwap(clonesMine, clonesAnothers) }
func (r *reign) regain()    { r.clones.CompareAndSwap(clonesAnothers, clonesMine) }

// leave says whether the clones are this one's to remove; that does not change any more.
func (r *reign) leave() bool { return r.clones.Swap(clonesLeft) == clonesMine }

// assume returns when this Ballast alone decides: at once, or when the one that it takes over from has said so.
// It is an error if the other goes on, so that this one must not serve.
func (a *App) assume(r *reign) error {
	if a.taken == nil {
		return nil
	}
	ctx := r.deciding
	err := errors.Join(a.taken.Ready(ctx), a.taken.Close())
	switch {
	case errors.Is(err, handover.ErrLate):
		return fmt.Errorf("take over: %w", err)
	case err == nil:
		a.log.Info().Msg("took over")
	case ctx.Err() == nil:
		a.log.Warn().Err(err).Msg("the Ballast that served went away before it said that it decides nothing any more")
	}
	if ctx.Err() == nil {
		r.regain()
		if err := a.offer(ctx); err != nil {
			a.log.Error().Err(err).Msg("no other Ballast can take over from this one")
		}
	}
	return nil
}

// give waits for another Ballast to take over.
func (a *App) give(r *reign) {
	defer close(r.given)
	if a.giver == nil {
		return
	}
	if _, err := a.giver.Give(r.offered, a.offers, handover.Steps{
		Lend: func() bool {
			lent := r.lend()
			a.fleet.KeepAll(lent)
			return lent
		},
		Regain: func() {
			r.regain()
			a.fleet.KeepAll(false)
		},
		Yield: func() { a.yield(r) },
	}); err != nil {
		a.log.Error().Err(err).Msg("the handover to another Ballast was not in good order")
	}
}

// yield ends the reign when little more can come, and nothing is held any more for which a container may have to be started.
func (a *App) yield(r *reign) {
	close(r.ends)
	limit, cancel := context.WithTimeout(r.acting, holdLimit)
	defer cancel()
	began := time.Now()
	until(limit, func() bool { return time.Since(began) > a.retireIdle() && a.core.Held() == 0 })
	r.release()
	<-r.over
}

// retireIdle is how long connections may be idle when another Ballast serves.
func (a *App) retireIdle() time.Duration {
	return min(retireIdle, a.reloader.config().ShutdownTimeout/2)
}

// retire lets others go on where this Ballast stops: nobody is turned away, clones stay, and who asks on a connection that is
// kept is told that it was the last time.
func (a *App) retire() error {
	a.log.Info().Dur("limit", a.reloader.config().ShutdownTimeout).Msg("another Ballast serves: finishing what is in flight")
	if err := a.drain(a.retireIdle()); err != nil {
		a.log.Warn().Err(err).Msg("requests were cut at the shutdown limit")
	}
	return nil
}
