package docker

import (
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/ballast-lb/ballast/engine"
)

// Start starts a container; starting a running one is no error.
func (e *Engine) Start(ctx context.Context, id string) error {
	return do(ctx, e.limits.call, "start container "+id, func(ctx context.Context) error {
		return e.conn.Load().ContainerStart(ctx, id, container.StartOptions{})
	})
}

// Stop stops a container within timeout, rounded up to seconds; stopping a stopped one is no error.
func (e *Engine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	timeout = max(timeout, 0)
	seconds := int((timeout + time.Second - 1) / time.Second)
	limit := time.Duration(seconds)*time.Second + e.limits.stop
	return do(ctx, limit, "stop container "+id, func(ctx context.Context) error {
		return e.conn.Load().ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	})
}

// Pause freezes a running container.
func (e *Engine) Pause(ctx context.Context, id string) error {
	return do(ctx, e.limits.call, "pause container "+id, func(ctx context.Context) error {
		return e.conn.Load().ContainerPause(ctx, id)
	})
}

// Unpause thaws a paused container.
func (e *Engine) Unpause(ctx context.Context, id string) error {
	act := "unpause container " + id
	err := do(ctx, e.limits.call, act, func(ctx context.Context) error {
		return e.conn.Load().ContainerUnpause(ctx, id)
	})
	if !cerrdefs.IsInternal(err) {
		return err
	}
	// Docker answers 500 to unpausing what is not paused.
	if c, inspectErr := e.Inspect(ctx, id); inspectErr == nil && c.State != engine.StatePaused {
		return fmt.Errorf("%w: %w", engine.ErrConflict, err)
	}
	return err
}

// Remove deletes a container and its anonymous volumes.
func (e *Engine) Remove(ctx context.Context, id string, force bool) error {
	return do(ctx, e.limits.list, "remove container "+id, func(ctx context.Context) error {
		return e.conn.Load().ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true, Force: force})
	})
}
