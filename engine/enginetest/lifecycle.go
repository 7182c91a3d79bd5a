package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func testStart(t *testing.T, s *suite) {
	id := s.run(t)
	first := s.inspect(t, id).StartedAt
	must(t, "Start of a running container", s.Engine.Start(t.Context(), id))
	if again := s.inspect(t, id).StartedAt; !again.Equal(first) {
		t.Errorf("starting a running container changed StartedAt from %v to %v", first, again)
	}
	must(t, "Stop", s.Engine.Stop(t.Context(), id, 5*time.Second))
	must(t, "Start of a stopped container", s.Engine.Start(t.Context(), id))
	c := s.inspect(t, id)
	if c.State != engine.StateRunning || !c.StartedAt.After(first) {
		t.Errorf("after a restart: %s, started at %v, want running, after %v", c.State, c.StartedAt, first)
	}
	s.get(t, id, "/env/NONE")
}

func testStop(t *testing.T, s *suite) {
	id := s.run(t)
	began := time.Now()
	must(t, "Stop", s.Engine.Stop(t.Context(), id, patience))
	if took := time.Since(began); took > patience/2 {
		t.Errorf("Stop() took %v for a container that ends by itself", took)
	}
	c := s.inspect(t, id)
	if c.State != engine.StateExited || c.ExitCode != 0 {
		t.Errorf("after Stop: %s with code %d, want exited with 0", c.State, c.ExitCode)
	}
	if c.FinishedAt.Before(c.StartedAt) {
		t.Errorf("after Stop: finished at %v, started at %v", c.FinishedAt, c.StartedAt)
	}
	for _, n := range c.Networks {
		if n.Address != "" {
			t.Errorf("after Stop: network %s still has address %s", n.Name, n.Address)
		}
	}
	must(t, "Stop of a stopped container", s.Engine.Stop(t.Context(), id, time.Second))
	must(t, "Stop of a created container",
		s.Engine.Stop(t.Context(), s.create(t, engine.Spec{Name: s.name(), Template: id}), time.Second))
}

func testStopKills(t *testing.T, s *suite) {
	id := s.fixture(t, Fixture{Name: s.name(), IgnoreStop: true})
	const timeout = time.Second
	began := time.Now()
	must(t, "Stop", s.Engine.Stop(t.Context(), id, timeout))
	if took := time.Since(began); took < timeout || took > timeout+patience/2 {
		t.Errorf("Stop() took %v, want a little more than %v", took, timeout)
	}
	if c := s.inspect(t, id); c.State != engine.StateExited || c.ExitCode != 137 {
		t.Errorf("after Stop: %s with code %d, want exited with 137", c.State, c.ExitCode)
	}
}

func testStopPaused(t *testing.T, s *suite) {
	id := s.run(t)
	must(t, "Pause", s.Engine.Pause(t.Context(), id))
	must(t, "Stop", s.Engine.Stop(t.Context(), id, 5*time.Second))
	if c := s.inspect(t, id); c.State != engine.StateExited {
		t.Errorf("after Stop of a paused container: %s, want exited", c.State)
	}
}

func testPause(t *testing.T, s *suite) {
	id := s.run(t)
	ctx := t.Context()
	if err := s.Engine.Unpause(ctx, id); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("Unpause() of a running container: %v, want ErrConflict", err)
	}
	must(t, "Pause", s.Engine.Pause(ctx, id))
	if err := s.Engine.Pause(ctx, id); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("Pause() of a paused container: %v, want ErrConflict", err)
	}
	c := s.inspect(t, id)
	if c.State != engine.StatePaused || c.Networks[0].Address == "" {
		t.Errorf("after Pause: %s at %q, want paused, with an address", c.State, c.Networks[0].Address)
	}

	frozen, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := fetch(frozen, c, "/env/NONE"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request to a paused container: %v, want that it hangs", err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := fetch(ctx, c, "/env/NONE")
		answer <- err
	}()
	must(t, "Unpause", s.Engine.Unpause(ctx, id))
	if err := <-answer; err != nil {
		t.Errorf("a request to a container that is unpaused meanwhile: %v, want an answer", err)
	}
	if c := s.inspect(t, id); c.State != engine.StateRunning {
		t.Errorf("after Unpause: %s, want running", c.State)
	}

	must(t, "Stop", s.Engine.Stop(ctx, id, 5*time.Second))
	if err := s.Engine.Pause(ctx, id); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("Pause() of a stopped container: %v, want ErrConflict", err)
	}
}

func testRemove(t *testing.T, s *suite) {
	ctx := t.Context()
	id := s.run(t)
	if err := s.Engine.Remove(ctx, id, false); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("Remove() of a running container: %v, want ErrConflict", err)
	}
	must(t, "Stop", s.Engine.Stop(ctx, id, 5*time.Second))
	created := s.create(t, engine.Spec{Name: s.name(), Template: id})
	must(t, "Remove of a stopped container", s.Engine.Remove(ctx, id, false))
	must(t, "Remove of a created container", s.Engine.Remove(ctx, created, false))

	name := s.name()
	running := s.fixture(t, Fixture{Name: name})
	must(t, "Remove by force", s.Engine.Remove(ctx, running, true))
	for _, gone := range []string{id, created, running, name} {
		if _, err := s.Engine.Inspect(ctx, gone); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("Inspect() of a removed container: %v, want ErrNotFound", err)
		}
	}
	// The name is free again.
	s.fixture(t, Fixture{Name: name})
}
