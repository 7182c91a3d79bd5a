package containers

import (
	"cmp"
	"slices"
	"time"
)

// FleetStatus tells how a Fleet stands with one pool.
type FleetStatus struct {
	// Others is how many replicas of the pool are not this Fleet's: backends of the last snapshot
	// that are starting, ready or unhealthy, and not about to be stopped. Others, Creating and the clones
	// that are backends are the replicas that Bring's n counts.
	Others int
	// Creating is how many replicas were asked for that are no backends in the last snapshot yet: clones that
	// are made or woken, and originals that are started. What can't be had at present does not count.
	Creating int
	// StartingFor is how long ago the oldest replica was begun that was never ready since; 0 if there is none.
	StartingFor time.Duration
	// Warm is how many clones are paused and can be woken, Warming how many are made and booted to be so. They are no
	// replicas.
	Warm, Warming int
	// Retiring is how many clones are draining or stopping; Draining is how many replicas, originals
	// too, could still be taken back.
	Retiring, Draining int
	// WakeTakes and StartTakes are how long it has lately taken from waking a clone, or from creating one or
	// starting an original, until it was ready; 0 if that never happened.
	WakeTakes, StartTakes time.Duration
	// Blocked says why no replica can be had at present, and what to do; empty if one can. Open says that
	// there were at least three failures in a row, and that none can be had or the next one is a trial: also while
	// that is under way, so that nobody need wait for its end.
	Blocked string
	Open    bool
	// Keeps says that nothing is given up at present, see KeepAll.
	Keeps bool
	// Stale is how many clones were made from an older image or configuration and are to be replaced; StaleHeld says why
	// that does not happen at present, empty if it does.
	Stale     int
	StaleHeld string
	// Clones are the pool's clones of this instance that are there, not paused and not retiring, by slot.
	Clones []FleetClone
}

// FleetClone is a clone that could be given up.
type FleetClone struct{ ID, Name string }

// openAfter is how many failures in a row open a pool's circuit.
const openAfter = 3

// Status tells how things stand with a pool; a zero status if it is not known.
func (f *Fleet) Status(pool string) FleetStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pools[pool]
	if p == nil {
		return FleetStatus{}
	}
	now := time.Now()
	s := FleetStatus{
		Others: f.others(p), Creating: f.starting(p), Draining: len(f.draining(p)), Blocked: f.blocked(p, now), Keeps: f.keeps,
		WakeTakes: time.Duration(p.wakeTakes), StartTakes: time.Duration(p.startTakes),
	}
	s.Open = p.backoff.why != "" && p.backoff.streak >= openAfter && (s.Blocked != "" || f.tries(p))
	var live []*fleetClone
	for _, c := range f.clones {
		if c.pool == pool && c.stale != "" && (c.live() || c.reserve()) {
			s.Stale++
			s.StaleHeld = p.renewal.held
		}
		switch {
		case c.pool != pool:
		case c.phase == cloneRetiring:
			s.Retiring++
		case c.phase == cloneWarm:
			s.Warm++
		case c.spare && (c.phase == cloneMaking || c.phase == cloneUp):
			s.Warming++
		case c.live():
			live = append(live, c)
			if !c.backend {
				s.Creating++
			}
			if !c.ready {
				s.StartingFor = max(s.StartingFor, now.Sub(c.asked))
			}
		}
	}
	for _, o := range f.originals {
		if o.pool == pool && o.boots() {
			s.StartingFor = max(s.StartingFor, now.Sub(o.began))
		}
	}
	if s.Blocked == "" {
		s.Creating += min(f.missing(p), f.obtainable(p)+f.budget()+f.yielding(p))
	}
	slices.SortFunc(live, func(a, b *fleetClone) int { return a.slot - b.slot })
	for _, c := range live {
		if c.id != "" {
			s.Clones = append(s.Clones, FleetClone{c.id, c.name})
		}
	}
	return s
}

// SetLimits changes MaxContainers and Headroom of the options, in clones and in percent.
func (f *Fleet) SetLimits(maxContainers, headroom int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.o.MaxContainers, f.o.Headroom = cmp.Or(maxContainers, DefaultMaxContainers), headroom
	f.memory.at = time.Time{} // What was short may no longer be.
	f.nudge()
}

// tries says that a replica of the pool is being made or started, and that none is there that need only be woken.
func (f *Fleet) tries(p *fleetPool) (tries bool) {
	if f.wakeable(p) > 0 {
		return false
	}
	for _, c := range f.clones {
		if c.pool == p.name && c.live() && !c.ready {
			if c.how == HowUnpause {
				return false
			}
			tries = true
		}
	}
	for _, o := range f.originals {
		tries = tries || o.pool == p.name && o.boots()
	}
	return tries
}

// How a replica was brought up.
const (
	HowCreate  = "create"
	HowStart   = "start"
	HowUnpause = "unpause"
)

// Brought tells how this Fleet brought a container up, as one of the How constants, and when it began to;
// false if it did not.
func (f *Fleet) Brought(containerID string) (how string, at time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.byID(containerID); c != nil && c.made {
		return c.how, c.began, true
	}
	if o := f.originals[containerID]; o != nil && o.made {
		return HowStart, o.began, true
	}
	return "", time.Time{}, false
}

// Ready tells the Fleet that a container serves. It must be called for every container when it first
// does and when it first does after a pause, also for those of an earlier run: a clone that is not ready
// within ReadyWithin of its start is removed.
func (f *Fleet) Ready(containerID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if o := f.originals[containerID]; o != nil {
		f.originalReady(o, now)
		return
	}
	c := f.byID(containerID)
	switch {
	case c == nil:
		f.early[containerID] = now
	case c.live():
		f.cloneReady(c, now)
	}
}

// Proven tells the Fleet that a container which is kept out of rotation would be ready: by the Fleet, as a spare, or by
// somebody, who took it out before it served.
func (f *Fleet) Proven(containerID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if o := f.originals[containerID]; o != nil && o.boots() {
		f.originalReady(o, now)
	} else if c := f.byID(containerID); c != nil && (c.spare || c.live()) {
		f.cloneReady(c, now)
	}
}

func (f *Fleet) cloneReady(c *fleetClone, now time.Time) {
	if c.phase == cloneWaking {
		c.phase = cloneUp
	}
	if c.ready {
		return
	}
	c.ready = true
	p := f.pool(c.pool)
	p.backoff.ready()
	switch {
	case !c.made:
	case c.how == HowUnpause:
		p.wakeTakes.add(now.Sub(c.began))
	default:
		p.startTakes.add(now.Sub(c.began))
	}
	f.nudge()
}

// movingAverage is one of durations in which each new one is worth three tenths.
type movingAverage time.Duration

func (m *movingAverage) add(d time.Duration) {
	if *m == 0 {
		*m = movingAverage(d)
		return
	}
	*m += movingAverage(0.3 * float64(d-time.Duration(*m)))
}
