package containers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_a_failure_of_long_ago_blocks_nothing(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		h.failing("create", engine.ErrUnavailable)
		f.Bring(t.Context(), "web", 3, nil)
		after(10 * time.Second)
		if s := f.Status("web"); s.Blocked == "" {
			t.Error("Blocked is empty while a clone is wanted and can't be made")
		}
		f.Bring(t.Context(), "web", 1, nil)
		if s := f.Status("web"); s.Blocked == "" {
			t.Error("Blocked is empty right after a failure")
		}
		h.failing("", nil)
		after(2 * time.Minute)
		// Nobody tries any more, so nobody would find out that it works again.
		if s := f.Status("web"); s.Blocked != "" {
			t.Errorf("Blocked = %q when the next trial may be made, want nothing", s.Blocked)
		}
		f.Bring(t.Context(), "web", 3, nil)
		after(10 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "web-a")
	})
}

// lateEngine does what it says that it did not do, as an engine may that answers too late.
type lateEngine struct {
	*host
	create, start bool
}

func (e lateEngine) Create(ctx context.Context, spec engine.Spec) (string, error) {
	id, err := e.host.Create(ctx, spec)
	if e.create {
		time.Sleep(time.Second) // Meanwhile a snapshot shows it.
		return "", engine.ErrUnavailable
	}
	return id, err
}

func (e lateEngine) Start(ctx context.Context, id string) error {
	err := e.host.Start(ctx, id)
	if e.start {
		return engine.ErrUnavailable
	}
	return err
}

func TestFleet_removes_what_started_too_late(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(func(o *containers.FleetOptions) { o.Engine = lateEngine{host: h, start: true} })
		h.set(func() {
			h.fail = func(call string) error {
				if strings.HasPrefix(call, "kill") || strings.HasPrefix(call, "remove") {
					return engine.ErrUnavailable
				}
				return nil
			}
		})
		f.Bring(t.Context(), "web", 2, nil)
		after(400 * time.Millisecond)
		h.id("ballast-web-1")
		h.failing("", nil)
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Minute)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_removes_what_was_made_too_late(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(func(o *containers.FleetOptions) { o.Engine = lateEngine{host: h, create: true} })
		f.Bring(t.Context(), "web", 2, nil)
		after(900 * time.Millisecond)
		wantNames(t, h, "ballast-web-1 created", "web-a")
		f.Bring(t.Context(), "web", 1, nil)
		after(time.Minute)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_RemoveAll_waits_for_what_is_being_made(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 4, nil)
		after(50 * time.Millisecond) // in the middle of the creation
		if err := f.RemoveAll(t.Context()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
		after(time.Minute)
		wantNames(t, h, "web-a")
	})
}

func TestFleet_RemoveAll_beside_a_removal(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		// Docker's answer while another removal of the same container is under way.
		calls := 0
		h.set(func() {
			h.fail = func(call string) error {
				if strings.HasPrefix(call, "remove") {
					if calls++; calls < 3 {
						return engine.ErrConflict
					}
				}
				return nil
			}
		})
		if err := f.RemoveAll(t.Context()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
		wantNames(t, h, "web-a")
	})
}

func TestFleet_budget_counts_clones_that_no_snapshot_showed_yet(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(func(o *containers.FleetOptions) { o.MaxContainers = 2 })
		after(time.Second)
		h.set(func() { h.lag = 10 * time.Second })
		h.clone("there", 1)
		f.Bring(t.Context(), "web", 9, nil)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "ballast-web-2", "web-a")
	})
}

// An image that somebody committed from a clone has the clone's labels, and so has what runs from it.
func TestFleet_leaves_alone_what_only_has_a_clones_labels(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		copied := []string{"ballast.clone=true", "ballast.owner=here", "ballast.template=web-a", "ballast.slot=1"}
		h.run("mine", copied...)
		h.run("stopped", copied...)
		h.change("stopped", func(c *engine.Container) { c.State = engine.StateExited })
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 3, nil)
		after(5 * time.Second)
		wantNames(t, h, "ballast-web-1", "mine", "stopped exited", "web-a")
		f.Bring(t.Context(), "web", 0, nil)
		after(time.Minute)
		wantNames(t, h, "mine", "stopped exited", "web-a")
		if err := f.RemoveAll(t.Context()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
		wantNames(t, h, "mine", "stopped exited", "web-a")
	})
}

func TestFleet_RemoveAll_knows_the_pool_that_needs_no_label(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a", "ballast.pool=", "ballast.drain.timeout=5s")
		var removedFrom []string
		f, _ := h.fleet(func(o *containers.FleetOptions) {
			o.Acted = func(pool, action string) {
				if action == containers.ActedRemove {
					removedFrom = append(removedFrom, pool)
				}
			}
		})
		f.Bring(t.Context(), "default", 2, nil)
		after(5 * time.Second)
		h.keepBusy(h.id("ballast-default-1"))
		began := time.Now()
		if err := f.RemoveAll(t.Context()); err != nil {
			t.Errorf("RemoveAll() = %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("drained for %v, want the pool's 5s", took)
		}
		if len(removedFrom) != 1 || removedFrom[0] != "default" {
			t.Errorf("removed from pools %q, want default", removedFrom)
		}
	})
}

// A victim that has just gone by itself is nothing to alarm anybody about.
func TestFleet_a_victim_that_is_gone(t *testing.T) {
	bubble(t, func(t *testing.T, h *host) {
		h.run("web-a")
		f, _ := h.fleet(nil)
		f.Bring(t.Context(), "web", 2, nil)
		after(5 * time.Second)
		id := h.id("ballast-web-1")
		h.vanish(id)
		after(time.Second)
		f.Bring(t.Context(), "web", 1, []string{id})
		after(time.Second)
		if log := h.logs.String(); strings.Contains(log, `"level":"error"`) || !strings.Contains(log, `{"level":"debug","pool":"web","container":"`+id+`"`) {
			t.Errorf("log does not tell of it at debug:\n%s", log)
		}
	})
}
