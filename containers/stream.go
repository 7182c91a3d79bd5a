package containers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// notice is an event, or the error that ended the stream of events.
type notice struct {
	event engine.Event
	err   error
	// end ends the subscription, for a reason. It comes with ActionSubscribed.
	end context.CancelCauseFunc
}

// replay is how far before the subscription events are asked for again: engines may accept a
// subscription before it stands.
const replay = time.Second

// heardWithin is how late the event of a change may be that a list has found already.
const heardWithin = 5 * time.Second

var (
	errStreamEnded = errors.New("the stream of events ended")
	errDeaf        = errors.New("the stream of events is silent, though containers came, went or changed")
)

// vigil tells when the stream of events is dead though it did not end: half open, nothing ever comes of it. It has no
// clock of its own.
type vigil struct {
	// end ends the subscription that stands; nil if there is none.
	end context.CancelCauseFunc
	// before is the number of the last sync that began before the subscription stood.
	before int
	// based says that a list went well since, so that what the next one finds changed should have been told.
	based bool
	// until is when the stream is taken for dead if no event comes of it; zero as long as it owes none.
	until time.Time
}

// look takes in a sync, and whether it found what no event had told.
func (v *vigil) look(got result, untold bool, now time.Time) {
	switch {
	case v.end == nil:
	case got.err != nil: // What was told before it is forgotten.
		v.based = false
	case !v.based:
		v.based = got.task.full && got.task.number > v.before
	case untold && v.until.IsZero():
		v.until = now.Add(heardWithin)
	}
}

// hear takes in that an event came, whatever it tells: the stream lives.
func (v *vigil) hear() { v.until = time.Time{} }

// wait is how long to do nothing, if there is something to wait for.
func (v *vigil) wait(now time.Time) (time.Duration, bool) {
	return max(0, v.until.Sub(now)), !v.until.IsZero()
}

// act ends the subscription if it is dead. Another one follows.
func (v *vigil) act(now time.Time) {
	if !v.until.IsZero() && !now.Before(v.until) {
		v.end(errDeaf)
		*v = vigil{}
	}
}

// follow passes on the engine's events until ctx ends, and subscribes again for ever.
func (r *Reconciler) follow(ctx context.Context, notices chan<- notice) {
	pause := newBackoff()
	for ctx.Err() == nil {
		r.proven.Store(false)
		err := r.subscribe(ctx, notices)
		if r.proven.Load() {
			pause.Reset()
		}
		if !send(ctx, notices, notice{err: err}) || !sleep(ctx, pause.NextBackOff()) {
			return
		}
	}
}

// subscribe passes on events until the stream breaks, and says why it did.
func (r *Reconciler) subscribe(ctx context.Context, notices chan<- notice) error {
	info, err := r.options.Engine.Info(ctx)
	if err != nil {
		return fmt.Errorf("ask the engine for its clock: %w", err)
	}
	// By the engine's clock, which need not be ours.
	since := info.Time
	if !since.IsZero() {
		since = since.Add(-replay)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	for event, err := range r.options.Engine.Watch(ctx, since) {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("watch events: %w", err)
		}
		n := notice{event: event}
		if event.Action == engine.ActionSubscribed {
			n.end = end
		}
		if !send(ctx, notices, n) {
			return context.Cause(ctx)
		}
	}
	return errStreamEnded
}

func send(ctx context.Context, notices chan<- notice, n notice) bool {
	select {
	case notices <- n:
		return true
	case <-ctx.Done():
		return false
	}
}

// sleep says whether it lasted to its end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
