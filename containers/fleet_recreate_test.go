package containers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// service are the labels of a Compose service whose pool may go to zero.
var service = []string{
	"ballast.scale.max=8", "ballast.scale.min=0",
	"com.docker.compose.service=web", "com.docker.compose.container-number=1", "com.docker.compose.oneoff=False",
}

// asleep is a Fleet whose pool went to zero.
func asleep(t *testing.T, h *host) (f *containers.Fleet, failures func() int) {
	t.Helper()
	f, _ = h.fleet(nil)
	after(2 * time.Second)
	f.Bring(t.Context(), "web", 0, nil)
	after(5 * time.Second)
	h.asked()
	return f, func() int { return strings.Count(h.logs.String(), "failed") }
}

// replacing is what Compose does first of all: the old container gets another name and the new one its own. The new one is
// not started yet. It returns the ID of the old one.
func (h *host) replacing(name string) (old string) {
	old = h.id(name)
	h.change(name, func(c *engine.Container) { c.Name = "0f3a_" + name })
	h.run(name, service...)
	h.change(name, func(c *engine.Container) { c.State, c.StartedAt = engine.StateCreated, time.Time{} })
	return old
}

func (h *host) compose(call, name string) {
	h.change(name, func(c *engine.Container) {
		switch call {
		case "start":
			c.State, c.StartedAt = engine.StateRunning, time.Now()
			h.prove(c.ID, c.StartedAt)
		case "stop":
			c.State, c.ExitCode = engine.StateExited, 143
		}
	})
}

func TestFleet_wakes_what_replaces_an_original(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", service...)
		f, failures := asleep(t, h)
		old := h.replacing("web-a")
		after(200 * time.Millisecond)
		f.Bring(t.Context(), "web", 3, nil)
		after(10 * time.Second)
		// Compose can't remove what runs.
		wantNames(t, h, "0f3a_web-a exited", "ballast-web-1", "ballast-web-2", "web-a")
		if starts := h.asked("start")[0]; starts != "start web-a" {
			t.Errorf("the first is %q, want web-a, which replaces the other", starts)
		}
		h.vanish(old)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "web-a")
		if n := failures(); n > 0 {
			t.Errorf("%d failures were counted:\n%s", n, h.logs.String())
		}
	})
}

func TestFleet_what_is_replaced_while_it_boots_has_not_failed(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.boot = 10 * time.Second
		h.run("web-a", service...)
		after(10 * time.Second)
		f, failures := asleep(t, h)
		f.Bring(t.Context(), "web", 1, nil)
		after(3 * time.Second)
		h.compose("stop", "web-a")
		old := h.replacing("web-a")
		after(200 * time.Millisecond)
		h.compose("start", "web-a")
		h.vanish(old)
		after(time.Second)
		if s := f.Status("web"); s.Others+s.Creating != 1 || s.Blocked != "" {
			t.Errorf("Status() = %+v, want the one that Compose started", s)
		}
		after(20 * time.Second)
		wantNames(t, h, "web-a")
		if n := failures(); n > 0 {
			t.Errorf("%d failures were counted:\n%s", n, h.logs.String())
		}
	})
}

func TestFleet_wakes_another_when_one_is_removed(t *testing.T) {
	tests := []struct {
		name string
		// before is how long after it was asked for it goes; the answer to a start takes 100 ms.
		before time.Duration
	}{
		{"before it is started", 50 * time.Millisecond},
		{"while it boots", 300 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.zero("web-a")
				h.zero("web-b")
				f, failures := asleep(t, h)
				id := h.id("web-a")
				f.Bring(t.Context(), "web", 1, nil)
				after(tt.before)
				h.vanish(id)
				after(500 * time.Millisecond)
				wantNames(t, h, "web-b")
				after(10 * time.Second)
				wantNames(t, h, "web-b")
				if n := failures(); n > 0 {
					t.Errorf("%d failures were counted:\n%s", n, h.logs.String())
				}
			})
		})
	}
}

// The engine is removing it, and refuses to start it; no snapshot has shown that yet.
func TestFleet_wakes_another_when_one_is_being_removed(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		h.zero("web-b")
		f, failures := asleep(t, h)
		h.set(func() { h.lag = time.Second })
		h.failing("start web-a", engine.ErrConflict)
		h.change("web-a", func(c *engine.Container) { c.State = engine.StateRemoving })
		f.Bring(t.Context(), "web", 1, nil)
		after(500 * time.Millisecond)
		if diff := cmp.Diff([]string{"start web-a", "start web-b"}, h.asked("start")); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
		if n := failures(); n > 0 {
			t.Errorf("%d failures were counted:\n%s", n, h.logs.String())
		}
	})
}

// It went while it was drained, and the pool is asked for before a snapshot shows that.
func TestFleet_does_not_wake_what_was_removed_while_it_was_to_be_stopped(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		h.zero("web-b")
		f, _ := h.fleet(nil)
		after(2 * time.Second)
		id := h.id("web-a")
		busy := h.keepBusy(id)
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		h.asked()
		h.set(func() { h.lag = time.Second })
		h.vanish(id)
		close(busy)
		after(100 * time.Millisecond)
		f.Bring(t.Context(), "web", 1, nil)
		after(500 * time.Millisecond)
		if diff := cmp.Diff([]string{"start web-b"}, h.asked("start")); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
		after(10 * time.Second)
		wantNames(t, h, "web-b")
	})
}

// What the engine does not find may as well be a network of it.
func TestFleet_an_original_that_lacks_something_has_failed(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := asleep(t, h)
		h.failing("start", engine.ErrNotFound)
		f.Bring(t.Context(), "web", 1, nil)
		after(20 * time.Second)
		if s := f.Status("web"); !s.Open || s.Blocked != "start container web-a: not found" {
			t.Errorf("Status() = %+v, want it open and told why", s)
		}
	})
}

// Compose stops the old one before it makes the new one, and can't remove it if it runs again by then.
func TestFleet_lets_be_what_somebody_has_just_stopped(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", service...)
		f, _ := h.fleet(nil)
		after(2 * time.Minute)
		h.compose("stop", "web-a")
		after(100 * time.Millisecond)
		f.Bring(t.Context(), "web", 1, nil) // For somebody waits.
		after(2 * time.Second)
		if s := f.Status("web"); s.Creating != 1 {
			t.Errorf("Status() = %+v, want one that is about to come", s)
		}
		old := h.replacing("web-a")
		after(200 * time.Millisecond)
		h.compose("start", "web-a")
		after(200 * time.Millisecond)
		h.vanish(old)
		after(10 * time.Second)
		wantNames(t, h, "web-a")
		if calls := h.asked("create", "start"); len(calls) > 0 {
			t.Errorf("did %q, want nothing", calls)
		}
	})
}

func TestFleet_wakes_what_was_stopped_and_not_replaced(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		after(2 * time.Minute)
		h.compose("stop", "web-a")
		after(6 * time.Second)
		if s := f.Status("web"); s.Creating != 0 {
			t.Errorf("Status() = %+v, want nothing that is about to come", s)
		}
		f.Bring(t.Context(), "web", 1, nil)
		after(5 * time.Second)
		wantNames(t, h, "web-a")
	})
}
