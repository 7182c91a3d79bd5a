package containers

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// gain begins what brings the pool replicas without making any, the quickest first.
func (f *Fleet) gain(p *fleetPool, now time.Time) (work []func(context.Context)) {
	for f.missing(p) > 0 {
		var do func(context.Context)
		if d := f.draining(p); len(d) > 0 {
			do = d[0]()
		} else if c := f.next(p, func(c *fleetClone) bool { return c.spare && c.phase == cloneUp && c.ready }); c != nil {
			do = f.taking(c, now)
		} else if c := f.next(p, func(c *fleetClone) bool { return c.phase == cloneWarm }); c != nil {
			do = f.waking(c, now)
		} else if c := f.next(p, func(c *fleetClone) bool { return c.spare && c.reserve() && !c.spoiled }); c != nil {
			do = f.taking(c, now)
		} else if o := f.startable(p); len(o) > 0 && f.missing(p) > f.parked(p) && f.mayStart(p, now) {
			do = f.starts(p, o[0], now)
		} else {
			break
		}
		work = append(work, do)
	}
	return work
}

// before says that a clone is to be brought up rather than another one, and given up after it: by slot, the stale last.
func before(a, b *fleetClone) bool {
	if (a.stale == "") != (b.stale == "") {
		return a.stale == ""
	}
	return a.slot < b.slot
}

// next is the first of the pool's clones for which is holds; nil if there is none.
func (f *Fleet) next(p *fleetPool, is func(*fleetClone) bool) (found *fleetClone) {
	for _, c := range f.clones {
		if c.pool == p.name && is(c) && (found == nil || before(c, found)) {
			found = c
		}
	}
	return found
}

// obtainable is how many replicas the pool can get without making any.
func (f *Fleet) obtainable(p *fleetPool) int { return f.wakeable(p) + len(f.startable(p)) }

// wakeable is how many replicas are there already and only have to be let.
func (f *Fleet) wakeable(p *fleetPool) int {
	n := len(f.draining(p))
	for _, c := range f.clones {
		if c.pool == p.name && c.reserve() {
			n++
		}
	}
	return n
}

// parked counts the clones that are just being paused: nothing need be made in place of what can be woken in a moment.
func (f *Fleet) parked(p *fleetPool) (n int) {
	for _, c := range f.clones {
		if c.pool == p.name && c.phase == cloneParking {
			n++
		}
	}
	return n
}

// draining are the ways to take a replica back that is about to go: originals first, for clones are what is
// given up first, then the clones, the stale last.
func (f *Fleet) draining(p *fleetPool) (back []func() func(context.Context)) {
	var originals []*fleetOriginal
	for _, o := range f.originals {
		if o.pool == p.name && o.phase == originalStopping && o.draining && p.members[o.id] {
			originals = append(originals, o)
		}
	}
	slices.SortFunc(originals, func(a, b *fleetOriginal) int { return cmp.Compare(a.name, b.name) })
	for _, o := range originals {
		back = append(back, func() func(context.Context) { return f.sparing(p, o) })
	}
	var clones []*fleetClone
	for _, c := range f.clones {
		if c.pool == p.name && c.returns() && c.ready {
			clones = append(clones, c)
		}
	}
	slices.SortFunc(clones, func(a, b *fleetClone) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	for _, c := range clones {
		back = append(back, func() func(context.Context) { return f.returning(c) })
	}
	return back
}

// returning takes back a clone that is draining. It is again what it was: one of the warm pool stays out of rotation.
func (f *Fleet) returning(c *fleetClone) func(context.Context) {
	c.phase, c.draining = c.was, false
	close(c.recall)
	reserve := c.reserve()
	return c.lane.in(func(context.Context) {
		if !reserve {
			f.undrain(c.pool, c.name, c.id)
		}
	})
}

// taking lets a clone that was made for the warm pool serve.
func (f *Fleet) taking(c *fleetClone, now time.Time) func(context.Context) {
	c.spare, c.asked = false, now
	return c.lane.in(func(context.Context) {
		f.mu.Lock()
		id := c.id
		f.mu.Unlock()
		if id != "" {
			f.undrain(c.pool, c.name, id)
		}
	})
}

func (f *Fleet) undrain(pool, name, id string) {
	f.o.Traffic.Undrain(id)
	f.o.Acted(pool, ActedUndrain)
	f.o.Logger.Info().Str("pool", pool).Str("container", name).Msg("put back into rotation")
}
