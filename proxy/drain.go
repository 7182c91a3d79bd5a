package proxy

import (
	"context"
	"fmt"
)

// Drain takes a container out of rotation and returns when none of its requests is in flight, or
// with an error when ctx ends. Either way it stays out until Undrain, or until it no longer exists,
// also when it restarts. One that is not known yet is kept out of rotation from the first. What is in flight at backends that the container was before counts as well. A
// container that is not known has nothing in flight.
func (c *Core) Drain(ctx context.Context, containerID string) error {
	backends := c.mark(containerID, true)
	for _, b := range backends {
		if err := b.wait(ctx); err != nil {
			return fmt.Errorf("drain %s with %d requests in flight: %w", b.name, b.inFlight.Load(), err)
		}
	}
	return nil
}

// Undrain puts a drained container back into rotation, unless it was set aside.
func (c *Core) Undrain(containerID string) { c.mark(containerID, false) }

// SetAside takes a container out of rotation, as Drain does, and does not wait. It stays out until PutBack, or until it no
// longer exists, whatever Drain and Undrain are called for. False says that no such container is known.
func (c *Core) SetAside(containerID string) bool { return c.aside(containerID, true) }

// PutBack ends what SetAside did. False says that nothing was set aside.
func (c *Core) PutBack(containerID string) bool { return c.aside(containerID, false) }

func (c *Core) aside(containerID string, out bool) bool {
	var after aftermath
	c.mu.Lock()
	found := c.asides[containerID]
	if out {
		for id := range c.backends {
			found = found || id.Container == containerID
		}
	}
	switch {
	case out && found:
		c.asides[containerID] = true
	case !out:
		delete(c.asides, containerID)
	}
	c.redrain(containerID, &after)
	c.mu.Unlock()
	c.follow(&after, nil)
	return found
}

// redrain brings a container's backends up to date with its marks. c.mu must be held.
func (c *Core) redrain(containerID string, after *aftermath) {
	out := c.out(containerID)
	for id, b := range c.backends {
		if id.Container == containerID && b.drained != out {
			b.drained = out
			c.refresh(b.pool, after)
		}
	}
}

// out says whether a container is to be kept out of rotation. c.mu must be held.
func (c *Core) out(containerID string) bool {
	_, drained := c.drained[containerID]
	return drained || c.asides[containerID]
}

func (c *Core) mark(containerID string, drained bool) []*Backend {
	var (
		after  aftermath
		marked []*Backend
	)
	c.mu.Lock()
	switch _, marked := c.drained[containerID]; {
	case drained && !marked:
		c.drained[containerID] = false // No snapshot has shown it yet.
	case !drained:
		delete(c.drained, containerID)
	}
	for id, b := range c.backends {
		if id.Container != containerID {
			continue
		}
		marked = append(marked, b)
		if drained {
			c.drained[containerID] = true
		}
	}
	c.redrain(containerID, &after)
	for _, b := range c.left {
		if b.identity.Container == containerID {
			marked = append(marked, b)
		}
	}
	c.mu.Unlock()
	c.follow(&after, nil)
	return marked
}
