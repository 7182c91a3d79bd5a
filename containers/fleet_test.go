package containers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// after lets time pass and all that follows from it happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// bubble is a test with a clock of its own.
func bubble(t *testing.T, test func(t *testing.T, h *host)) {
	synctest.Test(t, func(t *testing.T) { test(t, newHost(t)) })
}

func wantNames(t *testing.T, h *host, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.names()); diff != "" {
		t.Fatalf("containers (-want +got):\n%s\nlog:\n%s", diff, h.logs.String())
	}
}

func TestFleet_brings_up(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.template=true", "ballast.scale.image=web:2")
		acted := map[string]int{}
		f, _ := h.fleet(func(o *containers.FleetOptions) {
			o.Acted = func(pool, action string) { acted[pool+" "+action]++ }
		})
		began := time.Now()
		f.Bring(t.Context(), "web", 4, nil)
		want := containers.FleetStatus{Others: 1, Creating: 3}
		if diff := cmp.Diff(want, f.Status("web")); diff != "" {
			t.Errorf("Status() right after Bring (-want +got):\n%s", diff)
		}
		after(150 * time.Millisecond)
		if most := h.mostMade(); most != 1 {
			t.Errorf("%d clones are made with the first one, want it alone", most-1)
		}
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "ballast-web-3", "web-a")
		if most := h.mostMade(); most != 2 {
			t.Errorf("%d clones were made at a time after the first one, want 2", most)
		}

		clone, _ := h.Inspect(t.Context(), "ballast-web-2")
		wantLabels := map[string]string{
			"ballast.enable": "true", "ballast.pool": "web", "ballast.scale.image": "web:2", "team": "red",
			"ballast.clone": "true", "ballast.owner": "here", "ballast.template": "web-a", "ballast.slot": "2",
		}
		if diff := cmp.Diff(wantLabels, clone.Labels); diff != "" {
			t.Errorf("labels of a clone (-want +got):\n%s", diff)
		}
		if clone.Image != "web:2" {
			t.Errorf("image of a clone = %s, want web:2", clone.Image)
		}
		want = containers.FleetStatus{Others: 1, StartTakes: 1200 * time.Millisecond, Clones: []containers.FleetClone{
			{h.id("ballast-web-1"), "ballast-web-1"}, {h.id("ballast-web-2"), "ballast-web-2"}, {h.id("ballast-web-3"), "ballast-web-3"},
		}}
		if diff := cmp.Diff(want, f.Status("web")); diff != "" {
			t.Errorf("Status() (-want +got):\n%s", diff)
		}
		if how, at, ok := f.Brought(h.id("ballast-web-1")); !ok || how != containers.HowCreate || !at.Equal(began) {
			t.Errorf("Brought() = %s, %v, %v, want %s at %v", how, at, ok, containers.HowCreate, began)
		}
		if _, _, ok := f.Brought(h.id("web-a")); ok {
			t.Error("an original counts as created")
		}
		if diff := cmp.Diff(map[string]int{"web create": 3}, acted); diff != "" {
			t.Errorf("Acted calls (-want +got):\n%s", diff)
		}

		h.asked()
		f.Bring(t.Context(), "web", 4, nil)
		after(time.Minute)
		if got := h.asked("create", "drain", "stop", "remove"); len(got) != 0 {
			t.Errorf("asking for the same again did %q", got)
		}

		h.mostMade()
		f.Bring(t.Context(), "web", 6, nil)
		after(150 * time.Millisecond)
		if most := h.mostMade(); most != 1 {
			t.Errorf("%d clones are made with the first one of the next batch, want it alone", most-1)
		}
	})
}

func TestFleet_brings_down_drained_then_stopped_then_removed(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.drain.timeout=20s")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 5, nil)
		after(5 * time.Second)
		h.asked()

		busy := h.keepBusy(h.id("ballast-web-2"))
		f.Bring(t.Context(), "web", 4, []string{h.id("ballast-web-2")})
		after(10 * time.Second)
		if diff := cmp.Diff([]string{"drain ballast-web-2"}, h.asked("drain", "stop", "remove", "kill")); diff != "" {
			t.Errorf("calls while requests are in flight (-want +got):\n%s", diff)
		}
		if s := f.Status("web"); s.Retiring != 1 || len(s.Clones) != 3 {
			t.Errorf("Status() = %+v, want 1 retiring and 3 clones", s)
		}
		close(busy)
		after(time.Second)
		if diff := cmp.Diff([]string{"stop ballast-web-2", "remove ballast-web-2"}, h.asked("drain", "stop", "remove", "kill")); diff != "" {
			t.Errorf("calls after the drain (-want +got):\n%s", diff)
		}

		// Without victims the highest slot goes. One that never drains goes at the limit.
		h.keepBusy(h.id("ballast-web-4"))
		f.Bring(t.Context(), "web", 3, nil)
		after(19 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-3", "ballast-web-4", "web-a")
		after(2 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-3", "web-a")

		// The lowest free slot is used again.
		f.Bring(t.Context(), "web", 4, nil)
		after(3 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "ballast-web-3", "web-a")
	})
}

func TestFleet_adopts_after_a_restart(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, stop := h.fleet(nil)
		f.Bring(t.Context(), "web", 6, nil)
		after(10 * time.Second)
		stop()
		before := h.names()
		h.asked()

		f, _ = h.fleet(nil)
		f.Bring(t.Context(), "web", 6, nil)
		after(5 * time.Minute)
		if got := h.asked("create", "drain", "stop", "remove"); len(got) != 0 {
			t.Errorf("the new fleet did %q", got)
		}
		wantNames(t, h, before...)
		f.Bring(t.Context(), "web", 5, nil)
		after(time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "ballast-web-3", "ballast-web-4", "web-a")
	})
}

func TestFleet_waits_for_the_first_snapshot(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		h.clone("here", 1)
		f := containers.NewFleet(containers.FleetOptions{Engine: h, Traffic: h, Instance: "here", Prefix: "ballast"})
		f.Bring(t.Context(), "web", 2, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx) }()
		after(time.Minute)
		h.set(func() { h.fleets = append(h.fleets, f) })
		h.publish()
		after(10 * time.Second)
		cancel()
		<-done
		if got := h.asked("create", "drain"); len(got) != 0 {
			t.Errorf("did %q, want nothing", got)
		}
	})
}

func TestFleet_makes_again_what_vanished(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		h.vanish(h.id("ballast-web-1"))
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "web-a")
		if s := f.Status("web"); s.Blocked != "" {
			t.Errorf("Blocked = %q, want nothing", s.Blocked)
		}
	})
}

func TestFleet_does_not_replace_an_original_that_restarts(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		h.run("web-b")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		h.asked()
		h.change("web-b", func(c *engine.Container) { c.State = engine.StateExited })
		after(5 * time.Second)
		h.change("web-b", func(c *engine.Container) { c.State, c.StartedAt = engine.StateRunning, time.Now() })
		after(5 * time.Second)
		if got := h.asked("create", "drain", "stop", "remove"); len(got) != 0 {
			t.Errorf("did %q, want nothing", got)
		}
	})
}

func TestFleet_names(t *testing.T) {
	tests := []struct {
		name string
		// there is in the way of slot 1.
		there func(h *host)
		want  []string
	}{
		{
			name:  "of strangers are passed over",
			there: func(h *host) { h.run("ballast-web-1", "ballast.enable=false") },
			want:  []string{"ballast-web-1", "ballast-web-2", "web-a"},
		},
		{
			name: "of our dead clones are freed, although no snapshot shows them",
			there: func(h *host) {
				h.clone("here", 1, "ballast.enable=false")
				h.change("ballast-web-1", func(c *engine.Container) { c.State = engine.StateExited })
			},
			want: []string{"ballast-web-1", "web-a"},
		},
		{
			name:  "of our clones that run are taken for what they are",
			there: func(h *host) { h.clone("here", 1, "ballast.enable=false") },
			want:  []string{"ballast-web-1", "web-a"},
		},
		{
			name:  "of clones of another instance count for the pool",
			there: func(h *host) { h.clone("there", 1, "ballast.enable=false") },
			want:  []string{"ballast-web-1", "web-a"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a")
				tt.there(h)
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 2, nil)
				after(5 * time.Second)
				wantNames(t, h, tt.want...)
				if s := f.Status("web"); s.Blocked != "" {
					t.Errorf("Blocked = %q, want nothing", s.Blocked)
				}
			})
		})
	}
}

func TestFleet_two_instances_keep_to_the_number_together(t *testing.T) {
	for lag := range 8 {
		t.Run(fmt.Sprint(lag), func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.lag = time.Duration(lag) * 30 * time.Millisecond
				h.run("web-a")
				a, _ := h.fleet(nil)
				b, _ := h.fleet(func(o *containers.FleetOptions) { o.Instance = "there" })
				a.Bring(t.Context(), "web", 7, nil)
				after(time.Duration(lag*lag) * 7 * time.Millisecond)
				b.Bring(t.Context(), "web", 7, nil)
				for range 100 {
					after(100 * time.Millisecond)
					if n := len(h.names()); n > 7 {
						t.Fatalf("%d replicas: %q", n, h.names())
					}
				}
				if n := len(h.names()); n != 7 {
					t.Errorf("%d replicas, want 7: %q", n, h.names())
				}
			})
		})
	}
}

func TestFleet_never_touches_what_is_not_its_own(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		original := h.run("web-a")
		strange := h.clone("there", 1)
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "web-a")
		h.asked()

		f.Bring(t.Context(), "web", 2, []string{original, strange})
		after(time.Minute)
		want := []string{"drain ballast-web-2", "stop ballast-web-2", "remove ballast-web-2"}
		if diff := cmp.Diff(want, h.asked("drain", "stop", "remove", "kill")); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		for _, id := range []string{original, strange} {
			if !strings.Contains(h.logs.String(), `"container":"`+id+`","message":"refused to remove`) {
				t.Errorf("log does not say that %s was refused:\n%s", id, h.logs.String())
			}
		}
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Minute)
		wantNames(t, h, "ballast-web-1", "web-a")
		if err := f.RemoveAll(t.Context()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
		wantNames(t, h, "ballast-web-1", "web-a")
	})
}

func TestFleet_looks_before_it_removes(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		h.clone("here", 1)
		f, _ := h.fleet(nil)
		after(2 * time.Second)
		// The snapshot says that it is ours, the engine says that it is not.
		h.set(func() { h.lag = time.Hour })
		h.change("ballast-web-1", func(c *engine.Container) { c.Labels = map[string]string{"ballast.enable": "true"} })
		f.Bring(t.Context(), "web", 1, nil)
		after(10 * time.Minute)
		if got := h.asked("drain", "stop", "remove", "kill"); len(got) != 0 {
			t.Errorf("did %q, want nothing", got)
		}
		if n := strings.Count(h.logs.String(), "refused to remove"); n != 1 {
			t.Errorf("refused %d times in the log, want 1:\n%s", n, h.logs.String())
		}
	})
}

func TestFleet_removes_its_dead_clones(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		h.run("web-b")
		h.clone("here", 1)
		h.clone("here", 2)
		h.clone("there", 3)
		h.change("ballast-web-1", func(c *engine.Container) { c.State = engine.StateExited })
		h.change("ballast-web-2", func(c *engine.Container) { c.State = engine.StateCreated })
		h.change("ballast-web-3", func(c *engine.Container) { c.State = engine.StateExited })
		h.change("web-b", func(c *engine.Container) { c.State = engine.StateExited })
		f, _ := h.fleet(nil)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-3 exited", "web-a", "web-b exited")
		if s := f.Status("web"); s.Blocked != "" {
			t.Errorf("Blocked = %q by clones of an earlier run", s.Blocked)
		}
		if got := h.asked("drain", "stop"); len(got) != 0 {
			t.Errorf("did %q to dead clones", got)
		}
	})
}

// What somebody took out of rotation before it served is no failure: it has shown that it would.
func TestFleet_Proven_of_what_was_taken_out_by_hand(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		web := h.run("web-a", "ballast.scale.min=0", "ballast.scale.max=9")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(500 * time.Millisecond)
		clone := h.id("ballast-web-1")
		h.set(func() { h.hidden[clone] = true })
		after(10 * time.Minute)
		if h.id("ballast-web-1") != clone {
			t.Error("the clone was replaced")
		}
		h.set(func() { clear(h.hidden) })
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Minute)
		wantNames(t, h, "web-a exited")
		f.Bring(t.Context(), "web", 1, nil)
		after(500 * time.Millisecond)
		h.set(func() { h.hidden[web] = true })
		after(10 * time.Minute)
		wantNames(t, h, "web-a")
		if s := f.Status("web"); s.StartingFor != 0 || s.Blocked != "" {
			t.Errorf("Status() = %+v, want it to be up", s)
		}
		if strings.Contains(h.logs.String(), "failed") {
			t.Errorf("log tells of a failure:\n%s", h.logs.String())
		}
	})
}
