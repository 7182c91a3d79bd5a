package containers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// nameTakenError says that the name of a slot belongs to another container.
type nameTakenError struct {
	name string
	// clone is its ID if it is a clone of another instance.
	clone string
}

func (e *nameTakenError) Error() string {
	return fmt.Sprintf("the name %s is taken by another container", e.name)
}

// create makes and starts a clone, and notes what became of it.
func (f *Fleet) create(ctx context.Context, c *fleetClone, spec engine.Spec, image string) {
	err := f.makeAndStart(ctx, c, spec)
	why := ""
	if err != nil {
		why = f.whyNot(ctx, err, spec, image)
		if c.id != "" && !errors.Is(err, errLeftBehind) {
			f.o.Traffic.Undrain(c.id) // Nobody will ever see it.
		}
	}
	now := time.Now()

	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.nudge()
	f.tried = true
	p := f.pool(c.pool)
	if err == nil {
		c.phase, c.since = cloneUp, now
		f.o.Acted(c.pool, ActedCreate)
		f.o.Logger.Info().Str("pool", c.pool).Str("clone", c.name).Str("container", c.id).
			Dur("took", now.Sub(c.began)).Msg("created a clone")
		return
	}
	var taken *nameTakenError
	switch c.phase = cloneGone; {
	case errors.Is(err, errLeftBehind):
		c.phase, c.spoiled = cloneUp, true
		f.failed(p, c, now, why)
	case errors.As(err, &taken):
		p.taken[c.slot] = now.Add(takenFor)
		if taken.clone != "" {
			p.unseen[taken.clone] = now.Add(takenFor)
		}
	case ctx.Err() == nil:
		f.failed(p, c, now, why)
	}
	if c.id == "" {
		f.rivalry.explain(c.name, now)
		// The engine may have made it all the same. No other snapshot need come to show that.
		f.applyEntries(f.last, now)
		f.applyPools(f.last)
		f.applyOriginals(f.last, now)
	}
}

// errLeftBehind says that a clone was made, could not be started, and is there still.
var errLeftBehind = errors.New("left behind")

// makeAndStart makes and starts a clone; if it can't be started, it leaves nothing behind or says so by
// errLeftBehind.
func (f *Fleet) makeAndStart(ctx context.Context, c *fleetClone, spec engine.Spec) error {
	// A creation that is cut off may have happened all the same, and nobody would know its ID. The
	// engine gives every call a deadline.
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	id, started, err := f.claim(whole, c, spec)
	if err != nil || started {
		return err
	}
	if err = ctx.Err(); err == nil {
		f.hide(ctx, c)
		err = f.o.Engine.Start(whole, id)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("start clone %s: %w", spec.Name, err)
	if e := f.o.Engine.Remove(whole, id, true); e != nil && !errors.Is(e, engine.ErrNotFound) {
		err = errors.Join(err, fmt.Errorf("%w: remove clone %s: %w", errLeftBehind, spec.Name, e))
	}
	return err
}

// claim creates the container of a slot. If the name is taken by a dead clone of ours, that one is
// removed first; if by one that runs, it is the clone, and started already.
func (f *Fleet) claim(ctx context.Context, c *fleetClone, spec engine.Spec) (id string, started bool, err error) {
	for range 3 {
		if id, err = f.o.Engine.Create(ctx, spec); err == nil {
			return id, false, f.identify(c, id)
		}
		if !errors.Is(err, engine.ErrConflict) {
			break
		}
		holder, err := f.o.Engine.Inspect(ctx, spec.Name)
		switch {
		case errors.Is(err, engine.ErrNotFound):
			continue // It went in between.
		case err != nil:
			return "", false, fmt.Errorf("inspect %s: %w", spec.Name, err)
		case !ownedBy(holder.Summary, f.o.Prefix, f.o.Instance):
			taken := &nameTakenError{name: spec.Name}
			if isClone(holder.Summary, f.o.Prefix) {
				taken.clone = holder.ID
			}
			return "", false, taken
		case holder.State == engine.StateRunning || holder.State == engine.StatePaused:
			if err := f.identify(c, holder.ID); err != nil || holder.State == engine.StateRunning {
				return holder.ID, true, err
			}
			return holder.ID, true, f.o.Engine.Unpause(ctx, holder.ID)
		}
		if err = f.o.Engine.Remove(ctx, holder.ID, false); err != nil && !errors.Is(err, engine.ErrNotFound) {
			return "", false, fmt.Errorf("remove dead clone %s: %w", spec.Name, err)
		}
	}
	return "", false, fmt.Errorf("create clone %s: %w", spec.Name, err)
}

// identify notes the ID of a clone before it starts, so that nothing that is said of it is missed.
func (f *Fleet) identify(c *fleetClone, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.byID(id); known != nil && known != c {
		return &nameTakenError{name: c.name}
	}
	c.id = id
	if _, early := f.early[id]; early {
		c.ready = true
	}
	return nil
}

// hide takes a clone out of rotation before it starts, if it is to be a warm one and not wanted meanwhile.
func (f *Fleet) hide(ctx context.Context, c *fleetClone) {
	if f.isSpare(c) {
		ended, cancel := context.WithCancel(ctx)
		cancel() // It has nothing in flight that would have to be waited for.
		_ = f.o.Traffic.Drain(ended, c.id)
	}
}

func (f *Fleet) isSpare(c *fleetClone) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return c.spare
}

// whyNot turns a failed creation into a sentence with a remedy.
func (f *Fleet) whyNot(ctx context.Context, err error, spec engine.Spec, image string) string {
	if !errors.Is(err, engine.ErrNotFound) {
		return inWords(err)
	}
	if _, e := f.o.Engine.Inspect(ctx, spec.Template); errors.Is(e, engine.ErrNotFound) {
		return "the container to clone is gone: start it again"
	}
	return fmt.Sprintf("image %s or a network of the container to clone is not there: build it, or set %s (%v)",
		image, f.o.Prefix.Key("scale.image"), err)
}

// inWords is what the engine refused as a sentence, with a remedy where one is known.
func inWords(err error) string {
	if errors.Is(err, engine.ErrNoSpace) {
		return fmt.Sprintf("the engine's disk is full: free space there (docker system df tells what takes it), then it goes on by itself (%v)", err)
	}
	return err.Error()
}
