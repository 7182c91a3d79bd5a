package proxy

import (
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
	held  heldQueue

	load      load
	errors    atomic.Uint64
	retries   atomic.Uint64
	denied    atomic.Uint64 // Retries that the budget did not allow.
	budget    budget
	holds     histogram.Histogram
	rejected  rejections
	durations histogram.Histogram

	// What the sampler keeps, guarded by Core.sampleMu.
	rate   rate
	window window

	// backends are those of the last snapshot by name, warnings its; guarded by Core.mu.
	backends []*Backend
	settings containers.Settings
	warnings []string
	routes   []Route
	gone     bool // No snapshot will have it again; one of the same name is another.
}

func newPool(c *Core, name string) *Pool {
	p := &Pool{core: c, name: name, epoch: c.epoch, rate: newRate(time.Now())}
	p.view.Store(&view{plain: true})
	return p
}

// Name is the pool's.
func (p *Pool) Name() string { return p.name }

// Settings returns the pool's settings of this moment.
func (p *Pool) Settings() *containers.Settings { return &p.view.Load().settings }

// Plain says that all its backends speak HTTP/1.1 without TLS. Not every front can reach others.
func (p *Pool) Plain() bool { return p.view.Load().plain }

// Begin counts a request in. Its Done counts it out, whatever happens in between.
func (p *Pool) Begin(now time.Time) Exchange {
	at := p.since(now)
	p.load.begin(at)
	return Exchange{pool: p, began: at, attempt: at}
}

// Load is what a pool has to do, for the autoscaler.
type Load struct {
	// InFlight is the requests in flight now, Busy the integral of that in request-seconds since
	// the core began, Requests all that were ever begun.
	InFlight int
	Busy     float64
	Requests uint64
	// Ready backends serve; Starting ones have not passed a check yet.
	Ready, Starting int
}

// Load tells what the pool has to do. It is cheap: a few atomic reads.
func (p *Pool) Load(now time.Time) Load {
	v := p.view.Load()
	inFlight, busy := p.load.read(p.since(now))
	return Load{
		InFlight: int(inFlight), Busy: busy.Seconds(), Requests: p.load.begun.Load(),
		Ready: v.ready, Starting: v.starting,
	}
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

func (p *Pool) answered(at, took time.Duration, status int, cause Cause) {
	p.load.end(at)
	if status >= 500 && cause != CauseClientGone || cause == CauseTruncated {
		p.errors.Add(1)
	}
	if cause.rejects() && status >= 400 { // Else the answer had begun and is a backend's.
		p.rejected[cause].Add(1)
	}
	if status != statusSwitched {
		p.durations.Record(took)
	}
}
