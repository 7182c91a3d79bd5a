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
	// ActedPause put a clone into the warm pool, ActedUnpause took one out of it.
	ActedPause   = "pause"
	ActedUnpause = "unpause"
	// ActedStart and ActedStop are of originals, which Ballast did not make.
	ActedStart = "start"
	ActedStop  = "stop"
	// ActedHeal began to replace a clone or to restart an original that stayed unhealthy.
	ActedHeal = "heal"
	// ActedReplace began to replace a clone that was made from an older image or configuration.
	ActedReplace = "replace"
	// ActedUndrain took a replica back that was about to go.
	ActedUndrain = "undrain"
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
	Pause(ctx context.Context, id string) error
	Unpause(ctx context.Context, id string) error
	Remove(ctx context.Context, id string, force bool) error
}

// Traffic takes containers out of rotation. Drain gives a container no new requests, also one that is
// not there yet, and returns when those in flight have ended, or with the context's error. Undrain puts
// it back. Both may call the Fleet.
type Traffic interface {
	Drain(ctx context.Context, containerID string) error
	Undrain(containerID string)
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
	// Memory tells how much memory the host has available, and in all; not ok if that is not known. Nothing is
	// created while less than Headroom percent are available, and warm clones are given up; 0 is off.
	Memory   func() (available, total uint64, ok bool)
	Headroom int
	// Health tells the states of a pool's backends by container ID, what checks found included; not ok while that may not be
	// what is. Nil heals nothing. It must not call the Fleet.
	Health func(pool string) (states map[string]State, ok bool)
	// SickFor is the least time that a replica must have been unhealthy before it is healed; 0 is the constant of that name.
	SickFor time.Duration
	Logger  zerolog.Logger
	// Acted, if set, counts what is done: one of the Acted constants. It must not call the Fleet.
	Acted func(pool, action string)
}

// Fleet makes clones and removes them, so that each pool has as many replicas as Bring asked for. It keeps
// some more paused where a pool wants warm ones, and wakes those first.
//
// It compares that number with what the last snapshot shows and with what it is making itself, and
// acts on the difference. So a Fleet that is started anew adopts the clones that are there: they
// carry its instance's name and are counted. A pool for which nobody called Bring keeps its clones,
// also when all other containers of it are gone; only those that stopped by themselves are removed.
//
// It never removes a container without looking, right before, whether it is a clone of this instance.
// Containers that Ballast did not make are stopped only when Bring(0) is called for a pool whose minimum
// is 0, and started again by the next Bring; and those labelled heal=restart are restarted.
//
// A clone that served once and may be healed is removed when it has been unhealthy for long, and another made. It heals one
// at a time in each pool, with growing rests, and none while fewer than half of a pool's backends are available. In the same
// way a clone is replaced that is stale; where there may be one more, the new one is ready before the old one goes.
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
	// originals are containers of pools, by ID, that no Ballast made.
	originals map[string]*fleetOriginal
	memory    memoryReading
	rivalry   rivalry
	// tried says that a clone was made since there was last nothing to make. The first one has the
	// machine for itself, so that one more replica is there as soon as can be.
	tried bool
	// keeps is what KeepAll said, returns what was decided between two plans and the next one begins: what KeepAll took back, and
	// what Replace gives up.
	keeps   bool
	returns []func(context.Context)
}

// NewFleet makes a Fleet; Run starts it.
func NewFleet(o FleetOptions) *Fleet {
	if o.MaxContainers <= 0 {
		o.MaxContainers = DefaultMaxContainers
	}
	if o.SickFor <= 0 {
		o.SickFor = SickFor
	}
	if o.Acted == nil {
		o.Acted = func(string, string) {}
	}
	return &Fleet{
		o:     o,
		wake:  make(chan struct{}, 1),
		pools: map[string]*fleetPool{},
		early: map[string]time.Time{}, originals: map[string]*fleetOriginal{},
		rivalry: rivalry{explained: map[string]time.Time{}},
	}
}

// Run creates and removes until ctx ends, and returns nil when all that it began has ended. A clone
// that was draining then goes on running; the next Fleet adopts it.
func (f *Fleet) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	defer f.resign()
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

// resign notes that another Fleet may be at work from now on.
func (f *Fleet) resign() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rivalry.since = time.Time{}
}

// nudge lets Run look again.
func (f *Fleet) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Bring asks that a pool run n replicas in all, and returns at once. If that is fewer than now,
// clones are given up, the victims first; what Ballast did not make stays, unless n is 0 and the pool's
// minimum is too. If it is more, replicas that are about to go are taken back, warm clones woken,
// originals of a pool with minimum 0 started, and clones made, in this order; and made again when they
// vanish. But nothing stands in for another container that vanishes later, which is for whoever
// decides to ask for.
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

// base fixes how many clones a goal means, and which originals, and drops the victims that are not ours
// to give up.
func (f *Fleet) base(p *fleetPool) {
	g := p.goal
	g.based, g.clones = true, max(0, g.n-f.others(p)-f.starting(p))
	g.condemned = f.condemned(p)
	g.victims = slices.DeleteFunc(g.victims, func(id string) bool {
		c := f.byID(id)
		if c != nil && c.pool == p.name {
			return false
		}
		level := zerolog.ErrorLevel
		if c == nil && !f.shows(id) {
			level = zerolog.DebugLevel // It has just gone by itself.
		}
		f.o.Logger.WithLevel(level).Str("pool", p.name).Str("container", id).Msg("refused to remove a container that is no clone of ours")
		return true
	})
}

// shows says whether the last snapshot shows a container.
func (f *Fleet) shows(id string) bool {
	return slices.ContainsFunc(f.last.Entries, func(e Entry) bool { return e.Container.ID == id })
}

// parallel is how many clones are made at a time. An engine starts no more in a second if it is
// asked for more at once.
func parallel() int { return 2 * runtime.NumCPU() }
