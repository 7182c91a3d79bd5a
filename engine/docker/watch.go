package docker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/docker/docker/api/types/events"

	"github.com/ballast-lb/ballast/engine"
)

// minimumAPI is the version that Docker's client itself falls back to.
const minimumAPI = "1.24"

// Watch yields container events. It says ActionSubscribed when the response headers have come.
// Docker sends those just before it subscribes, so an event may fall in between: give a since
// from before the call, by the engine's clock, and it is replayed.
func (e *Engine) Watch(ctx context.Context, since time.Time) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		if err := e.watch(ctx, since, yield); err != nil {
			yield(engine.Event{}, wrap(ctx, "watch events", err))
		}
	}
}

// errStalled ends a subscription that was never answered.
var errStalled = fmt.Errorf("%w: no answer in time", engine.ErrUnavailable)

// watch returns nil when the caller has had enough.
func (e *Engine) watch(ctx context.Context, since time.Time, yield func(engine.Event, error) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(e.limits.call, func() { cancel(errStalled) })
	defer late.Stop()

	conn := e.conn.Load()
	// Events reads the version before it negotiates it.
	if err := conn.NewVersionError(ctx, minimumAPI, "watching events"); err != nil {
		return stalled(ctx, err)
	}
	subscribed := false
	observed := context.WithValue(ctx, headersKey{}, func() { subscribed = true })
	messages, errs := conn.Events(observed, events.ListOptions{Since: timestamp(since), Filters: eventFilters()})
	defer func() {
		// Events' goroutine closes errs when it ends.
		cancel(nil)
		for range errs {
		}
	}()
	if subscribed && late.Stop() && !yield(engine.Event{Action: engine.ActionSubscribed}, nil) {
		return nil
	}
	for {
		select {
		case m := <-messages:
			event, ok := toEvent(m)
			if ok && !yield(event, nil) {
				return nil
			}
		case err := <-errs:
			if subscribed && sentinel(err) == nil {
				// Whatever broke a stream that stood, the same call may succeed later.
				err = fmt.Errorf("%w: %w", engine.ErrUnavailable, err)
			}
			return stalled(ctx, err)
		}
	}
}

// stalled returns the true reason for a call that errStalled cut off.
func stalled(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

// timestamp writes a time as the API takes it, to the nanosecond.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}
