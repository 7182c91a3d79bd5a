package containers_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// What follows is the host as an engine, and as what checks containers and leads traffic to them.

// begin notes a call and asks whether it fails.
func (h *host) begin(ctx context.Context, act, name string) error {
	call := act + " " + name
	h.calls, h.times = append(h.calls, call), append(h.times, time.Now())
	if err := ctx.Err(); err != nil {
		return err
	}
	return h.fail(call)
}

func (h *host) find(id string) (*engine.Container, error) {
	for _, c := range h.containers {
		if c.ID == id || c.Name == id {
			return c, nil
		}
	}
	return &engine.Container{Summary: engine.Summary{Name: id}}, fmt.Errorf("container %s: %w", id, engine.ErrNotFound)
}

// act does a call on one container.
func (h *host) act(ctx context.Context, act, id string, change func(*engine.Container) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.find(id)
	if failed := h.begin(ctx, act, c.Name); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	copied := *c
	if err := change(&copied); err != nil {
		return err
	}
	h.containers[c.ID] = &copied
	h.changed()
	return nil
}

func (h *host) List(context.Context) ([]engine.Summary, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []engine.Summary
	for _, c := range h.containers {
		list = append(list, c.Summary)
	}
	return list, nil
}

func (h *host) Inspect(ctx context.Context, id string) (engine.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.find(id)
	if failed := h.begin(ctx, "inspect", c.Name); failed != nil {
		return engine.Container{}, failed
	}
	return *c, err
}

func (h *host) Create(ctx context.Context, spec engine.Spec) (string, error) {
	h.mu.Lock()
	err := h.begin(ctx, "create", spec.Name)
	h.making++
	h.most = max(h.most, h.making)
	h.mu.Unlock()
	time.Sleep(h.took)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.making--
	if err != nil {
		return "", err
	}
	if _, err := h.find(spec.Name); err == nil {
		return "", fmt.Errorf("name %s: %w", spec.Name, engine.ErrConflict)
	}
	template, err := h.find(spec.Template)
	if err != nil {
		return "", err
	}
	c := h.add(spec.Name, spec.Labels)
	c.Image, c.ImageID = template.Image, template.ImageID
	if spec.Image != "" {
		c.Image, c.ImageID = spec.Image, "sha256:"+spec.Image
	}
	h.changed()
	return c.ID, nil
}

func (h *host) Start(ctx context.Context, id string) error {
	time.Sleep(h.took)
	started := time.Now()
	err := h.act(ctx, "start", id, func(c *engine.Container) error {
		c.State, c.StartedAt = engine.StateRunning, started
		delete(h.sick, c.ID)
		delete(h.served, c.ID)
		return nil
	})
	if err != nil {
		return err
	}
	h.prove(id, started)
	h.mu.Lock()
	after := h.crashAfter
	h.mu.Unlock()
	if after > 0 {
		time.AfterFunc(after, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if c := h.containers[id]; c != nil && c.State == engine.StateRunning {
				copied := *c
				copied.State, copied.ExitCode = engine.StateExited, 3
				h.containers[id] = &copied
				h.changed()
			}
		})
	}
	return nil
}

// prove reports a container as ready once it is booted.
func (h *host) prove(id string, started time.Time) {
	time.AfterFunc(time.Until(started.Add(h.boot)), func() {
		h.mu.Lock()
		if h.neverReady {
			h.mu.Unlock()
			return
		}
		c := h.containers[id]
		fleets := slices.Clone(h.fleets)
		hidden := h.hidden[id]
		h.served[id] = h.served[id] || !hidden
		h.mu.Unlock()
		if c != nil && c.State == engine.StateRunning {
			for _, f := range fleets {
				if hidden {
					f.Proven(id)
				} else {
					f.Ready(id)
				}
			}
		}
	})
}

// Undrain puts a container back; if it has not served before, it does so now.
func (h *host) Undrain(id string) {
	h.mu.Lock()
	c, err := h.find(id)
	h.calls, h.times = append(h.calls, "undrain "+c.Name), append(h.times, time.Now())
	delete(h.hidden, id)
	anew := err == nil && c.State == engine.StateRunning && !h.served[id]
	started := c.StartedAt
	h.mu.Unlock()
	if anew {
		h.prove(id, started)
	}
}

func (h *host) Pause(ctx context.Context, id string) error {
	return h.act(ctx, "pause", id, func(c *engine.Container) error {
		if c.State != engine.StateRunning {
			return fmt.Errorf("is %s: %w", c.State, engine.ErrConflict)
		}
		c.State = engine.StatePaused
		delete(h.served, id)
		return nil
	})
}

func (h *host) Stop(ctx context.Context, id string, timeout time.Duration) error {
	return h.act(ctx, "stop", id, func(c *engine.Container) error {
		if c.State == engine.StatePaused {
			return fmt.Errorf("paused: %w", engine.ErrConflict)
		}
		if timeout != c.StopTimeout {
			h.t.Errorf("stop timeout of %s = %v, want %v", c.Name, timeout, c.StopTimeout)
		}
		c.State = engine.StateExited
		return nil
	})
}

func (h *host) Unpause(ctx context.Context, id string) error {
	err := h.act(ctx, "unpause", id, func(c *engine.Container) error {
		if c.State != engine.StatePaused {
			return fmt.Errorf("is %s: %w", c.State, engine.ErrConflict)
		}
		c.State = engine.StateRunning
		return nil
	})
	if err == nil {
		h.prove(id, time.Now().Add(20*time.Millisecond-h.boot))
	}
	return err
}

func (h *host) Remove(ctx context.Context, id string, force bool) error {
	act := "remove"
	if force {
		act = "kill"
	}
	err := h.act(ctx, act, id, func(c *engine.Container) error {
		if c.State == engine.StateRunning && !force {
			return fmt.Errorf("running: %w", engine.ErrConflict)
		}
		return nil
	})
	if err == nil {
		h.vanish(id)
	}
	return err
}

// health is what checks of a pool find.
func (h *host) health(pool string) (map[string]containers.State, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	states := map[string]containers.State{}
	for id, c := range h.containers {
		switch {
		case c.State != engine.StateRunning || c.Labels["ballast.pool"] != pool:
		case h.hidden[id]:
			states[id] = containers.StateDraining
		case h.sick[id]:
			states[id] = containers.StateUnhealthy
		case !h.served[id]:
			states[id] = containers.StateStarting
		default:
			states[id] = containers.StateReady
		}
	}
	return states, !h.deaf
}

// sicken makes containers fail their checks from now on.
func (h *host) sicken(names ...string) {
	for _, name := range names {
		id := h.id(name)
		h.set(func() { h.sick[id] = true })
	}
}

// Drain waits as long as the container is busy.
func (h *host) Drain(ctx context.Context, id string) error {
	h.mu.Lock()
	c, _ := h.find(id)
	h.calls, h.times = append(h.calls, "drain "+c.Name), append(h.times, time.Now())
	busy := h.busy[id]
	h.hidden[id] = true
	h.mu.Unlock()
	if busy == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-busy:
		return nil
	}
}
