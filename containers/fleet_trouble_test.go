package containers_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

const diskFull = "the engine's disk is full: free space there (docker system df tells what takes it), then it goes on by itself ("

var troubles = []struct {
	name  string
	cause func(h *host)
	// first and later are the most creations in the first minute and in each later one.
	first, later int
	blocked      string
}{
	{
		name:  "the image is missing",
		cause: func(h *host) { h.failing("create", engine.ErrNotFound) },
		first: 10, later: 2, blocked: "image web:1 or a network of the container to clone is not there: build it, or set ballast.scale.image",
	},
	{
		name:  "it can't be started",
		cause: func(h *host) { h.failing("start", engine.ErrConflict) },
		first: 10, later: 2, blocked: "start clone ballast-web-1: conflict",
	},
	{
		name:  "the engine is gone",
		cause: func(h *host) { h.failing("", engine.ErrUnavailable) },
		first: 10, later: 2, blocked: "create clone ballast-web-1: engine unavailable",
	},
	{
		name:  "the disk is full when it is made",
		cause: func(h *host) { h.failing("create", engine.ErrNoSpace) },
		first: 10, later: 2, blocked: diskFull + "create clone ballast-web-1: engine out of disk space)",
	},
	{
		name:  "the disk is full when it is started",
		cause: func(h *host) { h.failing("start", engine.ErrNoSpace) },
		first: 10, later: 2, blocked: diskFull + "start clone ballast-web-1: engine out of disk space)",
	},
	{
		name:  "it crashes at once",
		cause: func(h *host) { h.set(func() { h.crashAfter, h.neverReady = time.Millisecond, true }) },
		first: 10, later: 2, blocked: "clone ballast-web-1 ended with exit code 3 within a minute of its start: see why its image does not keep running",
	},
	{
		name:  "it crashes before it is ready",
		cause: func(h *host) { h.set(func() { h.crashAfter, h.neverReady = 3*time.Second, true }) },
		first: 10, later: 2, blocked: "clone ballast-web-1 ended with exit code 3 within a minute of its start: see why its image does not keep running",
	},
	{
		name: "it crashes after it was ready",
		// Six at first, as many as were asked for, until the first one crashes.
		cause: func(h *host) { h.set(func() { h.crashAfter = 4 * time.Second }) },
		first: 16, later: 2, blocked: "",
	},
	{
		name:  "it is never ready",
		cause: func(h *host) { h.set(func() { h.neverReady = true }) },
		first: 4, later: 2, blocked: "clone ballast-web-1 was not ready within 5m0s of its start",
	},
}

func TestFleet_trouble_makes_no_storm(t *testing.T) {
	for _, tt := range troubles {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				original := h.run("web-a")
				var failures atomic.Int64 // The fleet goes on counting while the test looks.
				f, _ := h.fleet(func(o *containers.FleetOptions) {
					o.Acted = func(_, action string) {
						if action == containers.ActedFail {
							failures.Add(1)
						}
					}
				})
				after(2 * time.Second)
				tt.cause(h)
				start := time.Now()
				f.Bring(t.Context(), "web", 7, nil)
				after(time.Minute)
				if n := h.created(start); n == 0 || n > tt.first {
					t.Errorf("%d creations in the first minute, want 1 to %d", n, tt.first)
				}
				for range 10 {
					start := time.Now()
					after(time.Minute)
					if n := h.created(start); n > tt.later {
						t.Errorf("%d creations in a later minute, want at most %d", n, tt.later)
					}
				}
				if tt.blocked != "" {
					s := f.Status("web")
					if !strings.HasPrefix(s.Blocked, tt.blocked) {
						t.Errorf("Blocked = %q, want %q", s.Blocked, tt.blocked)
					}
					if s.Creating > 1 {
						t.Errorf("Creating = %d although blocked, want at most 1", s.Creating)
					}
				}
				if failures.Load() == 0 {
					t.Error("no failure was counted")
				}

				// What is mended comes back within the longest wait, and all at once.
				h.failing("", nil)
				h.set(func() { h.crashAfter, h.neverReady = 0, false })
				after(7 * time.Minute)
				wantNames(t, h, "ballast-web-1", "ballast-web-2", "ballast-web-3", "ballast-web-4", "ballast-web-5", "ballast-web-6", "web-a")
				if s := f.Status("web"); s.Blocked != "" || s.Creating != 0 {
					t.Errorf("Status() = %+v after the trouble, want neither Blocked nor Creating", s)
				}
				for _, call := range h.asked("stop", "remove", "kill", "drain") {
					if strings.HasSuffix(call, "web-a") || strings.HasSuffix(call, original) {
						t.Errorf("the original was touched: %s", call)
					}
				}
			})
		})
	}
}

func TestFleet_recovers_at_once_when_the_image_is_there(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		h.failing("create", engine.ErrNotFound)
		f.Bring(t.Context(), "web", 9, nil)
		after(10 * time.Minute)
		h.failing("", nil)
		for range 600 {
			if len(h.names()) > 1 {
				break
			}
			after(100 * time.Millisecond)
		}
		// The first one proves the image when it is ready; the others follow without a wait.
		after(5 * time.Second)
		if n := len(h.names()); n != 9 {
			t.Errorf("%d replicas, want 9: %q", n, h.names())
		}
	})
}

func TestFleet_wants_proof_before_it_makes_many(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.boot = 10 * time.Second
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 9, nil)
		after(9 * time.Second)
		if n := len(h.names()); n != 5 {
			t.Errorf("%d replicas before one is ready, want 5: %q", n, h.names())
		}
		if s := f.Status("web"); s.Creating != 4 || s.Blocked != "" {
			t.Errorf("Status() = %+v, want what waits for proof to count as being created", s)
		}
		after(5 * time.Second)
		if n := len(h.names()); n != 9 {
			t.Errorf("%d replicas after one was ready, want 9: %q", n, h.names())
		}
	})
}

func TestFleet_readiness_that_is_told_too_soon_counts(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.neverReady = true
		h.run("web-a")
		f, _ := h.fleet(nil)
		// Made by an earlier run; whoever checks it is faster than the snapshot.
		id := h.clone("here", 1)
		f.Ready(id)
		after(5 * time.Minute)
		wantNames(t, h, "ballast-web-1", "web-a")

		// Without a word it has to go.
		h.clone("here", 2)
		after(4 * time.Minute)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "web-a")
		after(2 * time.Minute)
		wantNames(t, h, "ballast-web-1", "web-a")
	})
}

func TestFleet_blocked(t *testing.T) {
	tests := []struct {
		name string
		host func(h *host)
		want string
	}{
		{
			name: "by the template",
			host: func(h *host) {
				h.run("web-a")
				h.change("web-a", func(c *engine.Container) {
					c.Grants.Privileged = true
					c.Grants.Mounts = []string{"/data:/data"}
				})
			},
			want: "container web-a can't be cloned: it is privileged: run it without --privileged; " +
				"it has mounts (/data:/data): keep its data elsewhere, such as in a database, or in --tmpfs",
		},
		{
			name: "without a template",
			host: func(h *host) { h.clone("there", 7) },
			want: "there is no container to clone: start one in this pool that Ballast did not make",
		},
		{
			name: "by the budget of the host",
			host: func(h *host) {
				h.run("web-a")
				h.clone("there", 7, "ballast.pool=other")
				h.clone("here", 8, "ballast.pool=other")
			},
			want: "this host has all the clones that it may have, 2: raise scale.max-containers",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				tt.host(h)
				f, _ := h.fleet(func(o *containers.FleetOptions) { o.MaxContainers = 2 })
				if got := f.Status("web").Blocked; got != tt.want {
					t.Errorf("Blocked before anything is asked for = %q, want %q", got, tt.want)
				}
				before := h.names()
				f.Bring(t.Context(), "web", 5, nil)
				after(time.Minute)
				wantNames(t, h, before...)
				if s := f.Status("web"); s.Blocked != tt.want || s.Creating != 0 {
					t.Errorf("Status() = %+v, want blocked by %q and nothing being created", s, tt.want)
				}
			})
		})
	}
}

func TestFleet_makes_what_the_budget_allows(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		h.run("api-a", "ballast.pool=api")
		f, _ := h.fleet(func(o *containers.FleetOptions) { o.MaxContainers = 5 })
		f.Bring(t.Context(), "web", 6, nil)
		f.Bring(t.Context(), "api", 6, nil)
		after(10 * time.Second)
		names := strings.Join(h.names(), " ")
		if web, api := strings.Count(names, "ballast-web-"), strings.Count(names, "ballast-api-"); web+api != 5 || web < 2 || api < 2 {
			t.Errorf("%d and %d clones, want 5 together, shared out: %s", web, api, names)
		}
		// What one pool gives up the other one gets.
		f.Bring(t.Context(), "api", 1, nil)
		after(10 * time.Second)
		wantNames(t, h, "api-a", "ballast-web-1", "ballast-web-2", "ballast-web-3", "ballast-web-4", "ballast-web-5", "web-a")
	})
}

// The clock of an engine on another host may be wrong by any amount, and that of a container's start is the engine's.
func TestFleet_tries_a_few_of_what_has_just_started_whatever_the_engines_clock_says(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a")
				starts := func() {
					h.change("web-a", func(c *engine.Container) {
						c.State, c.StartedAt = engine.StateRunning, time.Now().Add(skew)
					})
				}
				starts()
				h.set(func() { h.neverReady = true })
				f, _ := h.fleet(nil)
				after(time.Second)
				wantTried := func(when string, want int) {
					t.Helper()
					f.Bring(t.Context(), "web", 9, nil)
					after(20 * time.Second)
					if n := len(h.names()) - 1; n != want {
						t.Errorf("%d clones are made when the container to clone %s, want %d", n, when, want)
					}
					f.Bring(t.Context(), "web", 1, nil)
					after(20 * time.Second)
					wantNames(t, h, "web-a")
				}
				wantTried("has just started", 4)
				after(time.Minute)
				h.change("web-a", func(c *engine.Container) { c.State = engine.StatePaused })
				after(time.Second)
				h.change("web-a", func(c *engine.Container) { c.State = engine.StateRunning })
				after(time.Second)
				wantTried("has run for long, although it was paused", 8)
				h.change("web-a", func(c *engine.Container) { c.State = engine.StateExited })
				after(time.Second)
				starts()
				after(time.Second)
				wantTried("was started anew", 4)
			})
		})
	}
}

func TestFleet_clones_outlive_their_template(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		original := h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		h.vanish(original)
		after(10 * time.Minute)
		wantNames(t, h, "ballast-web-1", "ballast-web-2")
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Minute)
		wantNames(t, h, "ballast-web-1")
	})
}

// Of what boots and hangs, a trial is under way nearly all of the time: nobody is to wait for it.
func TestFleet_is_open_while_it_tries(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		h.set(func() { h.crashAfter, h.neverReady = 50*time.Second, true })
		for strings.Count(h.logs.String(), "a container failed") < 3 {
			after(100 * time.Millisecond)
			if s := f.Status("web"); s.Others+s.Creating == 0 && s.Blocked == "" {
				f.Bring(t.Context(), "web", 1, nil)
			}
		}
		tried := 0
		for range 600 {
			s := f.Status("web")
			if s.Others+s.Creating > 0 {
				tried++
				if !s.Open {
					t.Fatalf("Status() = %+v while a trial is under way, want it open", s)
				}
			} else if s.Blocked == "" {
				f.Bring(t.Context(), "web", 1, nil)
			}
			after(100 * time.Millisecond)
		}
		if tried == 0 {
			t.Error("nothing was tried")
		}
		h.set(func() { h.crashAfter, h.neverReady = 0, false })
		after(2 * time.Minute)
		f.Bring(t.Context(), "web", 1, nil)
		after(3 * time.Second)
		if s := f.Status("web"); s.Open {
			t.Errorf("Status() = %+v when it serves again, want it closed", s)
		}
	})
}

func TestFleet_is_open_while_a_clone_is_tried(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		h.set(func() { h.neverReady = true })
		f.Bring(t.Context(), "web", 2, nil)
		after(16 * time.Minute)
		for range 60 {
			after(time.Second)
			if s := f.Status("web"); !s.Open {
				t.Fatalf("Status() = %+v after three failures, want it open", s)
			}
		}
	})
}
