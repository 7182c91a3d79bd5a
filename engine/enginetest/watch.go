package enginetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/engine"
)

// recorder reads a Watch in a goroutine of its own.
type recorder struct {
	events chan engine.Event
	// ended is given the stream's last error.
	ended chan error
	stop  context.CancelFunc
}

// watch starts a recorder and returns when its subscription stands.
func (s *suite) watch(t *testing.T, since time.Time) *recorder {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &recorder{events: make(chan engine.Event, 1024), ended: make(chan error, 1), stop: stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event, err := range s.Engine.Watch(ctx, since) {
			if err != nil {
				r.ended <- err
				return
			}
			r.events <- event
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	if first := r.next(t); first.Action != engine.ActionSubscribed {
		t.Fatalf("the first event is %+v, want %s", first, engine.ActionSubscribed)
	}
	return r
}

func (r *recorder) next(t *testing.T) engine.Event {
	t.Helper()
	select {
	case event := <-r.events:
		return event
	case err := <-r.ended:
		t.Fatalf("the stream ended: %v", err)
	case <-time.After(patience):
		t.Fatalf("no event within %v", patience)
	}
	return engine.Event{}
}

// until returns the events of a container up to the first of an action. Those of networks are left out:
// not every engine has networks.
func (r *recorder) until(t *testing.T, id string, last engine.Action) []engine.Event {
	t.Helper()
	var events []engine.Event
	for {
		event := r.next(t)
		if event.ID != id || event.Action == engine.ActionNetwork {
			continue
		}
		events = append(events, event)
		if event.Action == last {
			return events
		}
	}
}

func actions(events []engine.Event) []engine.Action {
	all := make([]engine.Action, len(events))
	for i, event := range events {
		all[i] = event.Action
	}
	return all
}

func testWatchLife(t *testing.T, s *suite) {
	ctx := t.Context()
	template := s.run(t)
	r := s.watch(t, time.Time{})
	name := s.name()
	id := s.create(t, engine.Spec{Name: name, Template: template})
	must(t, "Start", s.Engine.Start(ctx, id))
	s.get(t, id, "/env/NONE")
	must(t, "Pause", s.Engine.Pause(ctx, id))
	must(t, "Unpause", s.Engine.Unpause(ctx, id))
	must(t, "Stop", s.Engine.Stop(ctx, id, patience))
	must(t, "Remove", s.Engine.Remove(ctx, id, false))

	events := r.until(t, id, engine.ActionDestroy)
	want := []engine.Action{
		engine.ActionCreate, engine.ActionStart, engine.ActionPause, engine.ActionUnpause,
		engine.ActionKill, engine.ActionDie, engine.ActionStop, engine.ActionDestroy,
	}
	if got := actions(events); !slices.Equal(got, want) {
		t.Fatalf("the container's events are %v, want %v", got, want)
	}
	if kill := events[4]; kill.Signal != 15 {
		t.Errorf("Stop sent signal %d, want 15", kill.Signal)
	}
	for i, event := range events {
		if event.Name != name {
			t.Errorf("event %s has name %q, want %q", event.Action, event.Name, name)
		}
		if i > 0 && event.Time.Before(events[i-1].Time) {
			t.Errorf("event %s has time %v, which is before %v of the one before", event.Action, event.Time, events[i-1].Time)
		}
	}
}

func testWatchKill(t *testing.T, s *suite) {
	deaf := s.fixture(t, Fixture{Name: s.name(), IgnoreStop: true})
	r := s.watch(t, time.Time{})
	must(t, "Stop", s.Engine.Stop(t.Context(), deaf, time.Second))
	events := r.until(t, deaf, engine.ActionStop)
	want := []engine.Action{engine.ActionKill, engine.ActionKill, engine.ActionDie, engine.ActionStop}
	if got := actions(events); !slices.Equal(got, want) {
		t.Fatalf("events of a stop that kills are %v, want %v", got, want)
	}
	if events[0].Signal != 15 || events[1].Signal != 9 {
		t.Errorf("signals are %d and %d, want 15 and 9", events[0].Signal, events[1].Signal)
	}

	running := s.run(t)
	must(t, "Remove by force", s.Engine.Remove(t.Context(), running, true))
	events = r.until(t, running, engine.ActionDestroy)
	want = []engine.Action{engine.ActionCreate, engine.ActionStart, engine.ActionKill, engine.ActionDie, engine.ActionDestroy}
	if got := actions(events); !slices.Equal(got, want) {
		t.Fatalf("events of a removal by force are %v, want %v", got, want)
	}
	if events[2].Signal != 9 {
		t.Errorf("Remove by force sent signal %d, want 9", events[2].Signal)
	}
}

func testWatchReplay(t *testing.T, s *suite) {
	ctx := t.Context()
	id := s.run(t)
	info, err := s.Engine.Info(ctx)
	must(t, "Info", err)
	must(t, "Pause", s.Engine.Pause(ctx, id))
	must(t, "Unpause", s.Engine.Unpause(ctx, id))

	events := s.watch(t, info.Time).until(t, id, engine.ActionUnpause)
	want := []engine.Action{engine.ActionPause, engine.ActionUnpause}
	if got := actions(events); !slices.Equal(got, want) {
		t.Errorf("replayed events are %v, want %v", got, want)
	}

	// From now on means: nothing of what was. Only the very last event may be told again: Docker keeps
	// an event for replay before it publishes it.
	r := s.watch(t, time.Time{})
	must(t, "Stop", s.Engine.Stop(ctx, id, patience))
	got := actions(r.until(t, id, engine.ActionKill))
	if len(got) > 1 && got[0] == engine.ActionUnpause {
		got = got[1:]
	}
	if len(got) != 1 {
		t.Errorf("events from now on are %v, want %s only", got, engine.ActionKill)
	}
}

func testWatchSeveral(t *testing.T, s *suite) {
	id := s.run(t)
	one, two := s.watch(t, time.Time{}), s.watch(t, time.Time{})
	must(t, "Pause", s.Engine.Pause(t.Context(), id))
	one.until(t, id, engine.ActionPause)
	two.until(t, id, engine.ActionPause)
	one.stop()
	must(t, "Unpause", s.Engine.Unpause(t.Context(), id))
	two.until(t, id, engine.ActionUnpause)
}

func testWatchEnds(t *testing.T, s *suite) {
	id := s.run(t)
	t.Run("with the context", func(t *testing.T) {
		r := s.watch(t, time.Time{})
		r.stop()
		select {
		case err := <-r.ended:
			if !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("Watch ended with %v, want context.Canceled", err)
			}
		case <-time.After(patience):
			t.Error("Watch goes on though its context ended")
		}
	})
	t.Run("when the caller breaks off", func(t *testing.T) {
		before := leakOptions()
		for event := range s.Engine.Watch(t.Context(), time.Time{}) {
			if event.Action == engine.ActionSubscribed {
				break
			}
		}
		info, err := s.Engine.Info(t.Context())
		must(t, "Info", err)
		must(t, "Pause", s.Engine.Pause(t.Context(), id))
		must(t, "Unpause", s.Engine.Unpause(t.Context(), id))
		for event := range s.Engine.Watch(t.Context(), info.Time) {
			if event.Action != engine.ActionSubscribed {
				break
			}
		}
		goleak.VerifyNone(t, before...)
	})
}

// leakOptions allow for the goroutines that run now, and for connections that are kept for reuse.
func leakOptions() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	}
}
