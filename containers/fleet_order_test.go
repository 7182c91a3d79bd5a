package containers_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// zero runs an original of a pool that may have no replica.
func (h *host) zero(name string, more ...string) {
	h.run(name, append([]string{"ballast.scale.max=8", "ballast.scale.min=0", "ballast.drain.timeout=20s"}, more...)...)
}

// Requests that are in flight at a paused container hang: one that did not drain is removed.
func TestFleet_never_pauses_what_has_requests(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=8", "ballast.scale.warm=1", "ballast.drain.timeout=20s")
		f, _ := h.fleet(func(o *containers.FleetOptions) { o.MaxContainers = 1 })
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		h.keepBusy(h.id("ballast-web-1"))
		h.asked()
		f.Bring(t.Context(), "web", 1, nil)
		after(22 * time.Second)
		got := h.asked("pause", "stop", "remove")
		if len(got) < 2 || got[0] != "stop ballast-web-1" || got[1] != "remove ballast-web-1" {
			t.Errorf("calls = %q, want it removed", got)
		}
	})
}

func TestFleet_parks_what_is_ready_rather_than_waits_for_a_spare(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=8", "ballast.scale.warm=1")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(1250 * time.Millisecond) // It serves, and the warm one is being made.
		f.Bring(t.Context(), "web", 1, nil)
		after(10 * time.Millisecond)
		if s := f.Status("web"); s.Warm != 1 {
			t.Errorf("Status() = %+v, want the one that is ready to be warm at once", s)
		}
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1 paused", "web-a")
	})
}

func TestFleet_a_request_while_the_last_one_stops(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		for range 20 {
			f.Bring(t.Context(), "web", 0, nil)
			f.Bring(t.Context(), "web", 1, nil)
			after(10 * time.Millisecond)
			f.Bring(t.Context(), "web", 0, nil)
			after(10 * time.Millisecond)
			f.Bring(t.Context(), "web", 1, nil)
			after(2 * time.Second)
			if s := f.Status("web"); s.Others+len(s.Clones) < 1 || s.Blocked != "" {
				t.Fatalf("Status() = %+v, want one that serves, and nothing in the way", s)
			}
		}
	})
}

// Stopping by our own hand is no failure, however soon after a start it is.
func TestFleet_zero_again_soon(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		var failures atomic.Int64
		f, _ := h.fleet(func(o *containers.FleetOptions) {
			o.Acted = func(_, action string) {
				if action == containers.ActedFail {
					failures.Add(1)
				}
			}
		})
		for range 5 {
			f.Bring(t.Context(), "web", 0, nil)
			after(2 * time.Second)
			wantNames(t, h, "web-a exited")
			f.Bring(t.Context(), "web", 1, nil)
			after(3 * time.Second)
			wantNames(t, h, "web-a")
		}
		if n := failures.Load(); n > 0 {
			t.Errorf("%d failures were counted, want none:\n%s", n, h.logs.String())
		}
	})
}

// A drain that was taken back must not stop what drains anew, with requests in flight.
func TestFleet_zero_taken_back_and_asked_for_again(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		busy := h.keepBusy(h.id("web-a"))
		for range 10 {
			f.Bring(t.Context(), "web", 0, nil)
			after(time.Millisecond)
			f.Bring(t.Context(), "web", 1, nil)
			f.Bring(t.Context(), "web", 0, nil)
			after(time.Second)
			f.Bring(t.Context(), "web", 1, nil)
			after(0)
		}
		wantNames(t, h, "web-a")
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		wantNames(t, h, "web-a")
		close(busy)
		after(time.Second)
		wantNames(t, h, "web-a exited")
	})
}

// What a person does by hand is let be until the next decision.
func TestFleet_zero_by_hand(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Second)
		if err := h.Start(t.Context(), h.id("web-a")); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		wantNames(t, h, "web-a")
		if len(h.hidden) != 0 {
			t.Errorf("hidden = %v, want what was started to serve", h.hidden)
		}
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Second)
		h.change("web-a", func(c *engine.Container) { c.State = engine.StateExited })
		after(time.Minute)
		wantNames(t, h, "web-a exited")
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Second)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_an_original_that_can_not_be_started(t *testing.T) {
	tests := []struct {
		name  string
		cause func(h *host)
		want  string
	}{
		{"it fails", func(h *host) { h.failing("start web-a", engine.ErrConflict) }, "start container web-a"},
		{"it ends at once", func(h *host) { h.set(func() { h.crashAfter, h.neverReady = time.Millisecond, true }) }, "container web-a ended"},
		{"it ends after it was ready", func(h *host) { h.set(func() { h.crashAfter = 2 * time.Second }) }, "container web-a ended"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.zero("web-a")
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 0, nil)
				after(time.Second)
				h.change("web-a", func(c *engine.Container) { c.Grants.Privileged = true }) // No clone stands in.
				after(time.Second)
				tt.cause(h)
				h.asked()
				why := ""
				for range 600 { // The Scaler asks on as long as somebody waits.
					if s := f.Status("web"); s.Others+s.Creating == 0 && s.Blocked == "" {
						f.Bring(t.Context(), "web", 1, nil)
					}
					after(100 * time.Millisecond)
					if s := f.Status("web"); s.Open {
						why = s.Blocked
					}
				}
				if n := len(h.asked("start")); n == 0 || n > 10 {
					t.Errorf("%d starts in a minute, want 1 to 10", n)
				}
				if !strings.HasPrefix(why, tt.want) {
					t.Errorf("Blocked = %q when it was hopeless, want %q", why, tt.want)
				}
				h.failing("", nil)
				h.set(func() { h.crashAfter, h.neverReady = 0, false })
				after(2 * time.Minute)
				f.Bring(t.Context(), "web", 1, nil)
				after(5 * time.Second)
				wantNames(t, h, "web-a")
			})
		})
	}
}

// Whatever is asked for, in whatever order, it comes about; originals of a pool with a minimum are never stopped, and
// nothing that serves stays out of rotation.
func TestFleet_property(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) { property(t, h, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func property(t *testing.T, h *host, r *rand.Rand) {
	least, warm := r.IntN(2), r.IntN(3)
	labels := []string{"ballast.heal=true", "ballast.scale.warm=" + strconv.Itoa(warm), "ballast.scale.min=" + strconv.Itoa(least)}
	h.zero("web-a", labels...)
	h.zero("web-b", labels...)
	f, _ := h.fleet(nil)
	want := 2
	for range 40 {
		switch r.IntN(9) {
		case 0:
			h.keepBusy(h.id("web-a"))
		case 1:
			h.set(func() { h.lag = time.Duration(r.IntN(500)) * time.Millisecond })
		case 2: // Somebody removes a clone.
			if s := f.Status("web"); len(s.Clones) > 0 {
				h.vanish(s.Clones[r.IntN(len(s.Clones))].ID)
			}
		case 3: // Somebody falls ill.
			if s := f.Status("web"); len(s.Clones) > 0 {
				h.set(func() { h.sick[s.Clones[r.IntN(len(s.Clones))].ID] = true })
			}
		default:
			want = least + r.IntN(5)
			f.Bring(t.Context(), "web", want, nil)
		}
		after(time.Duration(r.IntN(1500)) * time.Millisecond)
	}
	f.Bring(t.Context(), "web", want, nil)
	h.set(func() { clear(h.sick) })
	after(3 * time.Minute)
	running, originals := 0, 0
	for _, name := range h.names() {
		if !strings.Contains(name, " ") {
			running++
			if strings.HasPrefix(name, "web-") {
				originals++
			}
		}
	}
	if running != max(want, originals) || want == 0 && running > 0 || least > 0 && originals < 2 {
		t.Errorf("%q, want %d to run\n%s", h.names(), want, h.logs.String())
	}
	s := f.Status("web")
	if s.Warm != warm || s.Retiring+s.Draining+s.Creating != 0 || s.Blocked != "" || s.Others+len(s.Clones) != running {
		t.Errorf("Status() = %+v with %d running and %d warm wanted", s, running, warm)
	}
	for id := range h.hidden {
		if c, err := h.Inspect(t.Context(), id); err == nil && c.State == engine.StateRunning {
			t.Errorf("%s runs and does not serve", c.Name)
		}
	}
}
