package containers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_unpauses_before_it_stops(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.scale.max=4", "ballast.scale.warm=1")
		f, stop := h.fleet(nil)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1 paused", "web-a")
		h.asked()
		stop()
		if err := f.RemoveAll(t.Context()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
		want := []string{"drain ballast-web-1", "unpause ballast-web-1", "stop ballast-web-1", "remove ballast-web-1"}
		if diff := cmp.Diff(want, h.asked("drain", "unpause", "stop", "remove", "kill")); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestFleet_retries_a_removal(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		h.failing("stop", engine.ErrUnavailable)
		h.asked()
		f.Bring(t.Context(), "web", 1, nil)
		after(10 * time.Minute)
		// 1, 2, 4, 8, 16, 32 s and then each minute.
		if n := len(h.asked("stop")); n < 10 || n > 16 {
			t.Errorf("%d attempts to stop in 10 minutes, want 10 to 16", n)
		}
		h.failing("", nil)
		after(time.Minute)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_what_is_gone_is_no_error(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		id := h.id("ballast-web-1")
		busy := h.keepBusy(id)
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Second)
		h.vanish(id)
		close(busy)
		after(time.Second)
		if s := f.Status("web"); s.Retiring != 0 || strings.Contains(h.logs.String(), `"level":"warn"`) {
			t.Errorf("Retiring = %d, log:\n%s", s.Retiring, h.logs.String())
		}
	})
}

func TestFleet_shutdown_leaves_a_draining_clone(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, stop := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		h.keepBusy(h.id("ballast-web-1"))
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Second)
		stop()
		wantNames(t, h, "ballast-web-1", "web-a")
	})
}

func TestFleet_shutdown_leaves_nothing_half_made(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, stop := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(50 * time.Millisecond) // in the middle of the creation
		stop()
		wantNames(t, h, "web-a")
	})
}

func TestFleet_RemoveAll(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		want    []string
	}{
		{"drains and stops as long as there is time", time.Minute, []string{"drain", "stop", "remove"}},
		{"kills when there is none left", 5 * time.Second, []string{"drain", "kill"}},
		{"kills at once when there was none", 0, []string{"kill"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				h.run("web-a")
				f, stop := h.fleet(nil)
				f.Bring(t.Context(), "web", 2, nil)
				after(5 * time.Second)
				stop()
				busy := h.keepBusy(h.id("ballast-web-1"))
				time.AfterFunc(10*time.Second, func() { close(busy) })
				h.asked()

				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				if err := f.RemoveAll(ctx); err != nil {
					t.Errorf("RemoveAll() = %v", err)
				}
				var want []string
				for _, act := range tt.want {
					want = append(want, act+" ballast-web-1")
				}
				if diff := cmp.Diff(want, h.asked("drain", "stop", "remove", "kill")); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				wantNames(t, h, "web-a")
			})
		})
	}
}

func TestFleet_RemoveAll_reports_what_stayed(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		broken := errors.New("disk is broken")
		h.failing("remove ballast-web-1", broken)
		err := f.RemoveAll(t.Context())
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "ballast-web-1") {
			t.Errorf("RemoveAll() = %v, want the broken disk and the name of the clone", err)
		}
		after(time.Minute)
		wantNames(t, h, "ballast-web-1 exited", "web-a")
	})
}
