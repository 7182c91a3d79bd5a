package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/containers"
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
	given                     chan struct{} // Closed when it has been told that it decides.
	alone                     chan struct{} // Closed when the one that was taken over from has nothing in flight any more.
	done                      chan struct{} // Closed when this one has nothing in flight any more.
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
	r := &reign{
		over: make(chan struct{}), ends: make(chan struct{}), given: make(chan struct{}),
		alone: make(chan struct{}), done: make(chan struct{}),
	}
	if taking {
		r.clones.Store(clonesAnothers)
	} else {
		close(r.alone)
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
	err := a.taken.Ready(ctx)
	switch {
	case errors.Is(err, handover.ErrLate):
		return errors.Join(fmt.Errorf("take over: %w", err), a.taken.Close())
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

// outlast lets the fleet give up what it will when the Ballast that this one took over from has nothing in flight any more: before
// that, what looks idle here may be busy with that one's requests.
func (a *App) outlast(r *reign) {
	if a.taken == nil {
		return
	}
	defer close(r.alone)
	a.taken.Gone(r.offered, a.reloader.config().ShutdownTimeout)
	_ = a.taken.Close() // It may be closed already.
	a.shares.end()
}

// isAlone says that no Ballast that was taken over from has anything in flight.
func (r *reign) isAlone() bool {
	select {
	case <-r.alone:
		return true
	default:
		return false
	}
}

// shares has the fleet give up nothing as long as another Ballast may have requests in flight at what this one manages: the one
// that takes over from it, the one that it took over from, or both.
type shares struct {
	fleet *containers.Fleet

	mu     sync.Mutex
	others int // Guarded by mu.
}

func (s *shares) begin() { s.add(1) }
func (s *shares) end()   { s.add(-1) }

func (s *shares) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others += n
	s.fleet.KeepAll(s.others > 0)
}

// give waits for another Ballast to take over, and lets it know when this one has nothing in flight any more.
func (a *App) give(r *reign) {
	if a.giver == nil {
		close(r.given)
		return
	}
	heir, err := a.giver.Give(r.offered, a.offers, handover.Steps{
		Lend: func() bool {
			lent := r.lend()
			if lent {
				a.shares.begin()
			}
			return lent
		},
		Regain: func() {
			r.regain()
			a.shares.end()
		},
		Yield: func() time.Duration {
			a.yield(r)
			return a.reloader.config().ShutdownTimeout
		},
	})
	close(r.given)
	if err != nil {
		a.log.Error().Err(err).Msg("the handover to another Ballast was not in good order")
	}
	if heir != nil {
		<-r.done
		_ = heir.Close() // It does not matter to this one any more.
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

// part returns when the next Ballast knows that it decides, and nothing is in flight any more of the one before this one either,
// unless ctx ends: then it does not wait for that.
func (a *App) part(ctx context.Context, r *reign) {
	<-r.given
	select {
	case <-r.alone:
	case <-ctx.Done():
	}
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
