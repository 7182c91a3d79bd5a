package containers_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_Replace(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.drain.timeout=20s")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		h.asked()
		one, two := h.id("ballast-web-1"), h.id("ballast-web-2")
		h.keepBusy(one)
		if err := f.Replace(one); err != nil {
			t.Fatal(err)
		}
		// Before its retirement has begun, and after.
		for range 2 {
			if err := f.Replace(two); !errors.Is(err, containers.ErrBusy) {
				t.Errorf("Replace() of another = %v, want ErrBusy", err)
			}
			after(time.Second)
		}
		got := h.asked("drain", "create", "stop")
		slices.Sort(got) // Both at once.
		if diff := cmp.Diff([]string{"create ballast-web-3", "drain ballast-web-1"}, got); diff != "" {
			t.Errorf("calls while it drains (-want +got):\n%s", diff)
		}
		if err := f.Replace(one); !errors.Is(err, containers.ErrNotServing) {
			t.Errorf("Replace() of one that goes = %v, want ErrNotServing", err)
		}
		after(20 * time.Second)
		wantNames(t, h, "ballast-web-2", "ballast-web-3", "web-a")
		if err := f.Replace(two); err != nil {
			t.Errorf("Replace() of another when the first is done = %v", err)
		}
	})
}

// A Fleet that was not asked for anything since it began makes another all the same.
func TestFleet_Replace_of_an_adopted_clone(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		id := h.clone("here", 7)
		f, _ := h.fleet(nil)
		after(5 * time.Second)
		if err := f.Replace(id); err != nil {
			t.Fatal(err)
		}
		after(30 * time.Second)
		wantNames(t, h, "ballast-web-1", "web-a")
	})
}

// What would come to nothing, or much later, is refused at once.
func TestFleet_Replace_refuses_while_nothing_is_replaced(t *testing.T) {
	tests := []struct {
		name, says string
		now        func(h *host, f *containers.Fleet)
		over       func(h *host, f *containers.Fleet)
	}{
		{"another Ballast takes over", "takes over", func(_ *host, f *containers.Fleet) { f.KeepAll(true) }, func(_ *host, f *containers.Fleet) { f.KeepAll(false) }},
		{"another Ballast has its name", "the same instance", func(h *host, _ *containers.Fleet) { h.clone("here", 9) }, func(*host, *containers.Fleet) {}},
		{"the engine is not heard", "engine", func(h *host, _ *containers.Fleet) { h.set(func() { h.deaf = true }) }, func(h *host, _ *containers.Fleet) { h.set(func() { h.deaf = false }) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a")
				f, _ := h.fleet(nil)
				f.Bring(t.Context(), "web", 2, nil)
				after(2 * time.Minute)
				id := h.id("ballast-web-1")
				tt.now(h, f)
				after(time.Second)
				h.asked()
				if err := f.Replace(id); !errors.Is(err, containers.ErrNotNow) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("Replace() = %v, want ErrNotNow: %s", err, tt.says)
				}
				tt.over(h, f)
				after(5 * time.Second)
				if got := h.asked("drain", "stop", "create"); len(got) > 0 {
					t.Errorf("did %q, want nothing", got)
				}
			})
		})
	}
}

// What was granted is done, whatever comes a moment later.
func TestFleet_Replace_is_not_put_off(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(2 * time.Minute)
		id := h.id("ballast-web-1")
		h.asked()
		if err := f.Replace(id); err != nil {
			t.Fatal(err)
		}
		if s := f.Status("web"); s.Retiring != 1 {
			t.Errorf("Status() = %+v, want it to be about to go", s)
		}
	})
}

func TestFleet_Replace_refuses(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		original := h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		for _, id := range []string{original, "nobody"} {
			if err := f.Replace(id); !errors.Is(err, containers.ErrNotOurClone) {
				t.Errorf("Replace(%s) = %v, want ErrNotOurClone", id, err)
			}
		}
		h.change("web-a", func(c *engine.Container) { c.Grants.Privileged = true })
		after(time.Second)
		if err := f.Replace(h.id("ballast-web-1")); err == nil || !strings.Contains(err.Error(), "privileged") {
			t.Errorf("Replace() when nothing can be cloned = %v, want why", err)
		}
	})
}
