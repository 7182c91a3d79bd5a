package containers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// errNotOurs says that a container is no clone of this instance.
var errNotOurs = errors.New("not a clone of ours")

// defaultStop is how long a clone may take to stop if its container does not say.
const defaultStop = 10 * time.Second

// conflictRetry is how long RemoveAll waits for somebody else's removal of a clone to end.
const conflictRetry = 100 * time.Millisecond

// errTakenBack says that a clone is a replica again, errParks that it is to be a warm one.
var (
	errTakenBack = errors.New("taken back")
	errParks     = errors.New("parks")
)

// draining says what is to drain, for how long at most, and what breaks it off.
type draining struct {
	id      string
	timeout time.Duration
	recall  recall
	// seal, if set, makes sure right before the end that it is still meant; an error is handed on.
	seal func(c engine.Container, idle bool) error
}

// retire drains, stops and removes a clone, however often that takes, or parks it, or it is taken back.
func (f *Fleet) retire(ctx context.Context, c *fleetClone, d draining) {
	d.seal = func(now engine.Container, idle bool) error { return f.seal(c, d.recall, now, idle) }
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		err := f.giveUp(ctx, d)
		if errors.Is(err, errParks) {
			if err = f.pause(ctx, c); err == nil {
				return
			}
			f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Err(err).Msg("could not pause a clone: removing it")
			f.mu.Lock()
			c.phase, c.surplus = cloneRetiring, false
			f.mu.Unlock()
			err = f.giveUp(ctx, d)
		}
		switch {
		case errors.Is(err, errTakenBack):
			return
		case err == nil || errors.Is(err, errNotOurs):
			f.retired(c, err)
			return
		case ctx.Err() != nil:
			return
		}
		f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Err(err).Dur("retry_in", wait).Msg("could not remove a clone")
		if !rest(ctx, d.recall, wait) {
			return
		}
	}
}

// rest says whether it lasted to its end.
func rest(ctx context.Context, broken recall, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-broken:
		return false
	case <-ctx.Done():
		return false
	}
}

// seal decides what becomes of a clone that has drained; from then on it can't be taken back. One that still has
// requests in flight is not paused: they would hang, and not end.
func (f *Fleet) seal(c *fleetClone, r recall, now engine.Container, idle bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.given(): // Even if it is to go again: that is for the next in its lane.
		return errTakenBack
	case idle && now.State == engine.StateRunning && f.parks(c, time.Now()):
		c.phase, c.draining = cloneParking, false
		return errParks
	}
	c.draining = false
	return nil
}

// retired notes the end of a clone, or that it was none of ours.
func (f *Fleet) retired(c *fleetClone, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.nudge()
	if err != nil {
		c.phase = cloneDenied
		f.o.Logger.Error().Str("pool", c.pool).Str("container", c.id).Err(err).Msg("refused to remove a container that is no clone of ours")
		return
	}
	c.phase = cloneGone
	f.o.Acted(c.pool, ActedRemove)
	f.o.Logger.Info().Str("pool", c.pool).Str("clone", c.name).Str("container", c.id).Msg("removed a clone")
}

// giveUp drains, stops and removes a container if it is a clone of ours. One that is gone already
// is no error.
func (f *Fleet) giveUp(ctx context.Context, d draining) error {
	c, err := f.confirm(ctx, d.id)
	runs := c.State == engine.StateRunning || c.State == engine.StatePaused
	idle := false
	if err == nil && runs {
		idle, err = f.drain(ctx, d)
	}
	if (err == nil || errors.Is(err, engine.ErrNotFound)) && d.seal != nil {
		if sealed := d.seal(c, idle); sealed != nil {
			err = sealed
		}
	}
	if err == nil && runs {
		// Draining takes a while: look again, right before it is stopped.
		if c, err = f.confirm(ctx, d.id); err == nil {
			err = f.stop(ctx, c)
		}
	}
	if err == nil {
		err = f.o.Engine.Remove(ctx, d.id, false)
	}
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("give up container %s: %w", d.id, err)
	}
	return nil
}

// confirm looks whether a container is a clone of ours.
func (f *Fleet) confirm(ctx context.Context, id string) (engine.Container, error) {
	c, err := f.o.Engine.Inspect(ctx, id)
	if err == nil && !ownedBy(c.Summary, f.o.Prefix, f.o.Instance) {
		err = errNotOurs
	}
	return c, err
}

// drain waits until the container has no requests in flight, or for the timeout, or until it is broken off, and says
// whether it has none; only the end of ctx is an error.
func (f *Fleet) drain(ctx context.Context, d draining) (idle bool, err error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	if d.recall.given() {
		return false, nil
	}
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		select {
		case <-d.recall:
			cancel()
		case <-limited.Done():
		}
	})
	err = f.o.Traffic.Drain(limited, d.id)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("drain: %w", ctx.Err())
	case err != nil && !d.recall.given():
		f.o.Logger.Warn().Str("container", d.id).Err(err).Dur("timeout", d.timeout).Msg("a container did not drain")
	}
	return err == nil, nil
}

// stop stops a container that runs; one that is paused could not act on the signal.
func (f *Fleet) stop(ctx context.Context, c engine.Container) error {
	if c.State == engine.StatePaused {
		// A conflict says that it is not paused any more.
		if err := f.o.Engine.Unpause(ctx, c.ID); err != nil && !errors.Is(err, engine.ErrConflict) {
			return fmt.Errorf("unpause: %w", err)
		}
	}
	timeout := c.StopTimeout
	if timeout <= 0 {
		timeout = defaultStop
	}
	if err := f.o.Engine.Stop(ctx, c.ID, timeout); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// RemoveAll removes all clones of this instance, and lets no more be made. It waits for those that are
// being made, as long as the engine takes. They are drained and stopped as long as ctx lasts; then what
// is left is killed. Run may have ended before.
func (f *Fleet) RemoveAll(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	drains := make(map[string]time.Duration, len(f.pools))
	for name, p := range f.pools {
		drains[name] = p.drain
	}
	f.mu.Unlock()
	f.creations.Wait()

	list, err := f.o.Engine.List(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("list the clones to remove: %w", err)
	}
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	for _, c := range list {
		if !ownedBy(c, f.o.Prefix, f.o.Instance) {
			continue
		}
		drain, ok := drains[poolOf(c, f.o.Prefix)]
		if !ok {
			drain = defaultDrain
		}
		workers.Go(func() {
			if err := f.removeNow(ctx, c, drain); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

// removeNow gives up one clone, without ceremony once ctx has ended.
func (f *Fleet) removeNow(ctx context.Context, c engine.Summary, drain time.Duration) error {
	d := draining{id: c.ID, timeout: drain}
	err := f.giveUp(ctx, d)
	// Docker refuses what is being removed already, as Run may do.
	for errors.Is(err, engine.ErrConflict) && sleep(ctx, conflictRetry) {
		err = f.giveUp(ctx, d)
	}
	if err != nil && ctx.Err() != nil {
		whole := context.WithoutCancel(ctx)
		if _, err = f.confirm(whole, c.ID); err == nil {
			err = f.o.Engine.Remove(whole, c.ID, true)
		}
		if errors.Is(err, engine.ErrNotFound) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("remove clone %s: %w", c.Name, err)
	}
	f.o.Acted(poolOf(c, f.o.Prefix), ActedRemove)
	f.o.Logger.Info().Str("clone", c.Name).Str("container", c.ID).Msg("removed a clone")
	return nil
}
