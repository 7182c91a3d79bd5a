package containers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// fleetOriginal is a container of a pool that no Ballast made.
type fleetOriginal struct {
	// These are never written to again.
	pool, name, id string

	phase originalPhase
	lane  lane
	// draining says that its stop, or restart, can be taken back, by recall; hidden that it was taken out of rotation.
	draining, hidden bool
	recall           recall
	// made says that this Fleet started it, from began on, and that it must still show what it is worth; ready
	// that it served since.
	made, ready bool
	began       time.Time
	// before is which start of it there was before ours.
	before time.Time
	// left is when it was last seen to have ended without our doing.
	left time.Time
	// restarted says that it was stopped for being sick; pace keeps such restarts apart.
	restarted bool
	pace      healPace

	// What follows is from the last snapshot.

	template  bool
	heal      bool // It may be restarted.
	replaced  bool // It is about to be removed.
	state     engine.State
	exitCode  int
	startedAt time.Time
	// runs is since when it has been seen running since its last start, by our clock, which the engine's need not agree
	// with; zero if it does not run. A pause does not end it.
	runs time.Time
}

// originalPhase is what the Fleet is doing with an original.
type originalPhase int

const (
	originalIdle originalPhase = iota
	// originalStarting is being started, until it is a backend.
	originalStarting
	// originalStopping is draining, and then stopped.
	originalStopping
	// originalRestarting is draining or stopped, and then started again.
	originalRestarting
)

// applyOriginals notes what there is that no Ballast made.
func (f *Fleet) applyOriginals(s *Snapshot, now time.Time) {
	shown := make(map[string]bool)
	templates := make(map[string]bool, len(s.Pools))
	for _, p := range s.Pools {
		templates[p.Template] = true
	}
	for i := range s.Entries {
		e := &s.Entries[i]
		if !e.Original {
			continue
		}
		c := &e.Container
		o := f.originals[c.ID]
		if o == nil {
			o = &fleetOriginal{id: c.ID, pool: e.Pool, name: c.Name}
			f.originals[c.ID] = o
		}
		shown[c.ID] = true
		o.template, o.heal, o.replaced = templates[c.ID], e.Heal == HealRestart, e.Replaced
		f.applyOriginal(o, c, now)
	}
	for id, o := range f.originals {
		if !shown[id] {
			f.lost(o)
			delete(f.originals, id)
		}
	}
}

func (f *Fleet) applyOriginal(o *fleetOriginal, c *engine.Container, now time.Time) {
	ended := c.State == engine.StateExited || c.State == engine.StateDead
	if ended && o.state == engine.StateRunning && o.phase == originalIdle && !o.made {
		o.left = now
	}
	o.state, o.exitCode = c.State, c.ExitCode
	if !c.StartedAt.Equal(o.startedAt) || c.State != engine.StateRunning && c.State != engine.StatePaused {
		o.runs = time.Time{}
	}
	if c.State == engine.StateRunning && o.runs.IsZero() {
		o.runs = now
	}
	o.startedAt = c.StartedAt
	anew := !c.StartedAt.Equal(o.before)
	switch p := f.pool(o.pool); {
	case o.phase == originalStarting && p.members[o.id] && (anew || !o.restarted):
		o.phase = originalIdle
	case o.made && anew && ended && o.phase != originalStopping:
		if o.replaced {
			f.lost(o) // It was stopped for that.
		} else if now.Sub(o.began) < provenAfter {
			f.originalFailed(o, now, fmt.Sprintf("container %s ended with exit code %d within a minute of its start: see why it does not keep running", o.name, o.exitCode))
		}
		o.phase, o.made = originalIdle, false
	}
}

// lost notes that an original is gone, or about to be, through no fault of its own. If it was started and never served, another
// one or a clone may stand in.
func (f *Fleet) lost(o *fleetOriginal) {
	if g := f.pool(o.pool).goal; g != nil && o.boots() && !o.restarted {
		g.clones++
	}
	o.phase, o.made = originalIdle, false
}

func (f *Fleet) originalFailed(o *fleetOriginal, now time.Time, why string) {
	p := f.pool(o.pool)
	p.backoff.failed(now, o.began, o.ready, why)
	if o.phase == originalStarting && !o.restarted && p.goal != nil {
		p.goal.clones++ // As it was before this one was started in place of a clone.
	}
	o.phase, o.made = originalIdle, false
	f.o.Acted(o.pool, ActedFail)
	f.o.Logger.Warn().Str("pool", o.pool).Str("container", o.name).Str("reason", why).
		Time("retry_at", p.backoff.retryAt).Msg("a container failed")
}

func (f *Fleet) originalReady(o *fleetOriginal, now time.Time) {
	p := f.pool(o.pool)
	if o.made && !o.ready {
		p.startTakes.add(now.Sub(o.began))
	}
	o.ready, o.restarted = true, false
	if o.made {
		p.backoff.ready()
	}
	f.nudge()
}

// others counts the replicas that are not clones of ours and not about to be stopped.
func (f *Fleet) others(p *fleetPool) (n int) {
	for id := range p.members {
		if o := f.originals[id]; o == nil || o.phase == originalIdle || o.phase == originalRestarting {
			n++
		}
	}
	return n
}

// boots says that this Fleet started the original, and that it has not served since.
func (o *fleetOriginal) boots() bool { return o.made && !o.ready }

// comesBackIn is how long an original that somebody stopped is let be: it is about to be started again, or removed when
// another is made in its place, which tools refuse to do once it runs.
const comesBackIn = 5 * time.Second

// comesBack says that an original may be about to be started, or another in its place, by who stopped it.
func (o *fleetOriginal) comesBack() bool {
	return o.phase == originalIdle && o.state == engine.StateExited && !o.replaced && time.Since(o.left) < comesBackIn
}

// starting counts the originals that are being started, by whoever, and those that are being restarted and do not run.
func (f *Fleet) starting(p *fleetPool) (n int) {
	for _, o := range f.originals {
		if o.pool == p.name && (p.zero() && o.comesBack() || o.phase == originalStarting || o.phase == originalRestarting && !p.members[o.id]) {
			n++
		}
	}
	return n
}

// startable are the pool's originals that a Bring may start: the template first, then by name.
func (f *Fleet) startable(p *fleetPool) (found []*fleetOriginal) {
	if !p.zero() {
		return nil
	}
	for _, o := range f.originals {
		if o.pool == p.name && o.phase == originalIdle && !o.replaced && !o.comesBack() && (o.state == engine.StateExited || o.state == engine.StateCreated) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *fleetOriginal) int {
		if a.template != b.template {
			if a.template {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	return found
}

// mayStart says whether failures leave room for starting an original at now.
func (f *Fleet) mayStart(p *fleetPool, now time.Time) bool {
	unready := f.starting(p)
	for _, c := range f.clones {
		if c.pool == p.name && c.live() && !c.ready {
			unready++
		}
	}
	return p.backoff.room(now, unready) > 0
}

// starts begins to start an original, which takes the place of a clone in the goal.
func (f *Fleet) starts(p *fleetPool, o *fleetOriginal, now time.Time) func(context.Context) {
	p.goal.clones--
	p.backoff.creating(now)
	o.phase, o.made, o.ready, o.began, o.before = originalStarting, true, false, now, o.startedAt
	return o.lane.in(func(ctx context.Context) {
		f.reveal(o)
		err := f.o.Engine.Start(context.WithoutCancel(ctx), o.id)
		gone := err != nil && f.isGone(ctx, o, err)
		f.mu.Lock()
		defer f.mu.Unlock()
		defer f.nudge()
		if gone {
			o.state = engine.StateRemoving // The snapshot that tells so is on its way.
			f.lost(o)
			return
		}
		if err != nil {
			f.originalFailed(o, time.Now(), inWords(fmt.Errorf("start container %s: %w", o.name, err)))
			return
		}
		f.o.Acted(o.pool, ActedStart)
		f.o.Logger.Info().Str("pool", o.pool).Str("container", o.name).Dur("took", time.Since(o.began)).Msg("started a container")
	})
}

// isGone says that an original refused an act because it is removed, or being removed.
func (f *Fleet) isGone(ctx context.Context, o *fleetOriginal, err error) bool {
	if !errors.Is(err, engine.ErrConflict) && !errors.Is(err, engine.ErrNotFound) {
		return false
	}
	c, err := f.o.Engine.Inspect(ctx, o.id)
	return errors.Is(err, engine.ErrNotFound) || err == nil && (c.State == engine.StateRemoving || c.State == engine.StateDead)
}

// reveal puts an original back into rotation if it was taken out. It must be called in its lane.
func (f *Fleet) reveal(o *fleetOriginal) {
	f.mu.Lock()
	hidden := o.hidden
	o.hidden = false
	f.mu.Unlock()
	if hidden {
		f.o.Traffic.Undrain(o.id)
	}
}

// condemned are the originals that a goal means to be stopped: those that serve when it is set.
func (f *Fleet) condemned(p *fleetPool) map[string]bool {
	if p.goal.n > 0 || !p.zero() {
		return nil
	}
	ids := map[string]bool{}
	for id, o := range f.originals {
		if o.pool == p.name && (p.members[id] || o.phase == originalStarting || o.phase == originalRestarting) {
			ids[id] = true
		}
	}
	return ids
}

// stops begins to stop the originals that the goal condemns.
func (f *Fleet) stops(p *fleetPool) (work []func(context.Context)) {
	for id := range p.goal.condemned {
		o := f.originals[id]
		if o != nil && (o.phase == originalStarting || o.phase == originalRestarting) {
			continue // It can't be stopped before it is started.
		}
		delete(p.goal.condemned, id)
		if o == nil || o.phase != originalIdle || !p.members[id] {
			continue
		}
		o.phase, o.draining, o.made, o.recall = originalStopping, true, false, make(recall)
		d := draining{id: id, timeout: p.drain, recall: o.recall}
		work = append(work, o.lane.in(func(ctx context.Context) { f.stopOriginal(ctx, o, d) }))
	}
	return work
}

// sparing takes back an original that is draining.
func (f *Fleet) sparing(p *fleetPool, o *fleetOriginal) func(context.Context) {
	if p.goal != nil {
		p.goal.clones = max(0, p.goal.clones-1) // It takes the place of one.
	}
	o.phase, o.draining = originalIdle, false
	close(o.recall)
	return o.lane.in(func(context.Context) {
		f.reveal(o)
		f.o.Acted(o.pool, ActedUndrain)
	})
}

// reviewOriginals finds what became of those that were started, and what must not be stopped any more.
func (f *Fleet) reviewOriginals(now time.Time) (work []func(context.Context)) {
	for _, o := range f.originals {
		p := f.pool(o.pool)
		switch {
		case (o.phase == originalStarting || o.boots()) && now.Sub(o.began) >= ReadyWithin:
			f.originalFailed(o, now, fmt.Sprintf("container %s did not serve within %s of its start", o.name, ReadyWithin))
		case o.made && o.ready && now.Sub(o.began) >= provenAfter:
			o.made = false
			p.backoff.settled()
		case o.phase == originalStopping && o.draining && !f.stillZero(p):
			work = append(work, f.sparing(p, o))
		case o.phase == originalIdle && o.hidden && o.state != engine.StateRunning:
			// Whoever starts it means it to serve.
			work = append(work, o.lane.in(func(context.Context) { f.reveal(o) }))
		}
	}
	return work
}

// stillZero says whether the pool is to have no replica.
func (f *Fleet) stillZero(p *fleetPool) bool {
	return p.zero() && p.goal != nil && p.goal.n == 0 && !f.closed
}

// stopOriginal drains and stops an original, however often that takes, unless it is taken back.
func (f *Fleet) stopOriginal(ctx context.Context, o *fleetOriginal, d draining) {
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		f.mu.Lock()
		o.hidden = true
		f.mu.Unlock()
		if _, err := f.drain(ctx, d); err != nil || !f.commit(o, d.recall) {
			return
		}
		err := f.stopChecked(ctx, o)
		f.mu.Lock()
		switch {
		case err == nil || errors.Is(err, engine.ErrNotFound):
			o.phase, o.draining, o.state = originalIdle, false, engine.StateExited
			if err != nil {
				o.state = engine.StateRemoving
			}
			delete(f.pool(o.pool).members, o.id) // The snapshot that tells so is on its way.
			f.o.Acted(o.pool, ActedStop)
			f.o.Logger.Info().Str("pool", o.pool).Str("container", o.name).Msg("stopped a container that nobody asks for")
		case errors.Is(err, errNotOurs):
			o.phase, o.draining = originalIdle, false
		default:
			o.draining = true
		}
		again := o.draining
		f.mu.Unlock()
		f.nudge()
		if errors.Is(err, errNotOurs) {
			f.reveal(o)
		}
		if !again {
			return
		}
		f.o.Logger.Warn().Str("pool", o.pool).Str("container", o.name).Err(err).Dur("retry_in", wait).Msg("could not stop a container")
		if !rest(ctx, d.recall, wait) {
			return
		}
	}
}

// commit says whether an original that has drained is to be stopped; then that can't be taken back.
func (f *Fleet) commit(o *fleetOriginal, r recall) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.given() || !f.stillZero(f.pool(o.pool)) {
		f.nudge()
		return false
	}
	o.draining = false
	return true
}

// stopChecked stops an original if it still is one of the pool, looking right before.
func (f *Fleet) stopChecked(ctx context.Context, o *fleetOriginal) error {
	c, err := f.inspectOriginal(ctx, o)
	if err != nil || c.State != engine.StateRunning {
		return err
	}
	// It may take longer than Ballast is still to live, and must not be half done.
	return f.stop(context.WithoutCancel(ctx), c)
}

// inspectOriginal looks at an original; if it is none of its pool any more, the error is errNotOurs.
func (f *Fleet) inspectOriginal(ctx context.Context, o *fleetOriginal) (engine.Container, error) {
	c, err := f.o.Engine.Inspect(ctx, o.id)
	switch {
	case err != nil:
		return c, fmt.Errorf("inspect container %s: %w", o.name, err)
	case !f.o.Prefix.Enabled(c.Labels) || poolOf(c.Summary, f.o.Prefix) != o.pool || isClone(c.Summary, f.o.Prefix):
		return c, errNotOurs
	}
	return c, nil
}
