package proxy

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/health"
	"github.com/ballast-lb/ballast/proxy/route"
)

// Options are what a Core may be given.
type Options struct {
	Logger zerolog.Logger
	// OnReady is called when a backend is ready for the first time. It may call the core.
	OnReady func(pool string, b containers.Backend)
	// OnHold is called when a request begins to wait for a backend, or a browser is given the waiting page; not for who
	// looks at the page. A request waits for it: it must not block.
	OnHold func(pool string)
	// OnProven is called when a backend that is drained would otherwise be ready, once for each. It may call the core.
	OnProven func(pool string, b containers.Backend)
	// OnForget is called when pools that no snapshot has any more are not remembered any longer, so that their hosts may be
	// nobody's. It may call the core.
	OnForget func()
	// OnState is told of every change of a backend's state, one at a time and in order. Writers wait for it: it must return
	// at once and must not call the core.
	OnState func(StateChange)
}

// StateChange is a backend's step from one state to another; From is empty for one that has just come.
type StateChange struct {
	Pool     string
	Backend  containers.Backend
	From, To containers.State
	// Reason says why To is not ready.
	Reason string
}

// Core keeps the pools. All methods are safe for concurrent use.
type Core struct {
	log      zerolog.Logger
	onReady  func(pool string, b containers.Backend)
	onHold   func(pool string)
	onProven func(pool string, b containers.Backend)
	onForget func()
	onState  func(StateChange)
	epoch    time.Time
	pools    atomic.Pointer[map[string]*Pool]
	routes   atomic.Pointer[route.Table[Target]]
	// rejected are those that no pool was given.
	rejected rejections
	// blind says that it is not heard of at once when backends leave.
	blind atomic.Bool
	// waits says that a pool has a waiting page, watchers is how many look at one.
	waits    atomic.Bool
	watchers atomic.Int64

	// mu makes the writers take turns; it guards what pools and backends say it guards.
	mu       sync.Mutex
	backends map[containers.Identity]*Backend
	// drained are marks by container ID; the value says that the container was seen. Those that were not are
	// kept until they are, so that what is about to start can be kept out of rotation from its first moment on.
	drained map[string]bool
	// asides are the containers that people have set aside.
	asides  map[string]bool
	left    []*Backend // Gone, with requests in flight at the last Apply.
	onGone  []func(*Backend)
	applied bool // A snapshot has been.
	// conflicts are those of routes that were told of.
	conflicts map[route.Conflict]bool

	// sampleMu guards windows and rates.
	sampleMu sync.Mutex
}

// New returns a core without pools.
func New(o Options) *Core {
	c := &Core{
		log:      o.Logger,
		onReady:  o.OnReady,
		onHold:   o.OnHold,
		onProven: o.OnProven,
		onForget: o.OnForget,
		onState:  o.OnState,
		epoch:    time.Now(),
		backends: make(map[containers.Identity]*Backend),
		drained:  make(map[string]bool),
		asides:   make(map[string]bool),
	}
	c.pools.Store(&map[string]*Pool{})
	return c
}

// Pool returns the pool of a name, nil if there is none.
func (c *Core) Pool(name string) *Pool { return (*c.pools.Load())[name] }

// Pools yields the pools of this moment by name, those whose backends are waited for too.
func (c *Core) Pools() iter.Seq[*Pool] {
	pools := *c.pools.Load()
	return func(yield func(*Pool) bool) {
		for _, name := range slices.Sorted(maps.Keys(pools)) {
			if !yield(pools[name]) {
				return
			}
		}
	}
}

// OnGone lets f be called whenever a backend has left, for fronts that keep connections. Requests
// may still be in flight there.
func (c *Core) OnGone(f func(*Backend)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onGone = append(c.onGone, f)
}

// Apply makes a snapshot the truth. Pools and backends that were known keep their counters and, if
// they could be checked all along, their health. New ones get no traffic until SetHealth says that
// they are healthy.
func (c *Core) Apply(s *containers.Snapshot) {
	var after aftermath
	c.mu.Lock()
	old := *c.pools.Load()
	pools := make(map[string]*Pool, len(s.Pools))
	known := make(map[containers.Identity]*Backend)
	for _, spec := range s.Pools {
		p := old[spec.Name]
		if p == nil {
			p = newPool(c, spec.Name)
		}
		pools[spec.Name] = p
		p.settings, p.warnings, p.absent = spec.Settings, spec.Warnings, false
		c.adopt(p, spec.Backends, known)
	}
	for name, p := range old {
		if pools[name] == nil && c.remember(p) {
			pools[name] = p
		}
	}
	c.applied = true
	table := c.reroute(pools, &after)
	waits := false
	for _, p := range pools {
		c.refresh(p, &after)
		waits = waits || p.view.Load().waits()
	}
	c.waits.Store(waits)
	// Here, so that no request finds a pool that has no settings yet, or one that has no backends any more.
	c.pools.Store(&pools)
	c.routes.Store(table)
	c.forget(s, known, &after)
	for name, p := range old {
		if pools[name] == nil {
			p.backends, p.gone = nil, true
			c.refresh(p, &after)
		}
	}
	gone := c.onGone
	c.mu.Unlock()
	c.follow(&after, gone)
}

// adopt sets a pool's backends to those of the snapshot and notes them in known. c.mu must be held.
func (c *Core) adopt(p *Pool, specs []containers.Backend, known map[containers.Identity]*Backend) {
	p.backends = make([]*Backend, 0, len(specs))
	for _, spec := range specs {
		b := c.backends[spec.Identity]
		if b == nil || b.pool != p {
			b = newBackend(p, spec)
			b.early = !c.applied
			b.drained = c.out(spec.Container)
		}
		b.spec = spec
		if !checkable(spec) {
			b.proven, b.healthy, b.reason = false, false, ""
		}
		if p.settings.Breaker == 0 {
			b.disarm(c.since())
		}
		known[spec.Identity] = b
		p.backends = append(p.backends, b)
	}
}

// forget drops the backends that are not in known any more, and the drain marks of containers that
// no longer exist. c.mu must be held.
func (c *Core) forget(s *containers.Snapshot, known map[containers.Identity]*Backend, after *aftermath) {
	for id, b := range c.backends {
		if known[id] != b {
			b.available.Store(false)
			b.gone.Store(true)
			after.gone = append(after.gone, b)
		}
	}
	c.left = slices.DeleteFunc(append(c.left, after.gone...), func(b *Backend) bool { return b.inFlight.Load() == 0 })
	c.backends = known
	exists := make(map[string]bool, len(known))
	for id := range known {
		exists[id.Container] = true
	}
	for _, e := range s.Entries {
		exists[e.Container.ID] = true
	}
	for id := range exists {
		if _, marked := c.drained[id]; marked {
			c.drained[id] = true
		}
	}
	maps.DeleteFunc(c.drained, func(id string, seen bool) bool { return seen && !exists[id] })
	maps.DeleteFunc(c.asides, func(id string, _ bool) bool { return !exists[id] })
}

// SetHealth tells what checks of a backend found; reason is why it is not healthy. It does nothing
// for backends that are not known or can't be checked now.
func (c *Core) SetHealth(id containers.Identity, healthy bool, reason string) {
	var after aftermath
	c.mu.Lock()
	if b := c.backends[id]; b != nil && checkable(b.spec) {
		b.proven = b.proven || healthy
		b.healthy, b.reason = healthy, reason
		c.refresh(b.pool, &after)
	}
	c.mu.Unlock()
	c.follow(&after, nil)
}

// Settled says whether a snapshot has been applied, and of each backend in it that can be checked it is known whether
// it serves: it passed a check, or failed one.
func (c *Core) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.backends {
		if checkable(b.spec) && !b.proven && b.reason == "" {
			return false
		}
	}
	return c.applied
}

// Held is how many requests wait for a backend, in all pools.
func (c *Core) Held() (n int) {
	for _, p := range *c.pools.Load() {
		n += p.queued()
	}
	return n
}

// Targets are the backends to check: what a health.Prober should be set to after each Apply. One
// that can't be checked for a while is left out, and must pass a check again when it is back.
func (c *Core) Targets() []health.Target[containers.Identity] {
	var out []health.Target[containers.Identity]
	for _, p := range *c.pools.Load() {
		v := p.view.Load()
		h := v.settings.Health
		for _, m := range v.members {
			if !checkable(m.spec) {
				continue
			}
			out = append(out, health.Target[containers.Identity]{
				Key:     m.identity,
				Address: m.identity.Address,
				Check: health.Check{
					Scheme: m.spec.Scheme, Path: h.Path,
					Interval: h.Interval, Timeout: h.Timeout,
					StatusMin: h.StatusMin, StatusMax: h.StatusMax,
					MaxLatency: h.MaxLatency, Fall: h.Fall, Rise: h.Rise,
				},
			})
		}
	}
	return out
}
