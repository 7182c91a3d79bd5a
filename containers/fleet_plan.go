package containers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// plan finds what has to be done, marks it as begun and returns it, with the time at which to look
// again at the latest; zero is never.
func (f *Fleet) plan(now time.Time) (work []func(context.Context), next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	work, f.returns = f.returns, nil
	if f.last == nil || f.closed {
		return work, time.Time{}
	}
	if f.rivalry.since.IsZero() {
		f.rivalry.since = now
	}
	if f.frozen(now) {
		return work, f.rivalry.frozen
	}
	for _, c := range f.clones {
		if f.keeps && !c.dead() {
			continue
		}
		if f.review(c, now) {
			work = append(work, f.retirement(c, false))
		}
	}
	work = append(work, f.reviewOriginals(now)...)
	work = append(work, f.heal(now)...)
	for _, p := range f.pools {
		p.expire(now)
		if p.goal == nil {
			continue
		}
		if !p.goal.based {
			f.base(p)
		}
		work = append(work, f.reduce(p)...)
		work = append(work, f.gain(p, now)...)
	}
	for {
		p := f.neediest(now)
		if p == nil {
			break
		}
		work = append(work, f.creation(p, now, false))
	}
	if !f.keeps {
		work = append(work, f.tend(now)...)
	}
	return work, f.nextLook(now)
}

// review says whether a clone has to go because of itself.
func (f *Fleet) review(c *fleetClone, now time.Time) bool {
	p := f.pool(c.pool)
	age := now.Sub(c.since)
	switch {
	case c.phase == cloneWarm && c.dead():
		return true
	case c.phase == cloneWarm && c.state == engine.StateRunning && age >= seenWithin:
		// Somebody unpaused it, and it is out of rotation. Park it again.
		c.phase, c.spare, c.ready = cloneUp, true, true
		return false
	case c.phase != cloneUp && c.phase != cloneWaking:
		return false
	case c.spoiled:
		return true
	case c.dead():
		if age < provenAfter && (c.made || c.ran) {
			f.failed(p, c, now, fmt.Sprintf("clone %s ended with exit code %d within a minute of its start: see why its image does not keep running", c.name, c.exitCode))
		}
		return true
	case c.ready && !c.settled && age >= provenAfter:
		c.settled = true
		p.backoff.settled()
	case f.outdated(c, now) && !c.ready && c.how == HowCreate && (c.spare || age >= provenAfter):
		return true // It never served, and nobody need wait to see whether it will.
	case !c.ready && age >= c.patience():
		why := fmt.Sprintf("clone %s was not ready within %s of its start", c.name, c.patience())
		if c.how == HowUnpause {
			why = fmt.Sprintf("clone %s was not ready within %s of being woken", c.name, c.patience())
		}
		if c.reason != "" {
			why += ": " + c.reason
		}
		f.failed(p, c, now, why)
		return true
	}
	return false
}

// seenWithin is when a snapshot at the latest shows what was done: the reconciler looks at everything every 30 s.
const seenWithin = 40 * time.Second

// patience is how long the clone may take to be ready.
func (c *fleetClone) patience() time.Duration {
	if c.how == HowUnpause {
		return wokenWithin
	}
	return ReadyWithin
}

// failed notes that a clone was no use.
func (f *Fleet) failed(p *fleetPool, c *fleetClone, now time.Time, why string) {
	began := c.began
	if !c.made {
		began = c.since
	}
	p.backoff.failed(now, began, c.ready, why)
	f.o.Acted(c.pool, ActedFail)
	f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Str("reason", why).
		Time("retry_at", p.backoff.retryAt).Msg("a clone failed")
}

// surplus are the clones to give up so that the pool has no more than its goal.
func (f *Fleet) surplus(p *fleetPool) []*fleetClone {
	var up []*fleetClone
	live := 0
	for _, c := range f.clones {
		if c.pool == p.name && c.live() {
			live++
			if c.phase == cloneUp {
				up = append(up, c)
			}
		}
	}
	rank := func(c *fleetClone) int {
		switch i := slices.Index(p.goal.victims, c.id); {
		case c.stale != "" && p.backoff.streak == 0:
			return -1 // Unless what is made now is no use.
		case i >= 0:
			return i
		case !c.ready:
			return len(p.goal.victims)
		default:
			return len(p.goal.victims) + 1
		}
	}
	slices.SortFunc(up, func(a, b *fleetClone) int {
		return cmp.Or(rank(a)-rank(b), b.slot-a.slot)
	})
	return up[:min(len(up), max(0, live-p.goal.clones))]
}

// missing is how many clones are to be made so that the pool reaches its goal.
func (f *Fleet) missing(p *fleetPool) int {
	g := p.goal
	if g == nil || !g.based {
		return 0
	}
	live := 0
	for _, c := range f.clones {
		if c.pool == p.name && c.live() {
			live++
		}
	}
	// Other replicas that came since count, so that two instances together keep to the goal; those
	// that went do not, see Bring.
	return max(0, min(g.n-f.others(p)-f.starting(p)-p.coming-len(p.unseen)-live, g.clones-live))
}

// budget is how many clones may still be made on this host.
func (f *Fleet) budget() int {
	n := f.o.MaxContainers - f.strangers
	for _, p := range f.pools {
		n -= len(p.unseen)
	}
	for _, c := range f.clones {
		if c.exists() {
			n--
		}
	}
	return max(0, n)
}

// blocked says why the pool can get no replica at now. A failure says so as long as the Fleet goes
// on trying; after that it must be asked again to find out.
func (f *Fleet) blocked(p *fleetPool, now time.Time) string {
	switch {
	case f.frozen(now):
		return f.whyFrozen()
	case f.wakeable(p) > 0:
		return ""
	case len(f.startable(p)) > 0:
		if now.Before(p.backoff.retryAt) {
			return p.backoff.why
		}
		return ""
	case p.unfit != "":
		return p.unfit
	case p.backoff.why != "" && (f.missing(p) > 0 || now.Before(p.backoff.retryAt)):
		return p.backoff.why
	case f.budget() == 0 && f.yielding(p) == 0:
		return fmt.Sprintf("this host has all the clones that it may have, %d: raise scale.max-containers", f.o.MaxContainers)
	case f.short(now):
		return f.whyShort()
	default:
		return ""
	}
}

// neediest is the pool whose clone is to be made next: of those that may, the one with the fewest
// in the making. Nil if there is none.
func (f *Fleet) neediest(now time.Time) *fleetPool {
	making, byPool := 0, map[string]int{}
	for _, c := range f.clones {
		if c.phase == cloneMaking {
			making++
			byPool[c.pool]++
		}
	}
	limit := 1
	if f.tried {
		limit = parallel()
	}
	if making >= limit || f.budget() == 0 || f.short(now) {
		return nil
	}
	var best *fleetPool
	wanted := false
	for _, p := range f.pools {
		if f.missing(p) <= f.parked(p) || p.unfit != "" {
			continue
		}
		wanted = true
		if f.room(p, now) == 0 {
			continue
		}
		if best == nil || cmp.Or(byPool[p.name]-byPool[best.name], cmp.Compare(p.name, best.name)) < 0 {
			best = p
		}
	}
	if !wanted && making == 0 {
		f.tried = false
	}
	return best
}

// creation begins the creation of a clone, for the warm pool if it is a spare.
func (f *Fleet) creation(p *fleetPool, now time.Time, spare bool) func(context.Context) {
	slot := f.freeSlot(p)
	c := &fleetClone{
		pool: p.name, slot: slot, name: CloneName(p.name, slot),
		phase: cloneMaking, spare: spare, made: true, how: HowCreate, began: now, since: now, asked: now,
	}
	f.clones = append(f.clones, c)
	f.creations.Add(1)
	p.backoff.creating(now)
	spec := engine.Spec{
		Name:     c.name,
		Template: p.template.ID,
		Image:    p.image,
		Labels: cloneLabels(f.o.Prefix, p.template.Labels, Clone{
			Owner: f.o.Instance, Template: p.template.Name, Slot: slot, Revision: p.revision,
		}),
	}
	image := cmp.Or(p.image, p.template.Image)
	return c.lane.in(func(ctx context.Context) {
		defer f.creations.Done()
		f.create(ctx, c, spec, image)
	})
}

// freeSlot is the lowest slot of the pool whose name nobody is known to have.
func (f *Fleet) freeSlot(p *fleetPool) int {
	used := map[int]bool{}
	for _, c := range f.clones {
		if c.pool == p.name && c.exists() {
			used[c.slot] = true
		}
	}
	for slot := 1; ; slot++ {
		_, taken := p.taken[slot]
		if !used[slot] && !taken && !p.strange[slot] {
			return slot
		}
	}
}

// retirement begins the end of a clone, which can be taken back as long as it drains. One that is surplus is as good as any: it is
// taken back when the pool lacks a replica, and becomes a warm one if there are too few.
func (f *Fleet) retirement(c *fleetClone, surplus bool) func(context.Context) {
	c.was, c.phase, c.surplus, c.draining, c.recall = c.phase, cloneRetiring, surplus, true, make(recall)
	d := draining{id: c.id, timeout: f.pool(c.pool).drain, recall: c.recall}
	return c.lane.in(func(ctx context.Context) { f.retire(ctx, c, d) })
}

// expire drops what was believed of names for long enough.
func (p *fleetPool) expire(now time.Time) {
	for slot, until := range p.taken {
		if !now.Before(until) {
			delete(p.taken, slot)
		}
	}
	for id, until := range p.unseen {
		if !now.Before(until) {
			delete(p.unseen, id)
		}
	}
}

// nextLook is the first moment at which time alone gives something to do.
func (f *Fleet) nextLook(now time.Time) time.Time {
	var next time.Time
	at := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, c := range f.clones {
		switch {
		case c.phase == cloneUp && !c.settled, c.phase == cloneWaking:
			at(c.since.Add(provenAfter))
			at(c.since.Add(c.patience()))
			at(c.asked.Add(bootsAlone))
		case c.phase == cloneWarm:
			at(c.since.Add(seenWithin))
		}
	}
	for _, o := range f.originals {
		if o.made {
			at(o.began.Add(provenAfter))
			at(o.began.Add(ReadyWithin))
		}
	}
	if f.o.Memory != nil && f.o.Headroom > 0 && f.minds() {
		at(now.Add(dropEvery))
	}
	for _, p := range f.pools {
		at(p.backoff.retryAt)
		if p.sick != nil {
			at(now.Add(healLook))
		}
		for _, until := range p.unseen {
			at(until)
		}
	}
	return next
}
