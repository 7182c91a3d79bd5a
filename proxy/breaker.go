package proxy

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

// Outlier ejection as in Envoy (arch_overview/upstream/outlier): a backend that fails so many requests in a row as
// the pool's Breaker says is left alone for 30 s times how often that happened lately, at most 300 s; no more than half of a pool's
// backends are, but one always may be. Then it is on trial: one request at a time is its probe, while others can serve the rest,
// and another one if that takes long; one failure ejects it again, one success puts it back for good. An active check that
// passes ends an ejection early.
const (
	ejectBase = 30 * time.Second
	ejectMost = 300 * time.Second
)

// ejectTimes is as often as makes a difference: what comes on top would only take longer to be made up for.
const ejectTimes = int(ejectMost / ejectBase)

// breaker is what a backend's requests tell of it.
type breaker struct {
	// failures is how many of its requests failed in a row.
	failures atomic.Int32
	// trial says that an ejection has ended and no request has succeeded since.
	trial atomic.Bool
	// rests is until when no further request is its probe: one is at it, or one has decided nothing. lapse is how long the
	// last one had it for itself, 0 after one that came back before that was over.
	rests, lapse atomic.Int64
	// ejections counts them all.
	ejections atomic.Uint64

	// Guarded by Core.mu.
	open   bool
	reason string
	// unreached says that the last failure was a connection that could not be made.
	unreached bool
	// until is when the ejection ends, or ended; times how often in a row it came to one.
	until time.Duration
	times int
}

// BreakerState says how a backend's breaker stands.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // It gets requests.
	BreakerOpen     BreakerState = "open"      // It is ejected.
	BreakerHalfOpen BreakerState = "half-open" // It is on trial.
)

// succeeded notes an answer that began well, and returns how many failures in a row that ended.
func (b *Backend) succeeded() (ended int32) {
	if b.breaker.failures.Load() != 0 {
		ended = b.breaker.failures.Swap(0)
	}
	if b.breaker.trial.Load() && b.breaker.trial.CompareAndSwap(true, false) {
		b.pool.core.trust(b.pool)
	}
	return ended
}

// trust lets who has passed its trial have its share again.
func (c *Core) trust(p *Pool) {
	var after aftermath
	c.mu.Lock()
	c.refresh(p, &after)
	c.mu.Unlock()
	c.follow(&after, nil)
}

// probeLapse is how long a probe has its backend for itself at first. Each that is not back by then gives the next one
// twice the time, up to ejectBase: one slow upload does not keep others out for long, and who never answers gets few.
const probeLapse = 2 * time.Second

// probe takes a backend that is on trial for one request, if no other has it for itself.
func (x *Exchange) probe(b *Backend, limit int) bool {
	k := &b.breaker
	rests := k.rests.Load()
	if !k.trial.Load() || int64(x.attempt) < rests {
		return false
	}
	lapse := min(max(2*k.lapse.Load(), int64(probeLapse)), int64(ejectBase))
	until := int64(x.attempt) + lapse
	if !k.rests.CompareAndSwap(rests, until) {
		return false
	}
	if !b.take(limit) {
		k.rests.CompareAndSwap(until, rests)
		return false
	}
	k.lapse.Store(lapse)
	x.probes = until
	return true
}

// probeShare is how much of the time, as a divisor, probes that decide nothing may take: where requests come one after the
// other each would be one, and wait until its client leaves. But no pause is longer than ejectBase.
const probeShare = 5

// probedBy ends what x was to find out about b, as far as it came by now. It changes nothing if another has b by then.
func (b *Backend) probedBy(x *Exchange, now time.Duration) {
	if x.probes == 0 {
		return
	}
	if b.breaker.rests.CompareAndSwap(x.probes, int64(now+min((probeShare-1)*(now-x.attempt), ejectBase))) {
		b.breaker.lapse.Store(0)
	}
	x.probes = 0
}

// failed notes a request that failed because of the backend. ended is what succeeded returned for it, if its answer
// began well: it did not end anything then.
func (b *Backend) failed(now time.Duration, unreached bool, ended int32) {
	b.cost.Fail(now)
	n := int(b.breaker.failures.Add(1 + ended))
	before := n - 1 - int(ended)
	// Where it may not be ejected, for too many are, it is asked again only now and then.
	if limit := b.pool.view.Load().settings.Breaker; limit > 0 && n/limit > before/limit {
		b.pool.core.eject(b, n, unreached)
	}
}

// eject takes a backend out of rotation after n failures in a row, if enough others are left.
func (c *Core) eject(b *Backend, n int, unreached bool) {
	var after aftermath
	c.mu.Lock()
	if now := c.since(); b.mayBeEjected() {
		k := &b.breaker
		// Each base time without one makes up for one.
		lately := k.times - int(max(now-k.until, 0)/ejectBase)
		k.times = min(max(lately, 0)+1, ejectTimes)
		lasts := min(time.Duration(k.times)*ejectBase, ejectMost)
		k.open, k.unreached, k.until = true, unreached, now+lasts
		k.reason = fmt.Sprintf("%d requests in a row failed; it gets none for %d s", n, int(lasts.Seconds()))
		k.trial.Store(false)
		k.ejections.Add(1)
		c.refresh(b.pool, &after)
	}
	c.mu.Unlock()
	c.follow(&after, nil)
}

// mayBeEjected says whether it may be, with those that are. Core.mu must be held.
func (b *Backend) mayBeEjected() bool {
	eligible, ejected := 0, 0
	for _, o := range b.pool.backends {
		if o.eligible() {
			eligible++
			if o.breaker.open {
				ejected++
			}
		}
	}
	return b.eligible() && !b.breaker.open && ejected < max(1, eligible/2)
}

// readmit ends an ejection: the backend is on trial. Core.mu must be held.
func (b *Backend) readmit(now time.Duration) {
	k := &b.breaker
	k.open, k.reason, k.until = false, "", min(k.until, now)
	k.failures.Store(int32(max(b.pool.settings.Breaker-1, 0)))
	k.rests.Store(0)
	k.lapse.Store(0)
	k.trial.Store(true)
}

// disarm ends what a breaker did that is off now. Core.mu must be held.
func (b *Backend) disarm(now time.Duration) {
	if b.breaker.open {
		b.readmit(now)
	}
	b.breaker.trial.Store(false)
}

// breakerReport is what is known of the breaker without its counters. Core.mu must be held.
func (b *Backend) breakerReport(epoch time.Time) Breaker {
	if b.breaker.open {
		return Breaker{State: BreakerOpen, Until: epoch.Add(b.breaker.until)}
	}
	return Breaker{State: BreakerClosed}
}

// Passed tells that a check of a backend has passed, healthy as it may have been before: that ends an
// ejection, and lets a trial go on at once. A mere connection is good news only of a backend that could not be connected to.
func (c *Core) Passed(id containers.Identity) {
	var after aftermath
	c.mu.Lock()
	if b := c.backends[id]; b != nil && (b.breaker.unreached || b.pool.settings.Health.Path != "") {
		if b.breaker.open {
			b.readmit(c.since())
			c.refresh(b.pool, &after)
		} else if b.breaker.trial.Load() {
			b.breaker.rests.Store(0)
		}
	}
	c.mu.Unlock()
	c.follow(&after, nil)
}
