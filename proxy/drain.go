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

// Undrain puts a drained container back into rotation.
func (c *Core) Undrain(containerID string) { c.mark(containerID, false) }

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
		if b.drained != drained {
			b.drained = drained
			c.refresh(b.pool, &after)
		}
	}
	for _, b := range c.left {
		if b.identity.Container == containerID {
			marked = append(marked, b)
		}
	}
	c.mu.Unlock()
	c.follow(&after, nil)
	return marked
}
