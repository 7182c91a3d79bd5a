package proxy

import (
	"maps"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/histogram"
)

// Report is the data path's counters at one moment, for people and programs that watch.
type Report struct {
	// Pools by name, ascending.
	Pools []PoolReport
	// Rejected counts, as PoolReport's does, the answers to requests that were given to no pool.
	Rejected map[string]uint64
}

// PoolReport is what one pool did.
type PoolReport struct {
	Name     string
	Settings containers.Settings
	Warnings []string
	// InFlight is requests accepted and not yet answered whole.
	InFlight int64
	// Busy is the integral of InFlight over time, in request-seconds since the pool began.
	Busy float64
	// Requests and Errors count requests whole (answers 5xx, ours or a backend's, are errors; a
	// client that left is not); Retries counts extra attempts.
	Requests, Errors, Retries uint64
	// RetriesDenied counts extra attempts that the budget did not allow.
	RetriesDenied uint64
	// Queued requests wait for a free backend; Holds is the distribution of how long they did.
	Queued int
	Holds  histogram.Snapshot
	// Panic says that too few backends are available, and requests go to those that are not as well.
	Panic bool
	// Routes lead to the pool, in order of precedence.
	Routes []Route
	// RequestsPerSecond is the mean of the last 10 seconds.
	RequestsPerSecond float64
	// Latency is of the last 60 seconds.
	Latency Latency
	// Durations is the distribution of request durations since the pool began, from the first byte
	// read of a request to the end of its answer; upgraded connections are left out.
	Durations histogram.Snapshot
	// Rejected counts answers of our own, by reason (the slug of X-Ballast-Error); reasons that
	// never came are left out.
	Rejected map[string]uint64
	// Backends by container name, ascending.
	Backends []BackendReport
}

// BackendReport is what one backend did.
type BackendReport struct {
	containers.Backend
	// State is the engine's and the checks' view together; it hides Backend's own, which is
	// only the engine's. Reason says why it is not ready.
	State  containers.State
	Reason string
	// Healthy is the last verdict of the checks.
	Healthy  bool
	Breaker  Breaker
	InFlight int64
	// Requests counts those whose last attempt went to this backend. Errors counts those of them
	// that failed for its sake (5xx, no answer), and the attempts that went on to another.
	Requests, Errors uint64
	Latency          Latency
	// Statuses counts Requests by status code, ascending; codes that never came are left out. A
	// client that left before its answer began counts as 499.
	Statuses []StatusCount
	// Durations is the distribution of request durations since the backend began, from the last
	// attempt to the end of the answer; upgraded connections are left out.
	Durations histogram.Snapshot
}

// Breaker is how a backend stands with its requests.
type Breaker struct {
	State BreakerState
	// Failures is how many requests have failed in a row, Ejections how often it came to an ejection.
	Failures  int
	Ejections uint64
	// Until is when an ejection ends; zero if there is none.
	Until time.Time
}

// StatusCount is how often a status code was answered.
type StatusCount struct {
	Status int
	Count  uint64
}

// Latency is quantiles of request durations; zeros when there was no request.
type Latency struct{ P50, P95, P99 time.Duration }

// Report reads all counters. It takes no lock that a request would wait for.
func (c *Core) Report(now time.Time) Report {
	c.sampleMu.Lock()
	defer c.sampleMu.Unlock()
	pools := *c.pools.Load()
	out := Report{Pools: make([]PoolReport, 0, len(pools)), Rejected: c.rejected.bySlug()}
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		out.Pools = append(out.Pools, pools[name].report(now))
	}
	return out
}

// Tally is a few numbers of a pool at one moment, each as PoolReport has it: what is asked for each second, whether or not
// anybody looks.
type Tally struct {
	Requests, Errors uint64
	InFlight         int64
	Queued           int
	// Held is how many requests have waited for a backend, and do so no more.
	Held      uint64
	Durations histogram.Snapshot
}

// Tally reads the pool's counters and none of its backends'. It takes no lock.
func (p *Pool) Tally(now time.Time) Tally {
	inFlight, _ := p.load.read(p.since(now))
	return Tally{
		Requests: p.load.ended.Load(), Errors: p.errors.Load(), InFlight: inFlight, Queued: p.held.Len(),
		Held: p.holds.Snapshot().Count, Durations: p.durations.Snapshot(),
	}
}

// report reads a pool's counters. Core.sampleMu must be held.
func (p *Pool) report(now time.Time) PoolReport {
	v := p.view.Load()
	inFlight, busy := p.load.read(p.since(now))
	requests, durations := p.load.ended.Load(), p.durations.Snapshot()
	out := PoolReport{
		Name:     p.name,
		Settings: v.settings,
		Warnings: v.warnings,
		InFlight: inFlight, Busy: busy.Seconds(),
		Requests: requests, Errors: p.errors.Load(), Retries: p.retries.Load(),
		RetriesDenied: p.denied.Load(),
		Queued:        p.queued(), Holds: p.holds.Snapshot(),
		Panic: v.panics, Routes: v.routes,
		RequestsPerSecond: p.rate.perSecond(now, requests),
		Latency:           p.window.latency(durations),
		Durations:         durations,
		Rejected:          p.rejected.bySlug(),
		Backends:          make([]BackendReport, 0, len(v.members)),
	}
	for _, m := range v.members {
		out.Backends = append(out.Backends, m.report())
	}
	return out
}

// report reads a backend's counters. Core.sampleMu must be held.
func (m member) report() BackendReport {
	durations := m.durations.Snapshot()
	k := &m.Backend.breaker
	state := m.breaker
	state.Failures, state.Ejections = int(k.failures.Load()), k.ejections.Load()
	if state.State == BreakerClosed && k.trial.Load() {
		state.State = BreakerHalfOpen
	}
	return BackendReport{
		Backend: m.spec,
		State:   m.state, Reason: m.reason, Healthy: m.healthy,
		Breaker:  state,
		InFlight: m.inFlight.Load(),
		Requests: m.requests.Load(), Errors: m.errors.Load(),
		Latency:   m.window.latency(durations),
		Statuses:  m.statuses.list(),
		Durations: durations,
	}
}
