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

// retire drains, stops and removes a clone, however often that takes.
func (f *Fleet) retire(ctx context.Context, c *fleetClone, id string, drain time.Duration) {
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		err := f.giveUp(ctx, id, drain)
		if err == nil || errors.Is(err, errNotOurs) {
			f.retired(c, err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Err(err).Dur("retry_in", wait).Msg("could not remove a clone")
		if !sleep(ctx, wait) {
			return
		}
	}
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
func (f *Fleet) giveUp(ctx context.Context, id string, drain time.Duration) error {
	c, err := f.confirm(ctx, id)
	if err == nil && (c.State == engine.StateRunning || c.State == engine.StatePaused) {
		if err = f.drain(ctx, id, drain); err == nil {
			// Draining takes a while: look again, right before it is stopped.
			c, err = f.confirm(ctx, id)
		}
		if err == nil {
			err = f.stop(ctx, c)
		}
	}
	if err == nil {
		err = f.o.Engine.Remove(ctx, id, false)
	}
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("give up container %s: %w", id, err)
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

// drain waits until the container has no requests in flight, or for the timeout; only the end of
// ctx is an error.
func (f *Fleet) drain(ctx context.Context, id string, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := f.o.Traffic.Drain(limited, id)
	if ctx.Err() != nil {
		return fmt.Errorf("drain: %w", ctx.Err())
	}
	if err != nil {
		f.o.Logger.Warn().Str("container", id).Err(err).Dur("timeout", timeout).Msg("a clone did not drain")
	}
	return nil
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
	err := f.giveUp(ctx, c.ID, drain)
	// Docker refuses what is being removed already, as Run may do.
	for errors.Is(err, engine.ErrConflict) && sleep(ctx, conflictRetry) {
		err = f.giveUp(ctx, c.ID, drain)
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
