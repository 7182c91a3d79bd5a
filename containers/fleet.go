package containers

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

// DefaultMaxContainers is how many clones a host may have of all pools if nothing is said.
const DefaultMaxContainers = 50

// What FleetOptions.Acted is told.
const (
	ActedCreate = "create"
	ActedRemove = "remove"
	// ActedFail is a clone that could not be made, did not become ready in time, or died too soon.
	ActedFail = "fail"
)

// FleetEngine is what a Fleet asks of an engine; every engine.Engine is one.
type FleetEngine interface {
	List(ctx context.Context) ([]engine.Summary, error)
	Inspect(ctx context.Context, id string) (engine.Container, error)
	Create(ctx context.Context, spec engine.Spec) (string, error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, timeout time.Duration) error
	Unpause(ctx context.Context, id string) error
	Remove(ctx context.Context, id string, force bool) error
}

// Traffic takes containers out of rotation. Drain gives a container no new requests and returns
// when those in flight have ended, or with the context's error.
type Traffic interface {
	Drain(ctx context.Context, containerID string) error
}

// FleetOptions are what a Fleet is made of.
type FleetOptions struct {
	Engine  FleetEngine
	Traffic Traffic
	// Instance owns the clones: a Fleet touches only those that carry its name.
	Instance string
	Prefix   Prefix
	// MaxContainers bounds the clones on this host, of all pools and owners; 0 is DefaultMaxContainers.
	MaxContainers int
	Logger        zerolog.Logger
	// Acted, if set, counts what is done: one of the Acted constants. It must not call the Fleet.
	Acted func(pool, action string)
}

// Fleet makes clones and removes them, so that each pool has as many replicas as Bring asked for.
//
// It compares that number with what the last snapshot shows and with what it is making itself, and
// acts on the difference. So a Fleet that is started anew adopts the clones that are there: they
// carry its instance's name and are counted. A pool for which nobody called Bring keeps its clones,
// also when all other containers of it are gone; only those that stopped by themselves are removed.
//
// It never stops or removes a container without looking, right before, whether it is a clone of
// this instance.
type Fleet struct {
	o    FleetOptions
	wake chan struct{}

	mu sync.Mutex
	// last is the last snapshot, nil if there was none; closed says that RemoveAll began, and nothing is
	// to be made.
	last   *Snapshot
	closed bool
	// creations are under way; none begins once closed.
	creations sync.WaitGroup
	pools     map[string]*fleetPool
	// clones are those of this instance: in the snapshot, or being made, or just removed.
	clones []*fleetClone
	// strangers counts the clones of other instances.
	strangers int
	// early are containers that became ready before a snapshot showed them here.
	early map[string]time.Time
	// warm says that a clone was made since there was last nothing to make. The first one has the
	// machine for itself, so that one more replica is there as soon as can be.
	warm bool
}

// NewFleet makes a Fleet; Run starts it.
func NewFleet(o FleetOptions) *Fleet {
	if o.MaxContainers <= 0 {
		o.MaxContainers = DefaultMaxContainers
	}
	if o.Acted == nil {
		o.Acted = func(string, string) {}
	}
	return &Fleet{
		o:     o,
		wake:  make(chan struct{}, 1),
		pools: map[string]*fleetPool{},
		early: map[string]time.Time{},
	}
}

// Run creates and removes until ctx ends, and returns nil when all that it began has ended. A clone
// that was draining then goes on running; the next Fleet adopts it.
func (f *Fleet) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-timer.C:
		}
		work, next := f.plan(time.Now())
		for _, do := range work {
			workers.Go(func() { do(ctx) })
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// nudge lets Run look again.
func (f *Fleet) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Bring asks that a pool run n replicas in all, and returns at once. If that is fewer than now,
// clones are given up, the victims first; what Ballast did not make stays. If it is more, clones
// are made, and made again when they vanish; but no clone stands in for another container that
// vanishes later, which is for whoever decides to ask for.
func (f *Fleet) Bring(_ context.Context, pool string, n int, victims []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pool(pool)
	p.goal = &fleetGoal{n: n, victims: slices.Clone(victims)}
	if f.last != nil {
		f.base(p)
	}
	f.nudge()
}

// base fixes how many clones a goal means, and drops the victims that are not ours to give up.
func (f *Fleet) base(p *fleetPool) {
	g := p.goal
	g.based, g.clones = true, max(0, g.n-p.others)
	g.victims = slices.DeleteFunc(g.victims, func(id string) bool {
		c := f.byID(id)
		if c != nil && c.pool == p.name {
			return false
		}
		f.o.Logger.Error().Str("pool", p.name).Str("container", id).Msg("refused to remove a container that is no clone of ours")
		return true
	})
}

// FleetStatus tells how a Fleet stands with one pool.
type FleetStatus struct {
	// Others is how many replicas of the pool are not this Fleet's: backends of the last snapshot
	// that are starting, ready or unhealthy. Others, Creating and the clones that are backends are
	// the replicas that Bring's n counts.
	Others int
	// Creating is how many clones were asked for that are no backends in the last snapshot yet. What
	// can't be made at present does not count.
	Creating int
	// Retiring is how many clones are draining or stopping.
	Retiring int
	// Blocked says why no clone can be made at present, and what to do; empty if one can.
	Blocked string
	// Clones are the pool's clones of this instance that are there and not retiring, by slot.
	Clones []FleetClone
}

// FleetClone is a clone that could be given up.
type FleetClone struct{ ID, Name string }

// Status tells how things stand with a pool; a zero status if it is not known.
func (f *Fleet) Status(pool string) FleetStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pools[pool]
	if p == nil {
		return FleetStatus{}
	}
	s := FleetStatus{Others: p.others, Blocked: f.blocked(p, time.Now())}
	live := make([]*fleetClone, 0, len(f.clones))
	for _, c := range f.clones {
		switch {
		case c.pool != pool:
		case c.phase == cloneRetiring:
			s.Retiring++
		case c.live():
			live = append(live, c)
			if !c.backend {
				s.Creating++
			}
		}
	}
	if s.Blocked == "" {
		s.Creating += min(f.missing(p), f.budget())
	}
	slices.SortFunc(live, func(a, b *fleetClone) int { return a.slot - b.slot })
	for _, c := range live {
		if c.id != "" {
			s.Clones = append(s.Clones, FleetClone{c.id, c.name})
		}
	}
	return s
}

// Created tells when this Fleet began to create a container; false if it did not.
func (f *Fleet) Created(containerID string) (at time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.byID(containerID); c != nil && c.made {
		return c.began, true
	}
	return time.Time{}, false
}

// Ready tells the Fleet that a container serves. It must be called for every clone, also for those
// of an earlier run: a clone that is not ready within readyWithin of its start is removed.
func (f *Fleet) Ready(containerID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.byID(containerID)
	if c == nil {
		f.early[containerID] = time.Now()
		return
	}
	if !c.ready {
		c.ready = true
		f.pool(c.pool).backoff.ready()
		f.nudge()
	}
}

// parallel is how many clones are made at a time. An engine starts no more in a second if it is
// asked for more at once.
func parallel() int { return 2 * runtime.NumCPU() }
