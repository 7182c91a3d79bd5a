package containers_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// deploy recreates an original from another image, as compose does, and waits until it serves.
func (h *host) deploy(name, image string, labels ...string) {
	h.vanish(h.id(name))
	after(2 * time.Second)
	id := h.run(name, labels...)
	h.change(name, func(c *engine.Container) { c.Image, c.ImageID = image, "sha256:"+image })
	h.prove(id, time.Now())
	after(2 * time.Second)
}

// images are those of the containers there are, by name, as "ballast-web-1 web:2 paused".
func (h *host) images() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, c := range h.containers {
		one := c.Name + " " + strings.TrimPrefix(c.ImageID, "sha256:")
		if c.State != engine.StateRunning {
			one += " " + string(c.State)
		}
		all = append(all, one)
	}
	slices.Sort(all)
	return all
}

// serving counts the clones that are in rotation, and all that run.
func (h *host) serving() (serving, running int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, c := range h.containers {
		if c.Labels["ballast.clone"] != "true" || c.State != engine.StateRunning {
			continue
		}
		running++
		if h.served[id] && !h.hidden[id] {
			serving++
		}
	}
	return serving, running
}

func wantImages(t *testing.T, h *host, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.images()); diff != "" {
		t.Fatalf("containers (-want +got):\n%s\nlog:\n%s", diff, h.logs.String())
	}
}

// until lets time pass until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 60000 {
		if is() {
			return
		}
		after(10 * time.Millisecond)
	}
	t.Fatalf("not within ten minutes: %s", what)
}

// scaled runs an original with two clones, and whatever labels ask for.
func scaled(t *testing.T, h *host, change func(*containers.FleetOptions), labels ...string) (f *containers.Fleet, stop func()) {
	t.Helper()
	h.run("web-a", labels...)
	f, stop = h.fleet(change)
	f.Bring(t.Context(), "web", 3, nil)
	after(2 * time.Minute)
	h.asked()
	return f, stop
}

func TestFleet_replaces_stale_clones(t *testing.T) {
	tests := []struct {
		name, max string
		budget    int
		// least are in rotation all the while, and at most so many run.
		least, most int
	}{
		{"one more for a while", "4", 0, 2, 3},
		{"one fewer at the maximum", "3", 0, 1, 3}, // One of the three is draining.
		{"one fewer on a full host", "4", 2, 1, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				acted := map[string]int{}
				label := "ballast.scale.max=" + tt.max
				f, _ := scaled(t, h, func(o *containers.FleetOptions) {
					o.MaxContainers = tt.budget
					o.Acted = func(_, action string) { acted[action]++ }
				}, label)
				clear(acted)
				for _, name := range []string{"ballast-web-1", "ballast-web-2"} {
					h.keepBusy(h.id(name)) // For as long as one may drain.
				}
				h.deploy("web-a", "web:2", label)
				if s := f.Status("web"); s.Stale != 2 || s.StaleHeld != "" {
					t.Errorf("Status() = %+v, want two stale ones", s)
				}
				least, most, draining := 9, 0, 0
				for range 15000 {
					after(10 * time.Millisecond)
					serving, running := h.serving()
					least, most = min(least, serving), max(most, running)
					draining = max(draining, f.Status("web").Retiring)
				}
				wantImages(t, h, slices.Sorted(slices.Values(append(made(h), "web-a web:2")))...)
				if n := len(made(h)); n != 2 {
					t.Errorf("%d clones of the new image, want 2", n)
				}
				if least != tt.least || most != tt.most || draining != 1 {
					t.Errorf("at least %d served, at most %d ran, %d drained at once, want %d, %d and 1", least, most, draining, tt.least, tt.most)
				}
				if diff := cmp.Diff(map[string]int{"replace": 2, "create": 2, "remove": 2}, without(acted, "undrain")); diff != "" {
					t.Errorf("Acted calls (-want +got):\n%s", diff)
				}
				if said := h.logs.String(); !strings.Contains(said, `"reason":"made from an older image","message":"replacing a stale clone"`) {
					t.Errorf("log does not say why:\n%s", said)
				}
				if s := f.Status("web"); s.Stale != 0 || s.Warm != 0 || len(s.Clones) != 2 {
					t.Errorf("Status() = %+v, want two clones and no more", s)
				}
			})
		})
	}
}

// made are the clones of the second image.
func made(h *host) (names []string) {
	for _, one := range h.images() {
		if strings.HasPrefix(one, "ballast-") && strings.HasSuffix(one, " web:2") {
			names = append(names, one)
		}
	}
	return names
}

func without(m map[string]int, key string) map[string]int {
	delete(m, key)
	return m
}

func TestFleet_replaces_what_is_in_reserve(t *testing.T) {
	for _, limit := range []string{"3", "9"} {
		t.Run("max "+limit, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				labels := []string{"ballast.scale.max=" + limit, "ballast.scale.warm=2"}
				f, _ := scaled(t, h, nil, labels...)
				wantNames(t, h, "ballast-web-1", "ballast-web-2", "ballast-web-3 paused", "ballast-web-4 paused", "web-a")
				h.deploy("web-a", "web:2", labels...)
				leastWarm, least := 9, 9
				for range 9000 {
					after(10 * time.Millisecond)
					serving, _ := h.serving()
					least, leastWarm = min(least, serving), min(leastWarm, f.Status("web").Warm)
				}
				if least < 2 || leastWarm < 1 {
					t.Errorf("at least %d served and %d were warm, want 2 and 1", least, leastWarm)
				}
				if s := f.Status("web"); s.Stale != 0 || s.Warm != 2 || len(s.Clones) != 2 {
					t.Errorf("Status() = %+v, want two warm and two serving\n%q", s, h.images())
				}
				for _, one := range h.images() {
					if !strings.Contains(one, "web:2") {
						t.Errorf("%s is there still", one)
					}
				}
			})
		})
	}
}

// A new image that is no use takes nothing down, and the next one is tried.
func TestFleet_stops_replacing_when_the_new_image_fails(t *testing.T) {
	tests := []struct {
		name   string
		breaks func(h *host)
		still  int
		held   string
	}{
		{"crashes", func(h *host) { h.crashAfter = 500 * time.Millisecond }, 2, "ended with exit code 3"},
		{"crashes when it is ready", func(h *host) { h.crashAfter = 5 * time.Second }, 1, "ended with exit code 3"},
		{"is never ready", func(h *host) { h.neverReady = true }, 2, "was not ready within 5m0s"},
		{"does not start", func(h *host) {
			h.fail = func(call string) error {
				if strings.HasPrefix(call, "start ballast") {
					return engine.ErrUnavailable
				}
				return nil
			}
		}, 2, "start clone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				f, _ := scaled(t, h, nil, "ballast.scale.max=4")
				h.deploy("web-a", "web:2", "ballast.scale.max=4")
				h.set(func() { tt.breaks(h) })
				after(20 * time.Minute)
				still := 0
				for _, one := range h.images() {
					if strings.HasPrefix(one, "ballast-") && strings.HasSuffix(one, " web:1") {
						still++
					}
				}
				// The first that served was believed.
				if serving, _ := h.serving(); still < tt.still || serving < tt.still {
					t.Errorf("%d old clones, %d serve: %q\nlog:\n%s", still, serving, h.images(), h.logs.String())
				}
				if s := f.Status("web"); s.Stale != still || !strings.Contains(s.StaleHeld, tt.held) {
					t.Errorf("Status() = %+v, want them held up: %s", s, tt.held)
				}
				if n := h.created(time.Now().Add(-10 * time.Minute)); n == 0 || n > 15 {
					t.Errorf("%d were tried in 10 minutes, want one a minute at most", n)
				}
				if n := strings.Count(h.logs.String(), "stopped replacing stale clones"); n == 0 {
					t.Error("log does not say that it stopped")
				}

				h.set(func() {
					h.crashAfter, h.neverReady = 0, false
					h.fail = func(string) error { return nil }
				})
				h.deploy("web-a", "web:3", "ballast.scale.max=4")
				after(10 * time.Minute)
				for _, one := range h.images() {
					if !strings.Contains(one, "web:3") {
						t.Errorf("%s is there still\n%s", one, h.logs.String())
					}
				}
				if s := f.Status("web"); len(s.Clones) != 2 {
					t.Errorf("Status() = %+v, want two clones", s)
				}
			})
		})
	}
}

func TestFleet_goes_on_replacing_after_a_restart(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		_, stop := scaled(t, h, nil, "ballast.scale.max=4")
		h.deploy("web-a", "web:2", "ballast.scale.max=4")
		until(t, "one is made", func() bool { return len(made(h)) > 0 })
		stop()
		h.set(func() { clear(h.hidden) }) // Nobody remembers what was out of rotation.
		f, _ := h.fleet(nil)              // Nobody asks it for anything: there are as many as there are to be.
		after(2 * time.Minute)
		for _, one := range h.images() {
			if !strings.Contains(one, "web:2") {
				t.Errorf("%s is there still\n%s", one, h.logs.String())
			}
		}
		if serving, _ := h.serving(); serving < 2 {
			t.Errorf("%d serve: %q", serving, h.images())
		}
		if s := f.Status("web"); s.Blocked != "" {
			t.Errorf("Blocked = %q", s.Blocked)
		}
	})
}

func TestFleet_lets_stale_clones_be(t *testing.T) {
	tests := []struct {
		name string
		// there is what is in the way, before the deploy or after it.
		before, there func(h *host)
		labels        []string
		held          string
		replaces      bool
	}{
		{name: "unless in the way", replaces: true},
		{name: "while the engine is not heard", there: func(h *host) { h.set(func() { h.deaf = true }) }, held: "the engine cannot be heard"},
		{name: "in a dry run", labels: []string{"ballast.scale.dry-run=true"}, held: "ballast.scale.dry-run is set"},
		{name: "while the new one is sick itself", there: func(h *host) { h.sicken("web-a") }, held: "web-a, which others would be made from, is unhealthy"},
		{name: "while it cannot be cloned", there: func(h *host) {
			h.change("web-a", func(c *engine.Container) { c.Grants.Privileged = true })
			after(time.Second)
		}, held: "privileged"},
		{name: "while another one is on its way", there: func(h *host) {
			h.keepBusy(h.id("ballast-web-2"))
			h.change("ballast-web-2", func(c *engine.Container) { c.State = engine.StateExited })
			h.set(func() { h.neverReady = true })
		}},
		{name: "that another Ballast made", before: func(h *host) {
			for _, name := range []string{"ballast-web-1", "ballast-web-2"} {
				h.change(name, func(c *engine.Container) {
					c.Labels = maps.Clone(c.Labels)
					c.Labels["ballast.owner"] = "there"
				})
			}
			after(time.Second)
		}},
		{name: "if scaling is off", labels: []string{"ballast.scale.max"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				labels := append([]string{"ballast.scale.max=4"}, tt.labels...)
				f, _ := scaled(t, h, nil, "ballast.scale.max=4", "ballast.drain.timeout=5m")
				if tt.before != nil {
					tt.before(h)
				}
				h.deploy("web-a", "web:2", labels...)
				if tt.there != nil {
					tt.there(h)
				}
				h.asked()
				after(2 * time.Minute)
				replaced := 0
				for _, call := range h.asked("stop") {
					if strings.Contains(call, "ballast-web") {
						replaced++
					}
				}
				if replaced > 0 != tt.replaces {
					t.Errorf("%d were replaced: %q\n%s", replaced, h.images(), h.logs.String())
				}
				if s := f.Status("web"); !strings.Contains(s.StaleHeld, tt.held) || tt.held == "" && s.StaleHeld != "" {
					t.Errorf("Status() = %+v, want it to say %q", s, tt.held)
				}
			})
		})
	}
}

// On a full host nothing is drained whose place another pool would take.
func TestFleet_keeps_stale_clones_while_another_pool_lacks_one(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		f, _ := scaled(t, h, func(o *containers.FleetOptions) { o.MaxContainers = 2 }, "ballast.scale.max=4")
		h.run("api-a", "ballast.pool=api", "ballast.scale.max=4")
		after(time.Second)
		f.Bring(t.Context(), "api", 2, nil)
		h.deploy("web-a", "web:2", "ballast.scale.max=4")
		after(5 * time.Minute)
		wantImages(t, h, "api-a web:1", "ballast-web-1 web:1", "ballast-web-2 web:1", "web-a web:2")
		if s := f.Status("web"); !strings.Contains(s.StaleHeld, "another pool lacks one") {
			t.Errorf("Status() = %+v, want it to say so", s)
		}
	})
}

// remembers is a host that has so many percent of its memory available.
func remembers(h *host, percent *uint64) func(*containers.FleetOptions) {
	return func(o *containers.FleetOptions) {
		o.Headroom = 10
		o.Memory = func() (uint64, uint64, bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return *percent, 100, true
		}
	}
}

// A stale warm clone is better than none: it stays as long as there is no memory to spare for another.
func TestFleet_keeps_stale_warm_clones_without_memory_to_spare(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		percent := uint64(60)
		labels := []string{"ballast.scale.max=9", "ballast.scale.warm=2"}
		f := warmPool(t, h, "2", remembers(h, &percent))
		h.set(func() { percent = 13 }) // Not short, and none to spare.
		h.deploy("web-a", "web:2", labels...)
		after(10 * time.Minute)
		wantImages(t, h, "ballast-web-1 web:1 paused", "ballast-web-2 web:1 paused", "web-a web:2")
		h.set(func() { percent = 60 })
		after(10 * time.Minute)
		if s := f.Status("web"); s.Warm != 2 || s.Stale != 0 {
			t.Errorf("Status() = %+v, want two new ones when there is", s)
		}
	})
}

// How much memory is available changes all the time, and is no news.
func TestFleet_says_once_that_memory_stopped_the_replacing(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		percent := uint64(60)
		f, _ := scaled(t, h, remembers(h, &percent), "ballast.scale.max=4")
		h.deploy("web-a", "web:2", "ballast.scale.max=4")
		for i := range 60 {
			h.set(func() { percent = uint64(5 + i%4) })
			after(time.Second)
		}
		if n := strings.Count(h.logs.String(), "stopped replacing stale clones"); n != 1 {
			t.Errorf("it was said %d times, want once", n)
		}
		if s := f.Status("web"); !strings.Contains(s.StaleHeld, "8 % of its memory") {
			t.Errorf("Status() = %+v, want how much there is now", s)
		}
	})
}

// What stands in for a moment has nothing replaced.
func TestFleet_waits_whether_they_stay_stale(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		scaled(t, h, nil, "ballast.scale.max=4")
		h.deploy("web-a", "web:2", "ballast.scale.max=4")
		after(5 * time.Second)
		h.deploy("web-a", "web:1", "ballast.scale.max=4")
		after(2 * time.Minute)
		if got := h.asked("create", "stop", "drain"); len(got) != 0 {
			t.Errorf("did %q, want nothing", got)
		}
	})
}

// Stale ones are given up first and brought up last.
func TestFleet_prefers_what_is_not_stale(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		labels := []string{"ballast.scale.max=9", "ballast.scale.warm=2"}
		f, _ := scaled(t, h, nil, labels...)
		h.deploy("web-a", "web:2", labels...)
		var fresh, old string
		until(t, "one of each is in reserve", func() bool {
			fresh, old = "", ""
			for _, one := range h.images() {
				name, rest, _ := strings.Cut(one, " ")
				switch rest {
				case "web:2 paused":
					fresh = name
				case "web:1 paused":
					old = name
				}
			}
			return fresh != "" && old != ""
		})
		h.asked()
		f.Bring(t.Context(), "web", 4, nil)
		after(100 * time.Millisecond)
		if got := h.asked("unpause"); !slices.Equal(got, []string{"unpause " + fresh}) {
			t.Errorf("did %q, want %s woken", got, fresh)
		}
	})
	bubble(t, func(t *testing.T, h *host) {
		f, _ := scaled(t, h, nil, "ballast.scale.max=4")
		h.deploy("web-a", "web:2", "ballast.scale.max=4")
		until(t, "one is replaced", func() bool { s := f.Status("web"); return s.Stale == 1 && s.Retiring == 0 })
		var fresh string
		for _, one := range made(h) {
			if id := h.id(strings.Fields(one)[0]); h.served[id] && !h.hidden[id] {
				fresh = id
			}
		}
		h.asked()
		f.Bring(t.Context(), "web", 2, []string{fresh})
		after(time.Minute)
		if s := f.Status("web"); len(s.Clones) != 1 || s.Clones[0].ID != fresh {
			t.Errorf("clones are %v, want only %s\n%q", s.Clones, fresh, h.images())
		}
	})
}
