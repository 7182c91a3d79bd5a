package containers_test

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_stops_originals_at_zero_and_starts_them_again(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.min=0", "ballast.scale.max=3")
		h.run("web-b", "ballast.scale.min=0", "ballast.scale.max=3")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		h.asked()
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		wantNames(t, h, "web-a exited", "web-b exited")
		if s := f.Status("web"); s.Others != 0 || s.Creating != 0 || s.Blocked != "" {
			t.Errorf("Status() = %+v, want nothing", s)
		}
		h.asked()
		f.Bring(t.Context(), "web", 1, nil)
		after(200 * time.Millisecond)
		if s := f.Status("web"); s.Creating+s.Others != 1 {
			t.Errorf("Status() = %+v, want one that comes", s)
		}
		after(5 * time.Second)
		wantNames(t, h, "web-a", "web-b exited")
		wantCalls(t, h, "start web-a")
		if s := f.Status("web"); s.Others != 1 || s.StartTakes == 0 {
			t.Errorf("Status() = %+v, want one that serves", s)
		}
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a", "web-b")
	})
}

func TestFleet_never_stops_originals_of_pools_with_a_minimum(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=3")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Minute)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_never_starts_what_somebody_stopped_in_pools_with_a_minimum(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=3")
		h.run("web-b", "ballast.scale.max=3")
		f, _ := h.fleet(nil)
		h.change("web-b", func(c *engine.Container) { c.State = engine.StateExited })
		after(time.Second)
		f.Bring(t.Context(), "web", 2, nil)
		after(10 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a", "web-b exited")
	})
}

func TestFleet_takes_back_an_original_that_drains(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		id := h.run("web-a", "ballast.scale.min=0", "ballast.scale.max=3")
		f, _ := h.fleet(nil)
		after(5 * time.Second)
		h.keepBusy(id)
		h.asked()
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Second)
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Minute)
		wantCalls(t, h, "drain web-a", "undrain web-a")
		wantNames(t, h, "web-a")
	})
}

func TestFleet_opens_its_circuit_after_three_failures(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.min=0", "ballast.scale.max=3")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		h.failing("start", engine.ErrUnavailable)
		f.Bring(t.Context(), "web", 1, nil)
		after(500 * time.Millisecond)
		if s := f.Status("web"); s.Open || s.Blocked == "" {
			t.Errorf("Status() = %+v after one failure, want it blocked and not open", s)
		}
		after(20 * time.Second)
		if s := f.Status("web"); !s.Open {
			t.Errorf("Status() = %+v after more, want it open", s)
		}
		h.failing("", nil)
		after(time.Minute)
		if s := f.Status("web"); s.Open || s.Blocked != "" || s.Others != 1 {
			t.Errorf("Status() = %+v when it works again", s)
		}
	})
}

func TestFleet_says_what_to_do_when_the_disk_is_too_full_to_start_an_original(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		h.failing("start", engine.ErrNoSpace)
		f.Bring(t.Context(), "web", 1, nil)
		after(20 * time.Second)
		want := diskFull + "start container web-a: engine out of disk space)"
		if s := f.Status("web"); !s.Open || s.Blocked != want {
			t.Errorf("Status() = %+v, want it open and blocked: %s", s, want)
		}
		h.failing("", nil)
		after(time.Minute)
		wantNames(t, h, "web-a")
		if s := f.Status("web"); s.Open || s.Blocked != "" || s.Others != 1 {
			t.Errorf("Status() = %+v when there is space again", s)
		}
	})
}

// That it runs does not mean that it ever serves.
func TestFleet_an_original_that_never_serves_has_failed(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 0, nil)
		after(5 * time.Second)
		h.set(func() { h.neverReady = true })
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Minute)
		if s := f.Status("web"); s.Others != 1 || s.StartingFor != time.Minute || s.Blocked != "" {
			t.Errorf("Status() = %+v after a minute, want one that has been starting for so long", s)
		}
		after(4*time.Minute + time.Millisecond)
		want := "container web-a did not serve within 5m0s of its start"
		if s := f.Status("web"); s.StartingFor != 0 || s.Blocked != want {
			t.Errorf("Status() = %+v after five, want it blocked: %s", s, want)
		}
		h.set(func() { h.neverReady = false })
		f.Bring(t.Context(), "web", 2, nil) // One more than what does not serve.
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a")
		if s := f.Status("web"); s.Blocked != "" || s.StartingFor != 0 {
			t.Errorf("Status() = %+v, want nothing in the way", s)
		}
	})
}

func TestFleet_how_long_an_original_has_been_starting_ends_when_it_serves(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.boot = 20 * time.Second
		h.zero("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 0, nil)
		after(30 * time.Second)
		f.Bring(t.Context(), "web", 1, nil)
		after(10 * time.Second)
		if s := f.Status("web"); s.StartingFor != 10*time.Second {
			t.Errorf("StartingFor = %s in the midst of its boot, want 10s", s.StartingFor)
		}
		after(15 * time.Second)
		if s := f.Status("web"); s.StartingFor != 0 {
			t.Errorf("StartingFor = %s when it serves, want 0", s.StartingFor)
		}
	})
}

func TestFleet_starts_an_original_that_never_ran(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.zero("web-a")
		h.change("web-a", func(c *engine.Container) { c.State, c.StartedAt = engine.StateCreated, time.Time{} })
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 1, nil)
		after(5 * time.Second)
		wantNames(t, h, "web-a")
		wantCalls(t, h, "start web-a")
	})
}
