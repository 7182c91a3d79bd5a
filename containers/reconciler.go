package containers

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

// Observed is the part of an engine that the Reconciler needs.
type Observed interface {
	Info(ctx context.Context) (engine.Info, error)
	List(ctx context.Context) ([]engine.Summary, error)
	Inspect(ctx context.Context, id string) (engine.Container, error)
	Watch(ctx context.Context, since time.Time) iter.Seq2[engine.Event, error]
}

// ReconcilerOptions are what a Reconciler is made with.
type ReconcilerOptions struct {
	Engine Observed
	Prefix Prefix
	// Pools is validated already.
	Pools PoolConfig
	// Self is the ID of the container that Ballast runs in, empty on the host.
	Self string
	// Instance is this Ballast's name: its paused clones are warm.
	Instance string
	Logger   zerolog.Logger
	// Publish is called with every new snapshot, one call at a time, in order; it must return
	// soon. It may be nil.
	Publish func(*Snapshot)
	// Sight is called when it changes whether what happens is heard of at once, after the snapshot that came with that was
	// published. At first it is not. It must return soon, and may be nil.
	Sight func(sighted bool)
}

// Reconciler keeps a Snapshot true to the engine. Events of the engine are hints; the list is the
// truth. While the engine can't be reached the last snapshot stays.
type Reconciler struct {
	options  ReconcilerOptions
	engine   witness // of the syncs
	snapshot atomic.Pointer[Snapshot]
	others   atomic.Pointer[[]Other]
	synced   chan struct{}
	status   statusBoard
	// sighted is what Sight was told last. It is Run's.
	sighted bool
	// configured has the settings of pools that Configure was given last.
	configured chan PoolConfig
	// proven tells the stream's goroutine that a sync went well since its subscription.
	proven atomic.Bool

	// Only Run's goroutine touches these.
	silent   bool // The engine did not answer the sync that runs in time.
	view     *view
	schedule schedule
	vigil    vigil
	journal  journal
}

// NewReconciler makes a Reconciler; it does nothing before Run.
func NewReconciler(options ReconcilerOptions) *Reconciler {
	r := &Reconciler{
		options:    options,
		synced:     make(chan struct{}),
		configured: make(chan PoolConfig, 1),
		view:       newView(options.Prefix, options.Pools, options.Self),
		journal:    journal{log: options.Logger},
	}
	r.engine.Observed = options.Engine
	r.view.instance = options.Instance
	r.status.log = options.Logger
	r.snapshot.Store(&Snapshot{})
	r.others.Store(new([]Other))
	return r
}

// Snapshot is the latest one; empty before the first list succeeded, never nil.
func (r *Reconciler) Snapshot() *Snapshot { return r.snapshot.Load() }

// Others are the containers that are not enabled, as of the last list, in no particular order. They are apart from
// the snapshot, which would be a new one with each of them. The slice is not to be written to.
func (r *Reconciler) Others() []Other { return *r.others.Load() }

// Status tells how it stands with the engine.
func (r *Reconciler) Status() EngineStatus { return r.status.load() }

// Synced is closed when the first list succeeded and its snapshot is published.
func (r *Reconciler) Synced() <-chan struct{} { return r.synced }

// Configure changes Pools of the options, which must be validated already; it is not written to after. Snapshots that are
// published later follow it.
func (r *Reconciler) Configure(pools PoolConfig) {
	for {
		select {
		case r.configured <- pools:
			return
		case <-r.configured: // What waits there is older.
		}
	}
}

// Run follows the engine until ctx ends, and returns nil then. It is called once.
func (r *Reconciler) Run(ctx context.Context) error {
	var awaited sync.WaitGroup
	defer awaited.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	now := time.Now()
	r.status.begin(now)
	r.schedule = newSchedule(now)
	notices := make(chan notice, 256)
	results := make(chan result, 1)
	awaited.Go(func() { r.follow(ctx, notices) })

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(r.wait(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case n := <-notices:
			r.hear(n, notices)
			r.tellSight()
		case pools := <-r.configured:
			r.view.pools = pools
			if r.isSynced() {
				r.publish()
			}
		case got := <-results:
			r.finish(got)
			r.tellSight()
		case <-timer.C:
			r.vigil.act(time.Now())
			r.doubt(time.Now())
			if full, due := r.schedule.begin(time.Now()); due {
				task := r.view.begin(full)
				r.engine.begin(time.Now())
				awaited.Go(func() { results <- r.sync(ctx, task) })
			}
		}
	}
}

// wait is how long to do nothing but listen.
func (r *Reconciler) wait(now time.Time) time.Duration {
	d := r.schedule.wait(now)
	if dead, ok := r.vigil.wait(now); ok {
		d = min(d, dead)
	}
	if r.schedule.running && !r.silent {
		d = min(d, max(0, r.engine.last().Add(answerWithin).Sub(now)))
	}
	return d
}

// doubt says that the engine does not answer if a sync has waited for too long. The end of that sync ends it, or says why.
func (r *Reconciler) doubt(now time.Time) {
	if !r.schedule.running || r.silent {
		return
	}
	last := r.engine.last()
	if now.Sub(last) < answerWithin {
		return
	}
	r.silent = true
	r.status.silent(last)
	r.tellSight()
}

func (r *Reconciler) tellSight() {
	now := r.status.load().Connected
	if now != r.sighted && r.options.Sight != nil {
		r.options.Sight(now)
	}
	r.sighted = now
}

// hear takes in one notice and all that wait behind it, so that a storm of events costs one new
// snapshot and not one each.
func (r *Reconciler) hear(n notice, more <-chan notice) {
	rebuild := r.take(n)
	for len(more) > 0 {
		rebuild = r.take(<-more) || rebuild
	}
	if rebuild {
		r.publish()
	}
}

// take says whether the snapshot must be built anew at once.
func (r *Reconciler) take(n notice) bool {
	now := time.Now()
	switch {
	case n.err != nil:
		r.vigil = vigil{}
		r.status.stream(now, n.err)
	case n.event.Action == engine.ActionSubscribed:
		r.vigil = vigil{end: n.end, before: r.view.syncs}
		r.status.stream(now, nil)
		r.schedule.full(now)
	default:
		r.vigil.hear()
		rebuild, dirty := r.view.act(n.event, now)
		if dirty {
			r.schedule.dirty()
		}
		return rebuild && r.isSynced()
	}
	return false
}

// finish takes in what a sync found.
func (r *Reconciler) finish(got result) {
	now := time.Now()
	failure := got.err
	if failure == nil && r.silent {
		failure = errLate
	}
	r.silent = false
	r.status.sync(now, got, failure, got.task.number > r.vigil.before)
	r.schedule.end(now, failure == nil)
	r.vigil.look(got, got.err == nil && r.view.untold(got), now)
	if got.err != nil {
		return
	}
	r.proven.Store(true)
	r.others.Store(&got.strangers)
	if r.view.merge(got, now) {
		r.schedule.retry(now)
	}
	r.publish()
	if !r.isSynced() {
		close(r.synced)
	}
}

func (r *Reconciler) isSynced() bool {
	select {
	case <-r.synced:
		return true
	default:
		return false
	}
}

// publish builds the snapshot and hands it out if it tells anything new.
func (r *Reconciler) publish() {
	next := Build(r.view.input())
	// At first, that there are no containers is news as well.
	if r.isSynced() && Equal(r.snapshot.Load(), next) {
		return
	}
	r.snapshot.Store(next)
	r.journal.snapshot(next)
	if r.options.Publish != nil {
		r.options.Publish(next)
	}
}
