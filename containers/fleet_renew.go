package containers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// staleFor is how long a clone must have been stale without a break before it is replaced: a container may stand in for
// another one that is just being recreated.
const staleFor = 10 * time.Second

// renewal is how a pool's stale clones are being replaced.
type renewal struct {
	// surge says that one more clone is kept in reserve, to be ready before a stale one goes; relief is that clone when it
	// is, and waits for the place of one that serves.
	surge  bool
	relief *fleetClone
	// held says why nothing is replaced at present; empty if nothing is in the way.
	held string
	// short says that it is a lack of memory, of which held tells the figure of the moment.
	short bool
}

func (f *Fleet) anyStale(p *fleetPool) bool {
	return slices.ContainsFunc(f.clones, func(c *fleetClone) bool { return c.pool == p.name && c.stale != "" && c.exists() })
}

// outdated says that a clone has been stale for long enough.
func (f *Fleet) outdated(c *fleetClone, now time.Time) bool {
	return c.stale != "" && now.Sub(c.staleSince) >= staleFor
}

// renew finds the stale clone that is to be replaced next if one may be now, and sees to it that there is another one for its
// place. Those that serve come first. Where there may be one more than there are, the other one is made as for the warm pool,
// so that it is proven before it serves; else it is made when the stale one has begun to drain.
func (f *Fleet) renew(p *fleetPool, states map[string]State, heard, may bool, now time.Time) *patient {
	was := p.renewal
	p.renewal = renewal{}
	serving, reserve := f.outdatedOf(p, now)
	if len(serving)+len(reserve) == 0 {
		return nil
	}
	r := &p.renewal
	if r.held = f.cannotRenew(p, states, heard, now); r.held == "" {
		r.surge = f.reserves(p) > p.scale.Warm || may && f.spareable(p, now)
		if len(serving) > 0 {
			r.relief = f.next(p, func(c *fleetClone) bool { return c.spare && c.phase == cloneUp && c.ready && c.stale == "" })
		}
		r.held = f.mustNotRenew(p, now)
	}
	if r.held != "" {
		if r.short = r.held == f.whyShort(); r.held != was.held && !(r.short && was.short) {
			f.o.Logger.Warn().Str("pool", p.name).Str("reason", r.held).Msg("stopped replacing stale clones")
		}
		return nil
	}
	var c *fleetClone
	switch {
	case !may || f.onTrial(p, now):
		return nil
	case len(serving) > 0 && (r.relief != nil || !r.surge):
		c = serving[0]
	case len(reserve) > 0 && (f.stock(p) > p.scale.Warm || !r.surge && f.calm(now)): // Else none is made in its place.
		c = reserve[0]
	default:
		return nil
	}
	r.surge = false // The next one is made when this one has gone.
	return &patient{
		id: c.id, name: c.name, level: zerolog.InfoLevel, acted: ActedReplace, act: "replacing a stale clone",
		why: c.stale, begin: func() func(context.Context) { return f.replacement(p, c) },
	}
}

// outdatedOf are the pool's clones that were ready and are to be replaced: those that serve and those in reserve, by slot.
func (f *Fleet) outdatedOf(p *fleetPool, now time.Time) (serving, reserve []*fleetClone) {
	for _, c := range f.clones {
		switch {
		case c.pool != p.name || !f.outdated(c, now):
		case c.phase == cloneWarm, c.phase == cloneUp && c.spare && c.ready:
			reserve = append(reserve, c)
		case c.phase == cloneUp && c.ready:
			serving = append(serving, c)
		}
	}
	bySlot := func(a, b *fleetClone) int { return cmp.Compare(a.slot, b.slot) }
	slices.SortFunc(serving, bySlot)
	slices.SortFunc(reserve, bySlot)
	return serving, reserve
}

// onTrial says that some clones are as they would be made now, and that it has not been seen yet whether such last.
func (f *Fleet) onTrial(p *fleetPool, now time.Time) bool {
	if f.templateProven(p, now) {
		return false
	}
	tried := false
	for _, c := range f.clones {
		if c.pool == p.name && c.stale == "" && c.live() {
			if c.settled {
				return false
			}
			tried = true
		}
	}
	return tried
}

// spareable says whether a clone may be made beside the pool's replicas. One that keeps warm clones has more than its
// maximum anyway.
func (f *Fleet) spareable(p *fleetPool, now time.Time) bool {
	return (p.scale.Warm > 0 || f.replicas(p) < p.scale.Max) && f.budget() > 0 && f.calm(now)
}

// cannotRenew says why nothing is to be made in place of stale clones; empty if something is.
func (f *Fleet) cannotRenew(p *fleetPool, states map[string]State, heard bool, now time.Time) string {
	state := states[p.template.ID]
	switch {
	case p.scale.DryRun:
		return f.o.Prefix.Key("scale.dry-run") + " is set"
	case p.unfit != "":
		return p.unfit
	case !heard:
		return "the engine cannot be heard"
	case f.short(now):
		return f.whyShort()
	case state == StateStarting, state == StateUnhealthy, state == StateEjected:
		return fmt.Sprintf("%s, which others would be made from, is %s", p.template.Name, state)
	case commonCause(states, ""):
		return "fewer than half of the pool's backends are available"
	}
	return ""
}

// mustNotRenew says why no stale clone may go although another one may be made; empty if one may.
func (f *Fleet) mustNotRenew(p *fleetPool, now time.Time) string {
	switch {
	case p.backoff.streak > 0:
		return cmp.Or(p.backoff.why, "a clone that was made in its place ended soon after it had served")
	case !p.renewal.surge && f.budget() == 0 && f.othersLack(p, now):
		return fmt.Sprintf("this host has all the clones that it may have, %d, and another pool lacks one", f.o.MaxContainers)
	}
	return ""
}

// othersLack says that another pool lacks a replica that could be made.
func (f *Fleet) othersLack(p *fleetPool, now time.Time) bool {
	for _, other := range f.pools {
		if other != p && f.missing(other) > 0 && other.unfit == "" && f.room(other, now) > 0 {
			return true
		}
	}
	return false
}
