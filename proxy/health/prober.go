package health

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// Prober checks a set of targets, each in a goroutine of its own. K tells targets apart.
type Prober[K comparable] struct {
	checker Checker
	report  func(Result[K])
	passed  func(K)
	log     zerolog.Logger

	// changed holds a token when targets were replaced and Run has not looked yet.
	changed chan struct{}
	mu      sync.Mutex
	targets map[K]entry[K] // guarded by mu
	round   uint64         // How often targets were set; guarded by mu.
	checked map[K]Checked  // The last check of each target; guarded by mu.
}

// entry is a target, and the round since which it is in the set without a break.
type entry[K comparable] struct {
	Target[K]
	since uint64
}

// New returns a prober that does HTTP checks through checker and connection attempts by itself. It
// calls report from its own goroutines, in order for each key; a result for a key that has just
// vanished may still come.
func New[K comparable](checker Checker, report func(Result[K]), log zerolog.Logger) *Prober[K] {
	return &Prober[K]{
		checker: checker,
		report:  report,
		log:     log,
		changed: make(chan struct{}, 1),
		targets: make(map[K]entry[K]),
		checked: make(map[K]Checked),
	}
}

// OnPass has passed called after each check that passes, also when that changes nothing. It must be called before Run.
func (p *Prober[K]) OnPass(passed func(K)) { p.passed = passed }

// Set replaces the set of targets. New keys are checked at once; known keys keep their state, and
// are checked at once if their Check changed; those that vanished are checked no more and begin as
// new if they come back.
func (p *Prober[K]) Set(targets []Target[K]) {
	set := make(map[K]entry[K], len(targets))
	p.mu.Lock()
	p.round++
	for _, t := range targets {
		t.Check = t.Check.withDefaults()
		since := p.round
		if known, ok := p.targets[t.Key]; ok {
			since = known.since
		}
		set[t.Key] = entry[K]{Target: t, since: since}
	}
	p.targets = set
	maps.DeleteFunc(p.checked, func(key K, _ Checked) bool { _, ok := set[key]; return !ok })
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default: // Run has yet to look at the change before this one.
	}
}

// Last is the last check of a target; false if none has ended yet.
func (p *Prober[K]) Last(key K) (Checked, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.checked[key]
	return c, ok
}

// note keeps a check of a target that is in the set since then.
func (p *Prober[K]) note(key K, since uint64, c Checked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.targets[key]; ok && t.since == since {
		p.checked[key] = c
	}
}

// Run checks until ctx ends, and returns when all checks have ended.
func (p *Prober[K]) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	probes := make(map[K]*probe[K])
	for {
		p.reconcile(ctx, probes, &wg)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.changed:
		}
	}
}

// reconcile starts, changes and stops probes until they are those of the set.
func (p *Prober[K]) reconcile(ctx context.Context, probes map[K]*probe[K], wg *sync.WaitGroup) {
	p.mu.Lock()
	targets := p.targets
	p.mu.Unlock()
	for key, old := range probes {
		// It may have vanished and come back since the last look.
		if target, ok := targets[key]; !ok || target.since != old.since {
			old.stop()
			delete(probes, key)
		}
	}
	for key, target := range targets {
		if known := probes[key]; known != nil {
			known.set(target.Target)
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		started := &probe[K]{prober: p, since: target.since, stop: stop, changed: make(chan struct{}, 1)}
		started.target.Store(&target.Target)
		probes[key] = started
		wg.Go(func() { started.run(ctx) })
	}
}

// probe checks one target.
type probe[K comparable] struct {
	prober  *Prober[K]
	since   uint64
	stop    context.CancelFunc
	target  atomic.Pointer[Target[K]]
	changed chan struct{}
}

func (p *probe[K]) set(target Target[K]) {
	if *p.target.Load() == target {
		return
	}
	p.target.Store(&target)
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
