package containers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_replaces_a_sick_clone(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.heal=true", "ballast.health.interval=15s", "ballast.drain.timeout=20s")
		acted := map[string]int{}
		f, _ := h.fleet(func(o *containers.FleetOptions) { o.Acted = func(_, action string) { acted[action]++ } })
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		h.asked()
		clear(acted)
		sick := h.id("ballast-web-1")
		h.keepBusy(sick)
		h.sicken("ballast-web-1")
		after(44 * time.Second) // Three checks take 45 s.
		if got := h.asked("drain", "create"); len(got) != 0 {
			t.Errorf("did %q before it had been sick for three checks", got)
		}
		after(6 * time.Second)
		got := h.asked("drain", "create", "stop", "undrain")
		slices.Sort(got) // Both at once.
		if diff := cmp.Diff([]string{"create ballast-web-3", "drain ballast-web-1"}, got); diff != "" {
			t.Errorf("calls while it drains (-want +got):\n%s", diff)
		}
		after(20 * time.Second)
		wantNames(t, h, "ballast-web-2", "ballast-web-3", "web-a")
		if diff := cmp.Diff(map[string]int{"heal": 1, "create": 1, "remove": 1}, acted); diff != "" {
			t.Errorf("Acted calls (-want +got):\n%s", diff)
		}
		if !strings.Contains(h.logs.String(), `"reason":"unhealthy for 4`) {
			t.Errorf("log does not say why:\n%s", h.logs.String())
		}
	})
}

func TestFleet_heals_with_growing_rests(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		id := h.run("web-a", "ballast.heal=restart")
		h.fleet(nil)
		after(5 * time.Second)
		began := time.Now()
		var at []time.Duration
		for range 2 * 60 * 60 {
			h.set(func() { h.sick[id] = true })
			after(time.Second)
			if len(h.asked("stop")) > 0 {
				at = append(at, time.Since(began).Round(time.Minute))
			}
		}
		// The first at once, then after 1, 2, 4, 8, 16, 30 and 30 minutes.
		want := []time.Duration{1, 2, 4, 8, 16, 32, 62, 92}
		for i := range want {
			want[i] *= time.Minute
		}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("restarts (-want +got):\n%s", diff)
		}
	})
}

func TestFleet_restarts_a_sick_original_only_if_asked_to(t *testing.T) {
	// It keeps its place while it drains and is started again: no clone is made for it.
	for label, want := range map[string][]string{
		"ballast.heal=restart": {"drain web-a", "stop web-a", "undrain web-a", "start web-a"},
		"ballast.heal=true":    nil,
		"ballast.heal=false":   nil,
		"ballast.heal":         nil,
	} {
		t.Run(label, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				busy := h.keepBusy(h.run("web-a", label, "ballast.scale.max=3"))
				time.AfterFunc(45*time.Second, func() { close(busy) })
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 1, nil)
				after(5 * time.Second)
				h.asked()
				h.sicken("web-a")
				for range 60 {
					after(time.Second)
					if s := f.Status("web"); s.Others+s.Creating != 1 || len(s.Clones) != 0 {
						t.Fatalf("Status() = %+v, want it to keep its place", s)
					}
					f.Bring(t.Context(), "web", 1, nil)
				}
				wantCalls(t, h, want...)
				wantNames(t, h, "web-a")
			})
		})
	}
}

// What was stopped to be restarted is started, however often that fails.
func TestFleet_restart_goes_on(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.heal=restart", "ballast.scale.max=3")
		f, _ := h.fleet(nil)
		after(5 * time.Second)
		h.failing("start", engine.ErrUnavailable)
		h.sicken("web-a")
		after(time.Minute)
		f.Bring(t.Context(), "web", 1, nil) // It is to be that one still.
		after(5 * time.Second)
		wantNames(t, h, "web-a exited")
		h.failing("", nil)
		after(2 * time.Minute)
		wantNames(t, h, "web-a")
	})
}

// What somebody stopped or paused while it drained is left so.
func TestFleet_restart_lets_be_what_somebody_stopped(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		busy := h.keepBusy(h.run("web-a", "ballast.heal=restart", "ballast.drain.timeout=5m"))
		h.fleet(nil)
		after(5 * time.Second)
		h.sicken("web-a")
		after(40 * time.Second)
		h.change("web-a", func(c *engine.Container) { c.State = engine.StateExited })
		close(busy)
		after(10 * time.Minute)
		wantNames(t, h, "web-a exited")
		if got := h.asked("start", "stop"); len(got) != 0 {
			t.Errorf("did %q, want nothing", got)
		}
	})
}

func TestFleet_a_restart_that_did_not_help_is_tried_again(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.heal=restart")
		h.fleet(nil)
		after(5 * time.Second)
		h.set(func() { h.neverReady = true })
		h.sicken("web-a")
		after(12 * time.Minute)
		if n := len(h.asked("stop")); n < 2 || n > 3 {
			t.Errorf("%d restarts in 12 minutes, want one each 5", n)
		}
	})
}

func TestFleet_heals_nothing(t *testing.T) {
	tests := []struct {
		name string
		// there is what is not as it should be; then ballast-web-1 falls ill.
		there func(h *host)
		heals bool
	}{
		{"unless in the way", func(*host) {}, true},
		{"while another is being healed", func(h *host) {
			h.keepBusy(h.id("ballast-web-2"))
			h.sicken("ballast-web-2")
			after(31 * time.Second)
			h.asked()
		}, false},
		{"while most are sick", func(h *host) { h.sicken("web-a", "ballast-web-2", "ballast-web-3") }, false},
		{"while the engine is not heard", func(h *host) { h.set(func() { h.deaf = true }) }, false},
		{"while nothing can be cloned", func(h *host) {
			h.change("web-a", func(c *engine.Container) { c.Grants.Privileged = true })
			after(time.Second)
		}, false},
		{"that is drained", func(h *host) { id := h.id("ballast-web-1"); h.set(func() { h.hidden[id] = true }) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", "ballast.heal=true", "ballast.drain.timeout=5m")
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 4, nil)
				after(10 * time.Second)
				h.asked()
				tt.there(h)
				h.sicken("ballast-web-1")
				after(2 * time.Minute)
				if got := h.asked("drain"); len(got) > 0 != tt.heals {
					t.Errorf("did %q", got)
				}
			})
		})
	}
}

// What was sick before the engine was lost must be so for long again.
func TestFleet_counts_anew_when_the_engine_is_heard_again(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.heal=true")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		h.sicken("ballast-web-1")
		after(20 * time.Second)
		h.set(func() { h.deaf = true })
		after(time.Hour)
		h.asked()
		h.set(func() { h.deaf = false })
		after(28 * time.Second)
		if got := h.asked("drain"); len(got) != 0 {
			t.Errorf("did %q, want it to wait", got)
		}
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-2", "web-a")
	})
}
