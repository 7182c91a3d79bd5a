package sim

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// state is what a replica is doing.
type state int

const (
	starting state = iota
	ready
	draining
	// stopping is told to stop, until it is removed.
	stopping
	gone
)

// replica is one container that is not warm.
type replica struct {
	state state
	// original is the one that Ballast did not make.
	original bool
	woken    bool
	slot     int
	name     string
	since    time.Duration
	inFlight int
}

// moment is what is to happen to a fleet.
type moment struct {
	kind    momentKind
	replica *replica
}

type momentKind int

const (
	becomesReady momentKind = iota
	becomesWarm
	lookAtWarm
	isRemoved
)

// refillAfter is how long after the last scale-out the warm pool is left alone: the engine has better to do.
const refillAfter = time.Second

// fleet is the replicas of the pool, the warm clones, and the engine that makes them.
type fleet struct {
	c   *Config
	now time.Duration

	all []*replica
	// serving are the ready ones, in the order in which they became so.
	serving []*replica
	moments heap[moment]
	starts  line
	wakes   line
	stops   line

	nStarting, nDraining int
	warm, warming        int
	looking              bool
	lastOut              time.Duration
	// wakeTakes and startTakes are moving averages of what was measured; 0 at first.
	wakeTakes, startTakes time.Duration
}

func newFleet(c *Config, n, warm int) *fleet {
	f := &fleet{
		c: c, warm: warm, lastOut: -refillAfter,
		starts: line{first: startFirst, next: startNext},
		wakes:  line{first: wakeFirst, next: wakeNext},
		stops:  line{first: stopFirst, next: stopNext},
	}
	for range n {
		f.ready(f.add(false))
	}
	return f
}

// total is how many replicas there are; those that drain and stop are not among them any more.
func (f *fleet) total() int { return f.nStarting + len(f.serving) }

// bring makes them n: by taking back, waking and starting, or by draining.
func (f *fleet) bring(n int, victims []string) {
	for f.total() < n {
		f.lastOut = f.now
		if !f.undrain() {
			f.start()
		}
	}
	if f.total() > n {
		for _, r := range f.choose(f.total()-n, n, victims) {
			f.drain(r)
		}
	}
	f.refill()
}

// undrain takes back the busiest of those that drain.
func (f *fleet) undrain() bool {
	var best *replica
	for _, r := range f.all {
		if r.state == draining && (best == nil || r.inFlight > best.inFlight) {
			best = r
		}
	}
	if best == nil {
		return false
	}
	f.nDraining--
	f.serve(best)
	return true
}

// start wakes a warm clone, or creates one; without any replica and any warm clone it starts the original.
func (f *fleet) start() {
	woken := f.warm > 0
	r := f.add(woken)
	var at time.Duration
	if woken {
		f.warm--
		at = f.wakes.done(f.now)
	} else {
		at = f.starts.done(f.now) + f.c.Boot
	}
	f.moments.push(at, moment{becomesReady, r})
}

// add makes a replica that is starting. It is the original if that does not run and the others can't be it.
func (f *fleet) add(woken bool) *replica {
	r := &replica{state: starting, woken: woken, since: f.now}
	r.original = !woken && !slices.ContainsFunc(f.all, func(o *replica) bool { return o.original && o.state != stopping })
	if !r.original {
		// The lowest slot that is free, as a fleet does.
		used := make([]bool, len(f.all)+2)
		for _, o := range f.all {
			if o.slot < len(used) {
				used[o.slot] = true
			}
		}
		for r.slot = 1; used[r.slot]; r.slot++ {
		}
		r.name = "clone-" + strconv.Itoa(r.slot)
	}
	f.all = append(f.all, r)
	f.nStarting++
	return r
}

func (f *fleet) ready(r *replica) {
	f.nStarting--
	f.serve(r)
}

func (f *fleet) serve(r *replica) {
	r.state = ready
	f.serving = append(f.serving, r)
}

// choose picks k to give up: victims first, then the least busy clones, the last made of them. The original goes only
// when none is to stay.
func (f *fleet) choose(k, stay int, victims []string) []*replica {
	var candidates []*replica
	for _, r := range f.all {
		if r.state == ready || r.state == starting {
			candidates = append(candidates, r)
		}
	}
	rank := func(r *replica) int {
		switch {
		case r.original:
			return 2
		case slices.Contains(victims, r.name):
			return 0
		}
		return 1
	}
	slices.SortStableFunc(candidates, func(a, b *replica) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.inFlight, b.inFlight), cmp.Compare(b.slot, a.slot))
	})
	if stay > 0 {
		candidates = slices.DeleteFunc(candidates, func(r *replica) bool { return r.original })
	}
	return candidates[:min(k, len(candidates))]
}

func (f *fleet) drain(r *replica) {
	if r.state == starting {
		f.nStarting--
		f.stop(r)
		return
	}
	f.serving = slices.DeleteFunc(f.serving, func(o *replica) bool { return o == r })
	r.state = draining
	f.nDraining++
	f.drained(r)
}

// drained is to be called when a replica that drains has ended a request.
func (f *fleet) drained(r *replica) {
	if r.state != draining || r.inFlight > 0 {
		return
	}
	f.nDraining--
	if !r.original && f.warm+f.warming < f.c.Warm {
		f.remove(r)
		f.warm++
		return
	}
	f.stop(r)
}

func (f *fleet) stop(r *replica) {
	r.state = stopping
	f.moments.push(f.stops.done(f.now), moment{isRemoved, r})
}

func (f *fleet) remove(r *replica) {
	r.state = gone
	f.all = slices.DeleteFunc(f.all, func(o *replica) bool { return o == r })
}

// refill makes a warm clone if one is missing, one after another, while nothing else is starting.
func (f *fleet) refill() {
	if f.looking || f.warm+f.warming >= f.c.Warm {
		return
	}
	if quiet := f.lastOut + refillAfter; f.nStarting > 0 || f.now < quiet || !f.starts.idle(f.now) {
		f.looking = true
		f.moments.push(max(quiet, f.starts.free, f.now+100*time.Millisecond), moment{kind: lookAtWarm})
		return
	}
	f.warming++
	f.moments.push(f.starts.done(f.now)+f.c.Boot, moment{kind: becomesWarm})
	f.refill()
}

// happen does the next moment and tells whether there is a further backend now.
func (f *fleet) happen() bool {
	m := f.moments.pop()
	switch m.what.kind {
	case becomesWarm:
		f.warming--
		f.warm = min(f.warm+1, f.c.Warm)
	case lookAtWarm:
		f.looking = false
		f.refill()
	case isRemoved:
		f.remove(m.what.replica)
	case becomesReady:
		r := m.what.replica
		if r.state != starting {
			return false
		}
		took := f.now - r.since
		if r.woken {
			f.wakeTakes = average(f.wakeTakes, took)
		} else {
			f.startTakes = average(f.startTakes, took)
		}
		f.ready(r)
		return true
	}
	return false
}

// average moves an average by three tenths; the first is taken as it is.
func average(was, is time.Duration) time.Duration {
	if was == 0 {
		return is
	}
	return was + (is-was)*3/10
}

// startingFor is how long the oldest of those that are starting has been.
func (f *fleet) startingFor() time.Duration {
	if f.nStarting == 0 {
		return 0
	}
	longest := time.Duration(0)
	for _, r := range f.all {
		if r.state == starting {
			longest = max(longest, f.now-r.since)
		}
	}
	return longest
}
