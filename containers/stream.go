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
}

// replay is how far before the subscription events are asked for again: engines may accept a
// subscription before it stands.
const replay = time.Second

var errStreamEnded = errors.New("the stream of events ended")

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
	for event, err := range r.options.Engine.Watch(ctx, since) {
		if err != nil {
			return fmt.Errorf("watch events: %w", err)
		}
		if !send(ctx, notices, notice{event: event}) {
			return ctx.Err()
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
