package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/histogram"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// Backend is one backend as the data path sees it. It lives as long as its identity is in the
// snapshots; those that hold it longer may go on to use it.
type Backend struct {
	identity containers.Identity
	name     string
	address  string
	affinity string
	scheme   string
	pool     *Pool
	cost     balance.Cost
	breaker  breaker

	// available says that it may be given requests. A request that took it anyway gives it back.
	available atomic.Bool
	gone      atomic.Bool
	inFlight  atomic.Int64

	requests, errors atomic.Uint64
	durations        histogram.Histogram
	statuses         statuses
	window           window // guarded by Core.sampleMu

	watchers sync.Mutex
	// watched says that somebody waits for idle, which is closed when nothing is in flight.
	watched atomic.Bool
	idle    chan struct{} // guarded by watchers

	// What is known of it, guarded by Core.mu.
	spec    containers.Backend
	proven  bool // Passed a check since it was last able to.
	healthy bool
	reason  string
	drained bool
	served  bool // Was ready once.
	// told says that it would be ready if it were not drained, and that this was told of.
	told bool
	// serving says that it is available, since then; early that it was there when Ballast started.
	serving bool
	since   time.Duration
	early   bool
}

func newBackend(pool *Pool, spec containers.Backend) *Backend {
	return &Backend{
		identity: spec.Identity,
		name:     spec.Name,
		address:  spec.Address.String(),
		affinity: affinityOf(spec.Container),
		scheme:   spec.Scheme,
		pool:     pool,
	}
}

// affinityOf is the affinity cookie's value for a container: it names it without telling its ID, and
// stays the same when the container restarts.
func affinityOf(container string) string {
	sum := sha256.Sum256([]byte("ballast-affinity" + container))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Identity tells which backend it is.
func (b *Backend) Identity() containers.Identity { return b.identity }

// Name is the container's.
func (b *Backend) Name() string { return b.name }

// AddrPort is where it is dialled, and Address the same as text.
func (b *Backend) AddrPort() netip.AddrPort { return b.identity.Address }

// Address is where it is dialled, as host:port.
func (b *Backend) Address() string { return b.address }

// Scheme is what it speaks, one of the containers.Scheme constants.
func (b *Backend) Scheme() string { return b.scheme }

// Affinity is the value of the cookie that brings a client back to it.
func (b *Backend) Affinity() string { return b.affinity }

// Gone says that it left the snapshots for good.
func (b *Backend) Gone() bool { return b.gone.Load() }

// take counts a request in flight, if the backend is available and has fewer than limit of them; 0 is no limit.
// The flag is looked at again after the count, because drain clears the flag and then looks at the count; and once more
// after the count was taken back, because who waits may have been told meanwhile that the backend is available, and full.
func (b *Backend) take(limit int) bool {
	for b.available.Load() {
		if !b.enter(int64(limit)) {
			return false
		}
		if b.available.Load() {
			return true
		}
		b.leave()
	}
	return false
}

func (b *Backend) enter(limit int64) bool {
	if limit == 0 {
		b.inFlight.Add(1)
		return true
	}
	for {
		n := b.inFlight.Load()
		if n >= limit {
			return false
		}
		if b.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *Backend) leave() {
	if b.inFlight.Add(-1) == 0 && b.watched.Load() {
		b.notify()
	}
}

// release counts a request out, and gives its place to who waits for one.
func (b *Backend) release() {
	b.leave()
	if b.pool.held.Len() > 0 {
		b.pool.serve(&b.pool.held) // Whoever doubts was here already.
	}
}

func (b *Backend) notify() {
	b.watchers.Lock()
	defer b.watchers.Unlock()
	if b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// wait returns when nothing is in flight, or with the context's error. The flag must have been
// cleared before.
func (b *Backend) wait(ctx context.Context) error {
	b.watched.Store(true)
	for {
		b.watchers.Lock()
		if b.idle == nil {
			b.idle = make(chan struct{})
		}
		idle := b.idle
		b.watchers.Unlock()
		// Only now: what ends after this look finds the channel.
		if b.inFlight.Load() == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answered counts a request that this backend was the last to have.
func (b *Backend) answered(status int, cause Cause, took time.Duration) {
	b.requests.Add(1)
	b.statuses.add(status)
	if cause.blames() || cause == CauseNone && status >= 500 {
		b.errors.Add(1)
	}
	if status != statusSwitched {
		b.durations.Record(took)
	}
}

// statusSwitched is 101: what follows it lasts as long as the client likes, which is no latency.
const statusSwitched = 101

// checkable says whether checks of a backend in the engine's view tell anything: what is paused or
// asked to stop is not asked; what has weight 0 is, so that people see how it is.
func checkable(b containers.Backend) bool {
	switch b.State {
	case containers.StateReady, containers.StateStarting, containers.StateUnhealthy:
		return true
	case containers.StateDraining:
		return b.Weight == 0
	default:
		return false
	}
}

// state is the engine's and the checks' view together, with the reason why it is not ready. Core.mu
// must be held.
func (b *Backend) state() (containers.State, string) {
	switch {
	case b.spec.State == containers.StatePaused || b.spec.State == containers.StateWarm || b.spec.State == containers.StateDraining:
		return b.spec.State, b.spec.Reason
	case b.drained && !b.proven:
		return containers.StateDraining, "is kept out of rotation, and no check has passed yet"
	case b.drained:
		return containers.StateDraining, "taken out of rotation: requests in flight finish"
	case b.spec.State != containers.StateReady:
		return b.spec.State, b.spec.Reason
	case b.spec.Weight == 0:
		return containers.StateDraining, "its weight is 0"
	case !b.proven && b.reason != "":
		return containers.StateStarting, "no check has passed yet: " + b.reason
	case !b.proven:
		return containers.StateStarting, "no check has passed yet"
	case !b.healthy:
		return containers.StateUnhealthy, b.reason
	case b.breaker.open:
		return containers.StateEjected, b.breaker.reason
	}
	return containers.StateReady, ""
}

// eligible says whether it may serve at all when too few are ready: whatever checks and requests say of it now,
// it has served before, and nobody has taken it out of rotation. Core.mu must be held.
func (b *Backend) eligible() bool {
	state := b.spec.State
	return (state == containers.StateReady || state == containers.StateUnhealthy) && b.proven && !b.drained && b.spec.Weight > 0
}

// fit says whether the engine and the checks have nothing against the backend. Core.mu must be held.
func (b *Backend) fit() bool {
	return b.spec.State == containers.StateReady && b.spec.Weight > 0 && b.proven && b.healthy
}
