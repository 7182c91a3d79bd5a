package proxy

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/histogram"
)

// Pool is the set of backends of one name. Its counters go on when backends come and go.
type Pool struct {
	core  *Core
	name  string
	epoch time.Time
	view  atomic.Pointer[view]
	// Who was at all the backends that there are waits in doubting, the others in held: so those take no place of these.
	held, doubting heldQueue
	// outlook is what those who wait can expect; nil if nobody has said.
	outlook atomic.Pointer[forecast]

	load      load
	waiting   load          // Of those that are held.
	ignored   asleep        // Requests that ask for nothing.
	unserved  atomic.Uint64 // Those that ended without a backend, or with our own answer.
	watchers  atomic.Int64  // Of the waiting page.
	errors    atomic.Uint64
	retries   atomic.Uint64
	denied    atomic.Uint64 // Retries that the budget did not allow.
	budget    budget
	holds     histogram.Histogram
	rejected  rejections
	durations histogram.Histogram
	// unservedFor is how much of durations is of unserved ones, without what they were held.
	unservedFor atomic.Int64

	// apart guards what is counted of requests that were held, or upgraded, together with their end: others end without it.
	apart    sync.Mutex
	heldFor  time.Duration
	switched uint64
	// What Load said of Requests, Served, Service and Busy.
	woke, served  uint64
	service, busy time.Duration

	// What the sampler keeps, guarded by Core.sampleMu.
	rate   rate
	window window

	// backends are those of the last snapshot by name, warnings its; guarded by Core.mu.
	backends []*Backend
	settings containers.Settings
	warnings []string
	routes   []Route
	// lostAt is when the last backend left, longAgo if not; absent that no snapshot has the pool for now, gone that none
	// will have it again: one of the same name is another.
	lostAt       time.Duration
	absent, gone bool
}

func newPool(c *Core, name string) *Pool {
	p := &Pool{core: c, name: name, epoch: c.epoch, lostAt: longAgo, rate: newRate(time.Now())}
	p.view.Store(&view{plain: true})
	return p
}

// Name is the pool's.
func (p *Pool) Name() string { return p.name }

// Settings returns the pool's settings of this moment.
func (p *Pool) Settings() *containers.Settings { return &p.view.Load().settings }

// Plain says that all its backends speak HTTP/1.1 without TLS. Not every front can reach others. It is false where requests
// wait for a first backend, for that may speak anything.
func (p *Pool) Plain() bool { return p.view.Load().plain }

// Begin counts a request in. Its Done counts it out, whatever happens in between.
func (p *Pool) Begin(now time.Time) Exchange { return p.BeginFor(now, nil) }

// BeginFor is Begin for somebody of whom more is known.
func (p *Pool) BeginFor(now time.Time, who Asker) Exchange {
	at := p.since(now)
	ignored := false
	if v := p.view.Load(); v.heeds && who != nil && v.agents.match(who.Agent()) {
		ignored = true
		p.ignored.begun.Add(1) // Before it is counted: so Load never takes it for one that wakes.
	}
	p.load.begin(at)
	return Exchange{pool: p, began: at, attempt: at, who: who, ignored: ignored, asleep: ignored}
}

// BeginRefused is Begin for a request that is turned down whoever could serve it, as by the rate limit: it asks for no
// backends. It is for its Done alone.
func (p *Pool) BeginRefused(now time.Time) Exchange {
	at := p.since(now)
	p.ignored.begun.Add(1) // As in BeginFor.
	p.load.begin(at)
	return Exchange{pool: p, began: at, attempt: at, ignored: true, asleep: true}
}

// Admit says whether the client may have another request now, by the pool's rate limit. If not, wait is when it may. It is
// to be asked before Begin, because those that may not are begun by BeginRefused.
func (p *Pool) Admit(now time.Time, client netip.Addr) (wait time.Duration, ok bool) {
	l := p.view.Load().limiter
	if l == nil {
		return 0, true
	}
	ok, wait = l.Allow(client, p.since(now))
	return wait, ok
}

// InFlight is how many requests a container of the pool is serving; 0 if it is none of the pool's.
func (p *Pool) InFlight(container string) int {
	n := int64(0)
	for _, m := range p.view.Load().members {
		if m.identity.Container == container {
			n += m.inFlight.Load()
		}
	}
	return int(n)
}

func (p *Pool) since(now time.Time) time.Duration { return now.Sub(p.epoch) }

// ending is how a request ended: when, how long it took, and how much of that it was held; served says that a backend
// answered it, or had it when its client left, asleep that it was one of those that ask for nothing.
type ending struct {
	at, took, held time.Duration
	status         int
	cause          Cause
	served, asleep bool
}

func (p *Pool) answered(e ending) {
	switched := e.status == statusSwitched
	if e.held > 0 || switched {
		p.apart.Lock()
		defer p.apart.Unlock()
		if switched {
			p.switched++
		} else {
			p.heldFor += e.held
		}
	}
	if !e.served && !switched { // Before it is counted: so Load never takes it for one that was served.
		p.unserved.Add(1)
		p.unservedFor.Add(int64(max(e.took, 0) - e.held))
	}
	p.load.end(e.at)
	if e.asleep { // After it is counted out, for the same reason.
		p.ignored.ended.Add(1)
	}
	if e.status >= 500 && e.cause != CauseClientGone && e.cause != CauseWaiting || e.cause == CauseTruncated {
		p.errors.Add(1)
	}
	if e.cause.rejects() && e.status >= 400 { // Else the answer had begun and is a backend's.
		p.rejected[e.cause].Add(1)
	}
	if !switched {
		p.durations.Record(e.took)
	}
}
