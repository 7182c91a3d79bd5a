package proxy

import (
	"runtime"
	"sync/atomic"
	"time"
)

// load counts requests and integrates how many are in flight over time, exactly and without a lock:
// with n in flight at t the integral is acc + n*t, if acc is the sum of all ends minus the sum of
// all beginnings. Times are since one fixed moment.
//
// acc and n must be read together, so each change is counted twice: before it in begun or ended, and
// after it in settled. If these agree, no change was halfway.
type load struct {
	begun, ended, settled atomic.Uint64
	acc                   atomic.Int64 // Microseconds.
}

func (l *load) begin(at time.Duration) {
	l.begun.Add(1)
	l.acc.Add(-at.Microseconds())
	l.settled.Add(1)
}

func (l *load) end(at time.Duration) {
	l.ended.Add(1)
	l.acc.Add(at.Microseconds())
	l.settled.Add(1)
}

// read returns the number in flight and the integral at one moment.
func (l *load) read(at time.Duration) (inFlight int64, busy time.Duration) {
	for {
		settled := l.settled.Load()
		acc := l.acc.Load()
		ended := l.ended.Load()
		begun := l.begun.Load()
		if begun+ended == settled {
			n := int64(begun - ended)
			return n, time.Duration(acc+n*at.Microseconds()) * time.Microsecond
		}
		runtime.Gosched() // Somebody is between two of its three additions.
	}
}

// asleep counts requests that ask for nothing.
type asleep struct{ begun, ended atomic.Uint64 }

// Load is what a pool has to do, for the autoscaler. Counters and integrals are since the core began.
type Load struct {
	// InFlight is the requests in flight now, Queued those of them that wait for a backend, Ignored those that ask for
	// nothing, as Requests has it. While these come and go it may be one of them too many, and never too few.
	InFlight, Queued, Ignored int
	// Watching is how many look at the waiting page.
	Watching int
	// Busy is the integral over time of those in flight that do not wait, in request-seconds. It never falls.
	Busy float64
	// Requests counts all that ever began, but for those that ask for nothing: who wakes nobody (Scale.IgnoreAgents), and
	// what was refused (BeginRefused).
	Requests uint64
	// Served counts those that a backend answered, or had when their client left, and Service is how many seconds they took,
	// without what they waited for one. Upgraded connections are left out.
	Served  uint64
	Service float64
	// Ready backends serve; Starting ones have not passed a check yet.
	Ready, Starting int
}

// Load tells what the pool has to do. It is cheap: a few atomic reads, and a lock that only requests take that waited.
func (p *Pool) Load(now time.Time) Load {
	v := p.view.Load()
	at := p.since(now)
	p.apart.Lock()
	defer p.apart.Unlock()
	gone := p.ignored.ended.Load() // Before those in flight are counted, and begun after: so none of them is taken for one that wakes.
	inFlight, all := p.load.read(at)
	_, held := p.waiting.read(at)
	// What began since now was taken counts for less than nothing.
	p.busy = max(p.busy, all-held)
	// In this order, and never less than before: see BeginFor and answered.
	begun := p.load.begun.Load()
	ignored := p.ignored.begun.Load()
	p.woke = max(p.woke, begun-min(begun, ignored))
	ended, took := p.load.ended.Load(), p.durations.Sum()
	p.served = max(p.served, ended-min(ended, p.switched+p.unserved.Load()))
	p.service = max(p.service, took-p.heldFor-time.Duration(p.unservedFor.Load()))
	return Load{
		InFlight: int(inFlight), Queued: p.queued(), Ignored: int(min(ignored-gone, uint64(inFlight))),
		Watching: int(p.watchers.Load()), Busy: p.busy.Seconds(), Requests: p.woke,
		Served: p.served, Service: p.service.Seconds(),
		Ready: v.ready, Starting: v.starting,
	}
}
