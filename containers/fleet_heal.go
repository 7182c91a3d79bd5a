package containers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

// What ballast.heal may say; anything else heals nothing.
const (
	// HealReplace has a clone replaced that stays unhealthy; an original is left alone.
	HealReplace = "true"
	// HealRestart has an original restarted as well.
	HealRestart = "restart"
)

// SickFor is how long a replica must at least have been unhealthy without a break before it is replaced or restarted.
const SickFor = 30 * time.Second

const (
	// healLook is the time between two looks at how those are that may be healed.
	healLook = time.Second
	// What was healed is not healed again for firstRest, then twice as long each time, up to lastRest.
	firstRest = time.Minute
	lastRest  = 30 * time.Minute
)

// healPace keeps apart the healings of what does not stay healthy. The zero value is that of what was never healed.
type healPace struct {
	last time.Time
	rest time.Duration
}

func (h *healPace) rests(now time.Time) bool { return h.rest > 0 && now.Sub(h.last) < h.rest }

// healed notes that a healing begins. What has been well for long begins anew.
func (h *healPace) healed(now time.Time) {
	if now.Sub(h.last) >= h.rest+lastRest {
		h.rest = 0
	}
	h.rest = min(max(firstRest, 2*h.rest), lastRest)
	h.last = now
}

// patient is a replica that may be replaced or restarted.
type patient struct {
	id, name string
	// why it is to be, and how that is logged and counted.
	why, acted string
	level      zerolog.Level
	// boots says that it was restarted and has not served since: then starting is sick as well.
	boots bool
	// after is how long it must be sick first; barred that nothing would come of it at present.
	after  time.Duration
	barred bool
	// pace keeps its healings apart; nil if nothing does.
	pace  *healPace
	act   string
	begin func() func(context.Context)
}

func (p *patient) ails(s State) bool { return s == StateUnhealthy || p.boots && s == StateStarting }

// heal begins to replace or to restart what has been sick for long, or to replace what is stale, at most one in each pool.
func (f *Fleet) heal(now time.Time) (work []func(context.Context)) {
	for _, p := range f.pools {
		if do := f.healOne(p, now); do != nil {
			work = append(work, do)
		}
	}
	return work
}

func (f *Fleet) healOne(p *fleetPool, now time.Time) func(context.Context) {
	patients := f.patients(p, now)
	before := p.sick
	p.sick = nil
	if f.keeps {
		return nil
	}
	if len(patients) == 0 && !f.anyStale(p) {
		p.renewal = renewal{}
		return nil
	}
	p.sick = map[string]time.Time{}
	var states map[string]State
	ok := false
	if f.o.Health != nil {
		states, ok = f.o.Health(p.name)
	}
	worst := p.sickest(patients, before, states, ok, now)
	free := !f.convalesces(p, now)
	renewed := f.renew(p, states, ok, free && worst == nil, now)
	switch {
	case worst == nil:
		worst = renewed
	case !free || commonCause(states, worst.id):
		worst = nil
	}
	if worst == nil {
		return nil
	}
	said := f.o.Logger.WithLevel(worst.level).Str("pool", p.name).Str("container", worst.name).Str("reason", worst.why)
	if worst.pace != nil {
		worst.pace.healed(now)
		said = said.Dur("rest", worst.pace.rest)
	}
	said.Msg(worst.act)
	f.o.Acted(p.name, worst.acted)
	delete(p.sick, worst.id)
	return worst.begin()
}

// sickest is the one that has been sick for longest, of those for whom it is time; nil if there is none. It notes who is sick.
func (p *fleetPool) sickest(patients []patient, before map[string]time.Time, states map[string]State, ok bool, now time.Time) (worst *patient) {
	if !ok {
		return nil // It must have been so for long in what is known of next.
	}
	for i := range patients {
		c := &patients[i]
		if !c.ails(states[c.id]) {
			continue
		}
		since, was := before[c.id]
		if !was {
			since = now
		}
		p.sick[c.id] = since
		if now.Sub(since) >= c.after && !c.barred && !c.pace.rests(now) && (worst == nil || since.Before(p.sick[worst.id])) {
			worst = c
			worst.why = fmt.Sprintf("%s for %s", states[c.id], now.Sub(since).Round(time.Second))
		}
	}
	return worst
}

// patients are the pool's replicas that may be healed if they are sick.
func (f *Fleet) patients(p *fleetPool, now time.Time) (found []patient) {
	if f.o.Health == nil {
		return nil
	}
	for _, c := range f.clones {
		if c.pool == p.name && c.heal && c.phase == cloneUp && !c.spare && c.ready {
			found = append(found, patient{
				id: c.id, name: c.name, after: p.sickAfter, barred: !f.replaceable(p, now), pace: &p.pace,
				level: zerolog.WarnLevel, acted: ActedHeal, act: "replacing a sick clone",
				begin: func() func(context.Context) { return f.replacement(p, c) },
			})
		}
	}
	for _, o := range f.originals {
		if o.pool == p.name && o.heal && o.phase == originalIdle && (o.ready || o.restarted) {
			c := patient{
				id: o.id, name: o.name, boots: !o.ready, after: p.sickAfter, pace: &o.pace,
				level: zerolog.WarnLevel, acted: ActedHeal, act: "restarting a sick container",
				begin: func() func(context.Context) { return f.restarting(p, o) },
			}
			if c.boots {
				c.after = ReadyWithin
			}
			found = append(found, c)
		}
	}
	return found
}

// replaceable says whether another clone can be made in place of one that is removed.
func (f *Fleet) replaceable(p *fleetPool, now time.Time) bool {
	return (p.goal != nil || p.scale.Max > 0) && !p.scale.DryRun && p.unfit == "" && f.room(p, now) > 0 && !f.short(now)
}

// replacement begins the end of a clone in whose place another one comes: what is ready in reserve at once, else one that is
// made. Where nobody asked for a number of replicas yet, it is to stay as it is.
func (f *Fleet) replacement(p *fleetPool, c *fleetClone) func(context.Context) {
	if p.goal == nil {
		p.goal = &fleetGoal{n: f.replicas(p)}
	}
	if !p.goal.based {
		f.base(p)
	}
	return f.retirement(c, false)
}

// convalesces says that one of the pool is being healed, or that another is not ready yet: one at a time.
func (f *Fleet) convalesces(p *fleetPool, now time.Time) bool {
	for _, c := range f.clones {
		if c.pool == p.name && (c.phase == cloneRetiring && !c.surplus || c.live() && !c.ready) {
			return true
		}
	}
	for _, o := range f.originals {
		if o.pool == p.name && (o.phase == originalRestarting || o.restarted && !o.ready && now.Sub(o.began) < ReadyWithin) {
			return true
		}
	}
	return false
}

// commonCause says that fewer than half of the backends are available, which is more likely the fault of what they
// share, our own network too, than of each. One that is alone has nothing in common with others.
func commonCause(states map[string]State, sick string) bool {
	all, ready := 0, 0
	for id, s := range states {
		switch {
		case s == StateReady:
			all++
			ready++
		case s == StateUnhealthy, s == StateEjected, id == sick:
			all++
		}
	}
	return all > 1 && 2*ready < all
}

// restarting begins to restart an original. It is a replica all the while: nothing is made in its place.
func (f *Fleet) restarting(p *fleetPool, o *fleetOriginal) func(context.Context) {
	o.phase, o.made, o.draining, o.recall = originalRestarting, false, true, make(recall)
	d := draining{id: o.id, timeout: p.drain, recall: o.recall}
	return o.lane.in(func(ctx context.Context) { f.restart(ctx, o, d) })
}

// letting takes back the restart of an original that is draining.
func (f *Fleet) letting(o *fleetOriginal) func(context.Context) {
	o.phase, o.draining = originalIdle, false
	close(o.recall)
	return o.lane.in(func(context.Context) {
		f.reveal(o)
		f.o.Acted(o.pool, ActedUndrain)
	})
}

// restart drains, stops and starts an original, however often that takes, unless it is taken back before it is stopped. If Ballast
// ends, it either goes on running or has been asked to start again.
func (f *Fleet) restart(ctx context.Context, o *fleetOriginal, d draining) {
	f.mu.Lock()
	o.hidden = true
	f.mu.Unlock()
	if _, err := f.drain(ctx, d); err != nil {
		return
	}
	stopped := false
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		var err error
		if !stopped {
			if !f.commitRestart(o, d.recall) {
				return
			}
			if err = f.stopSick(ctx, o); err == nil {
				f.mu.Lock()
				stopped, o.restarted, o.ready = true, true, false
				f.mu.Unlock()
				f.o.Acted(o.pool, ActedStop)
			}
		}
		if stopped {
			err = f.startAgain(ctx, o)
		}
		if err == nil {
			f.nudge()
			return
		}
		if errors.Is(err, errNotOurs) || errors.Is(err, engine.ErrNotFound) {
			f.mu.Lock()
			o.phase, o.restarted = originalIdle, false
			f.mu.Unlock()
			f.reveal(o)
			f.nudge()
			return
		}
		f.mu.Lock()
		o.draining = !stopped
		f.mu.Unlock()
		f.o.Logger.Warn().Str("pool", o.pool).Str("container", o.name).Err(err).Dur("retry_in", wait).Msg("could not restart a container")
		if !rest(ctx, d.recall, wait) {
			return
		}
	}
}

// commitRestart says whether an original that has drained is to be stopped; then that can't be taken back, unless it fails.
func (f *Fleet) commitRestart(o *fleetOriginal, r recall) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.given() {
		return false
	}
	o.draining = false
	return true
}

// stopSick stops an original if it runs and still asks to be restarted, looking right before; else the error is errNotOurs.
func (f *Fleet) stopSick(ctx context.Context, o *fleetOriginal) error {
	c, err := f.inspectOriginal(ctx, o)
	if err == nil && (c.State != engine.StateRunning || c.Labels[f.o.Prefix.Key("heal")] != HealRestart) {
		err = errNotOurs
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	o.before = c.StartedAt
	f.mu.Unlock()
	return f.stop(context.WithoutCancel(ctx), c)
}

// startAgain starts an original that was stopped to restart it.
func (f *Fleet) startAgain(ctx context.Context, o *fleetOriginal) error {
	f.reveal(o)
	f.mu.Lock()
	o.phase, o.made, o.began = originalStarting, true, time.Now()
	f.mu.Unlock()
	err := f.o.Engine.Start(context.WithoutCancel(ctx), o.id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		o.phase, o.made = originalRestarting, false
		return fmt.Errorf("start container %s: %w", o.name, err)
	}
	f.o.Acted(o.pool, ActedStart)
	f.o.Logger.Info().Str("pool", o.pool).Str("container", o.name).Dur("took", time.Since(o.began)).Msg("restarted a container")
	return nil
}
