package containers_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_KeepAll_gives_up_nothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels []string
		// change makes the fleet want to give something up. Calls are what it does of that when it may.
		change func(t *testing.T, h *host, f *containers.Fleet)
		calls  map[string]bool
	}{
		{"surplus", nil, func(t *testing.T, _ *host, f *containers.Fleet) {
			f.Bring(t.Context(), "web", 2, nil)
		}, map[string]bool{"stop ballast-web-2": true}},
		{"originals at zero", []string{"ballast.scale.min=0"}, func(t *testing.T, _ *host, f *containers.Fleet) {
			f.Bring(t.Context(), "web", 0, nil)
		}, map[string]bool{"stop web-a": true, "stop ballast-web-1": true, "stop ballast-web-2": true}},
		{"warm ones", []string{"ballast.scale.warm=1"}, func(_ *testing.T, h *host, _ *containers.Fleet) {
			h.change("web-a", func(c *engine.Container) {
				c.Labels = map[string]string{"ballast.enable": "true", "ballast.pool": "web", "ballast.scale.max": "9"}
			})
		}, map[string]bool{"remove ballast-web-3": true}},
		{"sick ones", []string{"ballast.heal=true"}, func(_ *testing.T, h *host, _ *containers.Fleet) {
			h.sicken("ballast-web-1")
			after(time.Minute)
		}, map[string]bool{"remove ballast-web-1": true}},
		{"what is not ready in time", nil, func(t *testing.T, h *host, f *containers.Fleet) {
			h.set(func() { h.neverReady = true })
			f.Bring(t.Context(), "web", 4, nil)
			after(2 * containers.ReadyWithin)
		}, map[string]bool{"remove ballast-web-3": true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", append([]string{"ballast.scale.max=9"}, tt.labels...)...)
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 3, nil)
				after(time.Minute)
				h.asked()
				f.KeepAll(true)
				tt.change(t, h, f)
				after(5 * time.Second)
				if calls := h.asked("drain", "stop", "pause", "remove"); len(calls) > 0 {
					t.Errorf("while it is to keep all: %q", calls)
				}
				f.KeepAll(false)
				after(2 * time.Minute)
				for _, call := range h.asked("stop", "remove") {
					delete(tt.calls, call)
				}
				if len(tt.calls) > 0 {
					t.Errorf("after that it did not %v", tt.calls)
				}
			})
		})
	}
}

func TestFleet_KeepAll_takes_back_what_drains(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		web := h.run("web-a", "ballast.scale.min=0", "ballast.scale.max=9")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		h.keepBusy(web)
		h.keepBusy(h.id("ballast-web-1"))
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Second)
		h.asked()
		f.KeepAll(true)
		after(time.Minute)
		calls := did(h)
		slices.Sort(calls)
		if diff := cmp.Diff([]string{"undrain ballast-web-1", "undrain web-a"}, calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		wantNames(t, h, "ballast-web-1", "web-a")
		f.KeepAll(false)
		after(time.Minute)
		if s := f.Status("web"); s.Others != 1 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v, want the clone to be given up again", s)
		}
	})
}

// What drains because another is to take its place serves on, whatever it is replaced for.
func TestFleet_KeepAll_takes_back_what_is_being_replaced(t *testing.T) {
	for _, tt := range []struct {
		name, container string
		// begin has the container replaced or restarted.
		begin func(t *testing.T, h *host, f *containers.Fleet)
		// Then it is done with in the end.
		calls string
	}{
		{"stale", "ballast-web-1", func(_ *testing.T, h *host, _ *containers.Fleet) {
			h.deploy("web-a", "web:2", "ballast.scale.max=3", "ballast.heal=restart", "ballast.drain.timeout=5m")
		}, "remove ballast-web-1"},
		{"sick", "ballast-web-1", func(_ *testing.T, h *host, _ *containers.Fleet) { h.sicken("ballast-web-1") }, "remove ballast-web-1"},
		{"by hand", "ballast-web-1", func(t *testing.T, h *host, f *containers.Fleet) {
			if err := f.Replace(h.id("ballast-web-1")); err != nil {
				t.Fatal(err)
			}
			// What was taken back is not done later: of those that there are now the last made goes.
		}, "remove ballast-web-3"},
		{"an original", "web-a", func(_ *testing.T, h *host, _ *containers.Fleet) { h.sicken("web-a") }, "start web-a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", "ballast.scale.max=3", "ballast.heal=restart", "ballast.drain.timeout=5m")
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 3, nil)
				after(10 * time.Second)
				busy := h.keepBusy(h.id(tt.container))
				h.asked()
				tt.begin(t, h, f)
				until(t, "it drains", func() bool { return slices.Contains(h.asked("drain"), "drain "+tt.container) })
				f.KeepAll(true)
				after(time.Second)
				if got, want := h.asked("undrain"), []string{"undrain " + tt.container}; !slices.Equal(got, want) {
					t.Errorf("when it is to keep all: %q, want %q", got, want)
				}
				close(busy) // As when its last request here has ended.
				after(2 * time.Minute)
				if calls := h.asked("drain", "stop", "pause", "remove"); len(calls) > 0 {
					t.Errorf("while it is to keep all: %q", calls)
				}
				f.KeepAll(false)
				after(5 * time.Minute)
				if calls := h.asked("remove", "start"); !slices.Contains(calls, tt.calls) {
					t.Errorf("after that: %q, want %q among them", calls, tt.calls)
				}
			})
		})
	}
}

// A restart that could not stop its container yet can still be taken back, one that has stopped it starts it again.
func TestFleet_KeepAll_takes_back_a_restart_until_it_stops(t *testing.T) {
	for call, want := range map[string][]string{"stop": {"undrain web-a"}, "start": {"start web-a"}} {
		t.Run(call, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", "ballast.heal=restart")
				f, _ := h.fleet(nil)
				after(5 * time.Second)
				h.failing(call, engine.ErrUnavailable)
				h.sicken("web-a")
				after(35 * time.Second)
				f.KeepAll(true)
				h.asked()
				h.failing("", nil)
				after(2 * time.Minute)
				if got := h.asked("drain", "stop", "undrain", "start"); !slices.Equal(got, want) {
					t.Errorf("did %q, want %q", got, want)
				}
				wantNames(t, h, "web-a")
			})
		})
	}
}

// A warm one that was to be removed stays what it is, and out of rotation.
func TestFleet_KeepAll_takes_back_a_warm_one_as_such(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		f := warmPool(t, h, "1", nil)
		busy := h.keepBusy(h.id("ballast-web-1"))
		h.change("web-a", func(c *engine.Container) {
			c.Labels = map[string]string{"ballast.enable": "true", "ballast.pool": "web", "ballast.scale.max": "9"}
		})
		after(time.Second)
		wantCalls(t, h, "drain ballast-web-1")
		f.KeepAll(true)
		close(busy)
		after(time.Minute)
		wantCalls(t, h)
		if s := f.Status("web"); s.Warm != 1 || s.Retiring != 0 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v, want it to be warm", s)
		}
		f.KeepAll(false)
		after(time.Minute)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_KeepAll_brings_what_is_missing(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		f := warmPool(t, h, "1", nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(20 * time.Second) // The warm one serves, and another one is warm.
		h.asked()
		f.KeepAll(true)
		h.change("ballast-web-1", func(c *engine.Container) { c.State = engine.StateExited })
		after(5 * time.Second)
		f.Bring(t.Context(), "web", 4, nil)
		after(20 * time.Second)
		if s := f.Status("web"); len(s.Clones) != 3 || !s.Keeps {
			t.Errorf("Status() = %+v, want three clones that serve, one for the one that ended", s)
		}
		if calls := h.asked("stop", "pause"); len(calls) > 0 {
			t.Errorf("it did %q", calls)
		}
	})
}

// What boots for the warm pool when another Ballast takes over is a replica there, where nobody knows what it was meant for: it
// may have requests in flight at any moment, and is not paused by the one that made it.
func TestFleet_KeepAll_leaves_what_boots_to_the_next_one_as_a_replica(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm=1")
		f, stop := h.fleet(nil)
		after(500 * time.Millisecond) // Started, and not proven.
		f.KeepAll(true)
		after(20 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a")
		stop()
		h.asked()
		next, _ := h.fleet(nil)
		if s := next.Status("web"); s.Others != 1 || len(s.Clones) != 1 || s.Warm != 0 {
			t.Errorf("Status() = %+v, want it to be a replica", s)
		}
		after(20 * time.Second) // It has a warm one made as if the other had always served.
		wantNames(t, h, "ballast-web-1", "ballast-web-2 paused", "web-a")
		next.Bring(t.Context(), "web", 1, nil)
		after(20 * time.Second)
		wantNames(t, h, "ballast-web-2 paused", "web-a")
	})
}

// If the next one fails, it becomes warm after all.
func TestFleet_KeepAll_pauses_what_booted_when_it_is_over(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm=1")
		f, _ := h.fleet(nil)
		after(500 * time.Millisecond)
		f.KeepAll(true)
		after(20 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a")
		f.KeepAll(false)
		after(time.Second)
		wantNames(t, h, "ballast-web-1 paused", "web-a")
	})
}
