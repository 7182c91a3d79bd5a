package embedded

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

const (
	// replayed events are kept, as many as Docker keeps.
	replayed = 256
	// watcherBuffer is how far a watcher may fall behind before it loses events.
	watcherBuffer = 256
)

// journal keeps the last events and hands new ones out. It is guarded by its engine's lock.
type journal struct {
	last     time.Time
	recent   []engine.Event
	watchers map[chan engine.Event]struct{}
}

// now returns the engine's time, never the same twice, so that since is exact.
func (j *journal) now() time.Time {
	now := time.Now()
	if !now.After(j.last) {
		now = j.last.Add(time.Nanosecond)
	}
	j.last = now
	return now
}

func (j *journal) since(t time.Time) []engine.Event {
	var events []engine.Event
	for _, event := range j.recent {
		if !t.IsZero() && !event.Time.Before(t) {
			events = append(events, event)
		}
	}
	return events
}

// emit tells the watchers. The engine is locked.
func (e *Engine) emit(c *container, event engine.Event) {
	event.ID, event.Name = c.id, c.name
	event.Time = e.events.now()
	if len(e.events.recent) == replayed {
		copy(e.events.recent, e.events.recent[1:])
		e.events.recent = e.events.recent[:replayed-1]
	}
	e.events.recent = append(e.events.recent, event)
	for watcher := range e.events.watchers {
		select {
		case watcher <- event:
		default:
			// Docker does not wait for its readers either.
		}
	}
}

// Watch yields container events.
func (e *Engine) Watch(ctx context.Context, since time.Time) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		if err := e.watch(ctx, since, yield); err != nil {
			yield(engine.Event{}, fmt.Errorf("watch events: %w", err))
		}
	}
}

// watch returns nil when the caller has had enough.
func (e *Engine) watch(ctx context.Context, since time.Time, yield func(engine.Event, error) bool) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	watcher := make(chan engine.Event, watcherBuffer)
	e.events.watchers[watcher] = struct{}{}
	missed := e.events.since(since)
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.events.watchers, watcher)
	}()

	if !yield(engine.Event{Action: engine.ActionSubscribed}, nil) {
		return nil
	}
	for _, event := range missed {
		if !yield(event, nil) {
			return nil
		}
	}
	for {
		select {
		case event := <-watcher:
			if !yield(event, nil) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-e.closed:
			return engine.ErrUnavailable
		}
	}
}
