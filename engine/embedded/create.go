package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/ballast-lb/ballast/engine"
)

// Run creates and starts a container, like docker run, and returns its ID.
func (e *Engine) Run(name, image string, labels map[string]string, options ...RunOption) (string, error) {
	ctx := context.Background()
	if err := e.lock(ctx); err != nil {
		return "", fmt.Errorf("run container %s: %w", name, err)
	}
	defer e.mu.Unlock()
	c := &container{name: name, labels: labels, setup: setup{image: image, bootTime: e.options.BootTime}}
	for _, option := range options {
		option(c)
	}
	if err := e.add(c); err != nil {
		return "", fmt.Errorf("run container %s: %w", name, err)
	}
	if err := e.start(c); err != nil {
		return "", fmt.Errorf("run container %s: %w", name, err)
	}
	return c.id, nil
}

// Create makes a container with the environment and the behaviour of its template, not started.
func (e *Engine) Create(ctx context.Context, spec engine.Spec) (string, error) {
	template, err := e.find(ctx, spec.Template)
	if err != nil {
		return "", fmt.Errorf("create container %s from %s: %w", spec.Name, spec.Template, err)
	}
	defer e.mu.Unlock()
	c := &container{name: spec.Name, labels: spec.Labels, setup: template.setup}
	if spec.Image != "" {
		c.image = spec.Image
	}
	if err := e.add(c); err != nil {
		return "", fmt.Errorf("create container %s: %w", spec.Name, err)
	}
	return c.id, nil
}

// add takes a container in. The engine is locked.
func (e *Engine) add(c *container) error {
	image, ok := e.options.Images[c.image]
	if !ok {
		return fmt.Errorf("image %s: %w", c.image, engine.ErrNotFound)
	}
	switch {
	case image != nil:
		// Each start gets a port of its own.
		c.port = 0
	case c.port == 0:
		c.port = defaultPort
	}
	c.id = newID()
	c.labels = maps.Clone(c.labels)
	if c.name == "" {
		c.name = "embedded-" + c.id[:12]
	}
	if other, taken := e.names[c.name]; taken {
		return fmt.Errorf("%w: container %s has that name", engine.ErrConflict, other.id)
	}
	e.made++
	c.number = e.made
	c.log = &logbook{}
	c.state = engine.StateCreated
	e.containers[c.id] = c
	e.names[c.name] = c
	e.emit(c, engine.Event{Action: engine.ActionCreate})
	return nil
}

func newID() string {
	var id [32]byte
	// It never fails.
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
