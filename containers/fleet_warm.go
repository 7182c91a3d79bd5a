package containers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// waking begins to unpause a warm clone.
func (f *Fleet) waking(c *fleetClone, now time.Time) func(context.Context) {
	c.phase, c.ready, c.settled = cloneWaking, false, false
	c.made, c.how, c.began, c.since, c.asked = true, HowUnpause, now, now, now
	return c.lane.in(func(ctx context.Context) { f.unpause(ctx, c) })
}

// unpause wakes a clone. One that can't be woken is given up; the next plan looks for another means.
func (f *Fleet) unpause(ctx context.Context, c *fleetClone) {
	f.o.Traffic.Undrain(c.id)
	err := f.o.Engine.Unpause(ctx, c.id)
	awake := false
	if errors.Is(err, engine.ErrConflict) {
		// Somebody was faster, if it runs.
		now, e := f.o.Engine.Inspect(ctx, c.id)
		awake = e == nil && now.State == engine.StateRunning
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.nudge()
	switch {
	case err == nil:
		f.o.Acted(c.pool, ActedUnpause)
		f.o.Logger.Info().Str("pool", c.pool).Str("clone", c.name).Str("container", c.id).
			Dur("took", time.Since(c.began)).Msg("woke a clone")
	case awake:
		// Nobody may ever say that it is ready: it may have been all along.
		c.phase, c.ready = cloneUp, true
	case ctx.Err() != nil:
		c.phase = cloneWarm
	default:
		c.spoiled = true
		f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Err(err).Msg("could not wake a clone")
	}
}

var errBusy = errors.New("has requests in flight")

// parking begins to pause a clone that was made for the warm pool and is proven.
func (f *Fleet) parking(c *fleetClone) func(context.Context) {
	c.phase = cloneParking
	d := draining{id: c.id, timeout: f.pool(c.pool).drain}
	return c.lane.in(func(ctx context.Context) {
		// It has nothing in flight, unless a person unpaused it.
		idle, err := f.drain(ctx, d)
		if err == nil && !idle {
			err = errBusy
		}
		if err == nil {
			err = f.pause(ctx, c)
		}
		if err != nil && ctx.Err() == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			defer f.nudge()
			c.phase, c.spoiled = cloneUp, true
			f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Err(err).Msg("could not pause a clone")
		}
	})
}

// pause makes a warm clone of one that is out of rotation and has nothing in flight.
func (f *Fleet) pause(ctx context.Context, c *fleetClone) error {
	if _, err := f.confirm(ctx, c.id); err != nil {
		return err
	}
	// It gets no second signal that it should be paused: a cut call may have paused it all the same.
	if err := f.o.Engine.Pause(context.WithoutCancel(ctx), c.id); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.nudge()
	c.phase, c.spare, c.since = cloneWarm, false, time.Now()
	f.o.Acted(c.pool, ActedPause)
	f.o.Logger.Info().Str("pool", c.pool).Str("clone", c.name).Str("container", c.id).Msg("parked a clone as a warm one")
	return nil
}

// wantsWarm is how many warm clones the pool is to have, if there is memory for them.
func (p *fleetPool) wantsWarm() int {
	if p.scale.Max == 0 {
		return 0
	}
	if p.renewal.surge {
		return p.scale.Warm + 1
	}
	return p.scale.Warm
}

// reserves counts the pool's clones that are warm or become so.
func (f *Fleet) reserves(p *fleetPool) (n int) {
	for _, c := range f.clones {
		if c.pool == p.name && c.reserve() {
			n++
		}
	}
	return n
}

// parks says whether a clone that has drained is to be paused rather than removed.
func (f *Fleet) parks(c *fleetClone, now time.Time) bool {
	// What is ready now is better than what is being made for it, which goes when it is done.
	p := f.pool(c.pool)
	return c.surplus && c.ready && c.stale == "" && !f.closed && !f.short(now) && f.stock(p) < p.wantsWarm()
}

// stock counts the pool's clones that are warm or will be in a moment, without those that are being made.
func (f *Fleet) stock(p *fleetPool) (n int) {
	for _, c := range f.clones {
		if c.pool == p.name && c.reserve() && (!c.spare || c.ready) {
			n++
		}
	}
	return n
}

// tend keeps the warm pools, those of a dry run as they are.
func (f *Fleet) tend(now time.Time) (work []func(context.Context)) {
	for _, c := range f.clones {
		if c.spare && c.ready && c.phase == cloneUp && !c.spoiled && c != f.pool(c.pool).renewal.relief {
			work = append(work, f.parking(c))
		}
	}
	for _, p := range f.pools {
		for !p.scale.DryRun && f.reserves(p) > p.wantsWarm() {
			c := f.latest(p)
			if c == nil || !c.spare && f.stock(p) <= p.wantsWarm() {
				break // It is a spare that is to go, once it is made.
			}
			work = append(work, f.retirement(c, false))
		}
	}
	if c := f.yields(now); c != nil {
		f.o.Logger.Info().Str("pool", c.pool).Str("clone", c.name).Msg("giving up a warm clone for another pool's replica")
		work = append(work, f.retirement(c, false))
	}
	if f.short(now) && now.Sub(f.memory.dropped) >= dropEvery {
		if c := f.anyWarm(func(*fleetPool) bool { return true }); c != nil {
			f.memory.dropped = now
			f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Str("reason", f.whyShort()).Msg("giving up a warm clone")
			work = append(work, f.retirement(c, false))
		}
	}
	if p := f.poorest(now); p != nil {
		work = append(work, f.creation(p, now, true))
	}
	return work
}

// latest is the clone of the warm pool that goes first when there are too many.
func (f *Fleet) latest(p *fleetPool) (found *fleetClone) {
	for _, c := range f.clones {
		spare := c.spare && c.phase == cloneUp
		if c.pool != p.name || c.phase != cloneWarm && !spare {
			continue
		}
		// The spares first, then the stale.
		if found == nil || spare && !found.spare || spare == found.spare && before(found, c) {
			found = c
		}
	}
	return found
}

// anyWarm is a warm clone of the pool that has most of them, of those which may give up any.
func (f *Fleet) anyWarm(may func(*fleetPool) bool) (found *fleetClone) {
	most := 0
	for _, p := range f.pools {
		if p.scale.DryRun || !may(p) {
			continue
		}
		n := 0
		for _, c := range f.clones {
			if c.pool == p.name && c.phase == cloneWarm {
				n++
			}
		}
		if n > most {
			most, found = n, f.latest(p)
		}
	}
	return found
}

// yields is a warm clone that is to make room for a replica which another pool lacks, when this host may have no more
// clones; one at a time.
func (f *Fleet) yields(now time.Time) *fleetClone {
	if f.budget() > 0 || f.short(now) || f.leaving() > 0 {
		return nil
	}
	for _, p := range f.pools {
		if f.missing(p) > f.parked(p) && p.unfit == "" && f.room(p, now) > 0 {
			return f.anyWarm(func(other *fleetPool) bool { return f.missing(other) == 0 })
		}
	}
	return nil
}

// yielding is how many clones that are not the pool's make room for its replicas, or would.
func (f *Fleet) yielding(p *fleetPool) int {
	n := f.leaving()
	for _, c := range f.clones {
		if other := f.pool(c.pool); other != p && c.phase == cloneWarm && !other.scale.DryRun && f.missing(other) == 0 {
			n++
		}
	}
	return n
}

// leaving counts the clones that are being removed for sure.
func (f *Fleet) leaving() (n int) {
	for _, c := range f.clones {
		if c.phase == cloneRetiring && !c.returns() {
			n++
		}
	}
	return n
}

// unready counts the pool's clones that are to be ready and have not been yet.
func (f *Fleet) unready(p *fleetPool) (n int) {
	for _, c := range f.clones {
		if c.pool == p.name && (c.live() || c.reserve()) && !c.ready {
			n++
		}
	}
	return n
}

// bootsAlone is how long a replica that is not ready yet has the machine without warm clones being made.
const bootsAlone = 10 * time.Second

// poorest is a pool that lacks warm clones and may be made one now, when nothing else is to be made.
func (f *Fleet) poorest(now time.Time) (poorest *fleetPool) {
	if f.budget() == 0 {
		return nil
	}
	for _, c := range f.clones {
		// What somebody waits for has the machine for itself.
		if c.phase == cloneMaking || c.phase == cloneWaking || c.live() && !c.ready && now.Sub(c.asked) < bootsAlone {
			return nil
		}
	}
	for _, p := range f.pools {
		room := f.room(p, now)
		if f.missing(p) > 0 && p.unfit == "" && room > 0 {
			return nil // It comes first.
		}
		lacks := p.wantsWarm() - f.reserves(p) - len(f.draining(p))
		if lacks <= 0 || p.scale.DryRun || p.unfit != "" || room == 0 {
			continue
		}
		if poorest == nil || p.name < poorest.name {
			poorest = p
		}
	}
	if poorest != nil && !f.calm(now) {
		return nil
	}
	return poorest
}

// minds says whether the host's memory matters at present.
func (f *Fleet) minds() bool {
	for _, p := range f.pools {
		if f.missing(p) > 0 || p.wantsWarm() > 0 {
			return true
		}
	}
	return false
}
