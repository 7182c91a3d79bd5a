package containers_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// warmPool runs an original of a pool with so many warm clones, and waits until they are.
func warmPool(t *testing.T, h *host, warm string, change func(*containers.FleetOptions)) *containers.Fleet {
	t.Helper()
	h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm="+warm)
	f, _ := h.fleet(change)
	after(20 * time.Second)
	h.asked()
	return f
}

// what the fleet did to containers.
func did(h *host) []string {
	return h.asked("create", "start", "stop", "remove", "kill", "pause", "unpause", "drain", "undrain")
}

func wantCalls(t *testing.T, h *host, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, did(h)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFleet_keeps_warm_clones_that_never_served(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm=2")
		f, _ := h.fleet(nil)
		after(time.Second)
		if s := f.Status("web"); s.Warm != 0 || s.Warming != 2 || s.Creating != 0 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v while both boot, want them told apart from replicas", s)
		}
		after(19 * time.Second)
		wantNames(t, h, "ballast-web-1 paused", "ballast-web-2 paused", "web-a")
		// Out of rotation before each starts; created one after the other, for nothing waits for them.
		wantCalls(t, h,
			"create ballast-web-1", "drain ballast-web-1", "start ballast-web-1",
			"create ballast-web-2", "drain ballast-web-2", "start ballast-web-2",
			"drain ballast-web-1", "pause ballast-web-1", "drain ballast-web-2", "pause ballast-web-2")
		if s := f.Status("web"); s.Warm != 2 || s.Warming != 0 || s.Creating != 0 || s.Others != 1 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v, want 2 warm, and one replica", s)
		}
		for _, id := range []string{h.id("ballast-web-1"), h.id("ballast-web-2")} {
			if h.served[id] {
				t.Errorf("%s has served", id)
			}
		}
	})
}

func TestFleet_wakes_before_it_creates(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		f := warmPool(t, h, "2", nil)
		began := time.Now()
		f.Bring(t.Context(), "web", 4, nil)
		after(100 * time.Millisecond)
		if s := f.Status("web"); s.Creating != 1 || len(s.Clones) != 3 || s.WakeTakes > 50*time.Millisecond || s.WakeTakes == 0 {
			t.Errorf("Status() = %+v after %v, want two awake, and one being created", s, time.Since(began))
		}
		after(30 * time.Second)
		// What was used is made again.
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "ballast-web-3", "ballast-web-4 paused", "ballast-web-5 paused", "web-a")
		got := did(h)
		want := []string{"undrain ballast-web-1", "unpause ballast-web-1", "undrain ballast-web-2", "unpause ballast-web-2"}
		for _, call := range want {
			found := false
			for _, c := range got {
				found = found || c == call
			}
			if !found {
				t.Errorf("calls %q lack %q", got, call)
			}
		}
	})
}

func TestFleet_parks_what_is_surplus(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		f := warmPool(t, h, "1", nil)
		f.Bring(t.Context(), "web", 3, nil)
		h.set(func() {
			h.fail = func(call string) error { // No warm one can be made meanwhile.
				if call == "create ballast-web-3" {
					return errors.New("no")
				}
				return nil
			}
		})
		after(time.Second)
		h.asked()
		f.Bring(t.Context(), "web", 2, []string{h.id("ballast-web-1")})
		after(time.Second)
		wantCalls(t, h, "drain ballast-web-1", "pause ballast-web-1")
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Second)
		wantNames(t, h, "ballast-web-1 paused", "web-a") // One is enough.
	})
}

func TestFleet_takes_back_what_drains(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=9")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		h.keepBusy(h.id("ballast-web-1"))
		h.asked()
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Second)
		if s := f.Status("web"); s.Draining != 1 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v, want one draining", s)
		}
		f.Bring(t.Context(), "web", 2, nil)
		after(time.Minute)
		wantCalls(t, h, "drain ballast-web-1", "undrain ballast-web-1")
		wantNames(t, h, "ballast-web-1", "web-a")
		if s := f.Status("web"); s.Draining != 0 || len(s.Clones) != 1 {
			t.Errorf("Status() = %+v, want a replica", s)
		}
	})
}

func TestFleet_takes_a_warm_one_that_is_still_being_made(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm=1")
		f, _ := h.fleet(nil)
		after(500 * time.Millisecond) // Started, and not proven.
		f.Bring(t.Context(), "web", 2, nil)
		after(700 * time.Millisecond)
		if s := f.Status("web"); s.Creating != 0 || len(s.Clones) != 1 || s.Clones[0].Name != "ballast-web-1" {
			t.Errorf("Status() = %+v, want the first clone to serve", s)
		}
		after(10 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2 paused", "web-a")
	})
}

func TestFleet_adopts_paused_clones_as_warm(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm=1")
		h.clone("here", 1)
		h.change("ballast-web-1", func(c *engine.Container) { c.State = engine.StatePaused })
		f, _ := h.fleet(nil)
		after(30 * time.Second)
		wantNames(t, h, "ballast-web-1 paused", "web-a")
		if s := f.Status("web"); s.Warm != 1 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v, want one warm", s)
		}
		wantCalls(t, h)
		f.Bring(t.Context(), "web", 2, nil)
		after(50 * time.Millisecond)
		wantNames(t, h, "ballast-web-1", "web-a")
	})
}

func TestFleet_goes_on_when_a_clone_can_t_be_woken(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		f := warmPool(t, h, "1", nil)
		h.failing("unpause", engine.ErrNotFound)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		if s := f.Status("web"); len(s.Clones) != 1 || s.Clones[0].Name == "ballast-web-1" {
			t.Errorf("Status() = %+v, want another clone", s)
		}
	})
}

func TestFleet_gives_up_warm_clones_for_memory(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		available := uint64(50)
		f := warmPool(t, h, "2", func(o *containers.FleetOptions) {
			o.Headroom = 10
			o.Memory = func() (uint64, uint64, bool) {
				h.mu.Lock()
				defer h.mu.Unlock()
				return available, 100, true
			}
		})
		h.set(func() { available = 7 })
		after(1500 * time.Millisecond)
		wantNames(t, h, "ballast-web-1 paused", "web-a")
		after(5 * time.Second)
		wantNames(t, h, "web-a")
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		wantNames(t, h, "web-a")
		want := "this host has 7 % of its memory available, less than the 10 % of scale.memory-headroom: free some, or lower it"
		if s := f.Status("web"); s.Blocked != want || s.Creating != 0 {
			t.Errorf("Status() = %+v, want it blocked: %s", s, want)
		}
		h.set(func() { available = 60 })
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a") // What is wanted at once,
		after(2 * time.Minute)
		wantNames(t, h, "ballast-web-1", "ballast-web-2 paused", "ballast-web-3 paused", "web-a") // the warm ones when it has lasted.
	})
}

// A pool whose image is broken must not keep the others from their warm clones.
func TestFleet_keeps_warm_clones_beside_a_pool_that_fails(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("api-a", "ballast.pool=api", "ballast.scale.max=9")
		h.run("web-a", "ballast.scale.max=9", "ballast.scale.warm=2")
		h.failing("create ballast-api", engine.ErrNotFound)
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "api", 2, nil)
		after(2 * time.Minute)
		wantNames(t, h, "api-a", "ballast-web-1 paused", "ballast-web-2 paused", "web-a")
	})
}

// A dry run neither makes warm clones nor gives any up.
func TestFleet_leaves_warm_clones_alone_in_a_dry_run(t *testing.T) {
	for _, tt := range []struct {
		name, warm string
		available  uint64
	}{
		{"too few", "3", 50},
		{"too many", "0", 50},
		{"too little memory", "2", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", "ballast.scale.max=9", "ballast.scale.dry-run=true", "ballast.scale.warm="+tt.warm)
				for slot := range 2 {
					h.clone("here", slot+1)
					h.change(containers.CloneName("web", slot+1), func(c *engine.Container) { c.State = engine.StatePaused })
				}
				h.fleet(func(o *containers.FleetOptions) {
					o.Headroom = 10
					o.Memory = func() (uint64, uint64, bool) { return tt.available, 100, true }
				})
				after(5 * time.Minute)
				wantNames(t, h, "ballast-web-1 paused", "ballast-web-2 paused", "web-a")
				wantCalls(t, h)
			})
		})
	}
}

// What only waits to be needed makes room for what is.
func TestFleet_gives_up_warm_clones_for_another_pools_replicas(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("api-a", "ballast.pool=api", "ballast.scale.max=9")
		f := warmPool(t, h, "3", func(o *containers.FleetOptions) { o.MaxContainers = 4 })
		f.Bring(t.Context(), "api", 2, nil)
		after(5 * time.Second)
		wantNames(t, h, "api-a", "ballast-api-1", "ballast-web-1 paused", "ballast-web-2 paused", "ballast-web-3 paused", "web-a")
		if s := f.Status("api"); s.Blocked != "" {
			t.Errorf("Blocked = %q, want nothing: warm clones make room", s.Blocked)
		}
		h.set(func() { h.took = 500 * time.Millisecond })
		f.Bring(t.Context(), "api", 4, nil)
		for range 100 {
			if s := f.Status("api"); s.Blocked != "" || len(s.Clones)+s.Creating < 3 {
				t.Fatalf("Status() = %+v meanwhile, want nothing in the way", s)
			}
			after(100 * time.Millisecond)
		}
		wantNames(t, h, "api-a", "ballast-api-1", "ballast-api-2", "ballast-api-3", "ballast-web-1 paused", "web-a")
		f.Bring(t.Context(), "web", 2, nil) // The last warm one is the pool's own.
		after(5 * time.Second)
		f.Bring(t.Context(), "api", 5, nil)
		after(5 * time.Second)
		wantNames(t, h, "api-a", "ballast-api-1", "ballast-api-2", "ballast-api-3", "ballast-web-1", "web-a")
		if s := f.Status("api"); s.Blocked == "" {
			t.Error("Blocked is empty when all clones are replicas, want the bound")
		}
		f.Bring(t.Context(), "api", 2, nil)
		after(time.Minute)
		wantNames(t, h, "api-a", "ballast-api-1", "ballast-web-1", "ballast-web-2 paused", "ballast-web-3 paused", "web-a")
	})
}

// What booted for the warm pool when Ballast was killed is a replica for all that its labels tell.
func TestFleet_hides_adopted_clones_beyond_the_maximum(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=2", "ballast.scale.warm=1")
		h.clone("here", 2)
		after(20 * time.Second)
		h.clone("here", 1) // The younger one.
		f, _ := h.fleet(nil)
		if got := h.asked("drain"); len(got) != 1 || got[0] != "drain ballast-web-1" {
			t.Errorf("after the first snapshot %q was asked for, want the youngest drained", got)
		}
		if s := f.Status("web"); s.Others+len(s.Clones) != 2 {
			t.Errorf("Status() = %+v, want two replicas, as many as may be", s)
		}
		after(10 * time.Second)
		wantNames(t, h, "ballast-web-1 paused", "ballast-web-2", "web-a")
	})
}

// More replicas than the maximum may be meant, by hand for one: only as many are hidden as the warm pool explains.
func TestFleet_hides_no_more_adopted_clones_than_are_explained(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels []string
		paused bool
		stale  bool
		hidden []string
	}{
		{"no warm pool", nil, false, false, nil},
		{"a warm pool", []string{"ballast.scale.warm=1"}, false, false, []string{"drain ballast-web-3"}},
		{"a warm pool that is full", []string{"ballast.scale.warm=1"}, true, false, nil},
		{"one that was made before a stale one goes", nil, false, true, []string{"drain ballast-web-3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", append(tt.labels, "ballast.scale.max=2")...)
				for slot := range 3 {
					h.clone("here", slot+1)
					after(time.Second) // The last is the youngest.
				}
				if tt.stale {
					h.change("ballast-web-1", func(c *engine.Container) { c.ImageID = "sha256:web:0" })
				}
				if tt.paused {
					h.clone("here", 4)
					h.change("ballast-web-4", func(c *engine.Container) { c.State = engine.StatePaused })
				}
				after(time.Second)
				h.fleet(nil)
				got := h.asked("drain")
				slices.Sort(got) // It is drained once more, to be paused.
				if got = slices.Compact(got); !slices.Equal(got, tt.hidden) {
					t.Errorf("after the first snapshot %q was asked for, want %q", got, tt.hidden)
				}
			})
		})
	}
}

// An earlier run that hands over may just be about to pause what it made for the warm pool.
func TestFleet_hides_what_an_earlier_run_makes_and_pauses(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=1", "ballast.scale.warm=1")
		f := containers.NewFleet(containers.FleetOptions{
			Engine: h, Traffic: h, Instance: "here", Prefix: containers.DefaultPrefix, Logger: zerolog.New(&h.logs),
		})
		h.set(func() { h.fleets = append(h.fleets, f) })
		after(time.Second)
		h.clone("here", 1)
		after(time.Second)
		wantCalls(t, h, "drain ballast-web-1")
		h.change("ballast-web-1", func(c *engine.Container) { c.State = engine.StatePaused })
		after(time.Second)
		if s := f.Status("web"); s.Warm != 1 || s.Others != 1 || len(s.Clones) != 0 {
			t.Errorf("Status() = %+v, want the paused one to be warm", s)
		}
	})
}

func TestFleet_hides_nothing_in_a_dry_run(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=1", "ballast.scale.dry-run=true")
		h.clone("here", 1)
		h.fleet(nil)
		after(time.Minute)
		wantCalls(t, h)
	})
}
