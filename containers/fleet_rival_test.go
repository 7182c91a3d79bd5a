package containers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// saidRival is a part of what is said of another Ballast that has the same instance.
const saidRival = `has the same instance, \"here\"`

func TestFleet_freezes_when_another_one_makes_its_clones(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=5")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(2 * time.Minute)
		h.asked()
		h.clone("here", 4)
		after(30 * time.Second)
		h.clone("here", 5) // It counts anew.
		f.Bring(t.Context(), "web", 1, nil)
		after(50 * time.Second)
		wantCalls(t, h)
		if s := f.Status("web"); !strings.Contains(s.Blocked, `instance, "here"`) || !strings.Contains(s.Blocked, "set instance to a name of its own") {
			t.Errorf("Blocked = %q, want the remedy", s.Blocked)
		}
		if n := strings.Count(h.logs.String(), saidRival); n != 2 {
			t.Errorf("it was said %d times, want 2:\n%s", n, h.logs.String())
		}
		after(30 * time.Second)
		wantNames(t, h, "web-a")
	})
}

// Each thaw lets two of them undo once more what the other did: it must come ever later, and anew when they have left each other alone.
func TestFleet_freezes_for_longer_when_they_meet_again(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=5")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 1, nil)
		after(2 * time.Minute)
		for _, tt := range []struct{ alone, frozen time.Duration }{
			{0, time.Minute},
			{5 * time.Second, 2 * time.Minute},
			{time.Minute, 4 * time.Minute},
			{0, 8 * time.Minute},
			{0, 16 * time.Minute},
			{15 * time.Minute, 16 * time.Minute},
			{20 * time.Minute, time.Minute},
		} {
			after(tt.alone)
			h.clone("here", 1)
			after(tt.frozen - time.Second)
			wantNames(t, h, "ballast-web-1", "web-a")
			after(2 * time.Second)
			wantNames(t, h, "web-a")
		}
	})
}

func TestFleet_takes_no_one_for_a_rival(t *testing.T) {
	for _, tt := range []struct {
		name string
		made func(t *testing.T, h *host)
	}{
		{"an earlier run that was killed", func(_ *testing.T, h *host) {
			h.fleet(nil)
			after(10 * time.Second)
			h.clone("here", 1)
		}},
		{"one that hands over", func(t *testing.T, h *host) {
			f, stop := h.fleet(nil)
			after(2 * time.Minute)
			stop()
			h.set(func() { h.fleets = append(h.fleets, f) }) // It hears on of what there is.
			h.clone("here", 1)
		}},
		{"another instance", func(_ *testing.T, h *host) {
			h.fleet(nil)
			after(2 * time.Minute)
			h.clone("there", 1)
		}},
		{"a creation without an answer", func(t *testing.T, h *host) {
			f, _ := h.fleet(nil)
			after(2 * time.Minute)
			h.failing("create", engine.ErrUnavailable)
			f.Bring(t.Context(), "web", 2, nil)
			after(10 * time.Second)
			h.clone("here", 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a", "ballast.scale.max=5")
				tt.made(t, h)
				after(time.Second)
				if strings.Contains(h.logs.String(), saidRival) {
					t.Errorf("it is taken for another Ballast:\n%s", h.logs.String())
				}
			})
		})
	}
}
