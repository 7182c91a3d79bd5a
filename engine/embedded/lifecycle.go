package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// Start starts a container. Its port opens when its boot time is over.
func (e *Engine) Start(ctx context.Context, id string) error {
	c, err := e.find(ctx, id)
	if err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	defer e.mu.Unlock()
	if err := e.start(c); err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	return nil
}

// start starts a container with the engine locked.
func (e *Engine) start(c *container) error {
	switch c.state {
	case engine.StateRunning:
		return nil
	case engine.StateCreated, engine.StateExited:
	default:
		return fmt.Errorf("%w: it is %s", engine.ErrConflict, c.state)
	}
	p, err := e.launch(c)
	if err != nil {
		return err
	}
	c.process = p
	c.state = engine.StateRunning
	c.startedAt = e.events.now()
	c.health = c.firstHealth
	e.emit(c, engine.Event{Action: engine.ActionStart})
	return nil
}

// Stop asks a container to stop and kills it after timeout. The stop goes on if ctx ends.
func (e *Engine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	c, err := e.find(ctx, id)
	if err != nil {
		return fmt.Errorf("stop container %s: %w", id, err)
	}
	p := c.process
	if p == nil {
		e.mu.Unlock()
		return nil
	}
	e.emit(c, engine.Event{Action: engine.ActionKill, Signal: c.inspection().StopSignal})
	e.thaw(c)
	if !p.stopAsked {
		p.stopAsked = true
		if !c.ignoreStop {
			close(p.stopping)
		}
	}
	e.mu.Unlock()

	impatience := time.AfterFunc(max(timeout, 0), func() { e.kill(c, p) })
	select {
	case <-p.done:
		impatience.Stop()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop container %s: %w", id, ctx.Err())
	}
}

// Pause freezes a container: what was sent to it waits, and what it wants to send.
func (e *Engine) Pause(ctx context.Context, id string) error {
	c, err := e.find(ctx, id)
	if err != nil {
		return fmt.Errorf("pause container %s: %w", id, err)
	}
	defer e.mu.Unlock()
	if c.state != engine.StateRunning {
		return fmt.Errorf("pause container %s: %w: it is %s", id, engine.ErrConflict, c.state)
	}
	c.process.gate.shut()
	c.state = engine.StatePaused
	e.emit(c, engine.Event{Action: engine.ActionPause})
	return nil
}

// Unpause thaws a container.
func (e *Engine) Unpause(ctx context.Context, id string) error {
	c, err := e.find(ctx, id)
	if err != nil {
		return fmt.Errorf("unpause container %s: %w", id, err)
	}
	defer e.mu.Unlock()
	if c.state != engine.StatePaused {
		return fmt.Errorf("unpause container %s: %w: it is %s", id, engine.ErrConflict, c.state)
	}
	e.thaw(c)
	return nil
}

// Remove deletes a container; force kills it first.
func (e *Engine) Remove(ctx context.Context, id string, force bool) error {
	c, err := e.find(ctx, id)
	if err != nil {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	p := c.process
	if c.state == engine.StateRemoving || p != nil && !force {
		defer e.mu.Unlock()
		return fmt.Errorf("remove container %s: %w: it is %s", id, engine.ErrConflict, c.state)
	}
	c.state = engine.StateRemoving
	e.mu.Unlock()
	if p != nil {
		e.kill(c, p)
		<-p.done
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.containers, c.id)
	delete(e.names, c.name)
	e.emit(c, engine.Event{Action: engine.ActionDestroy})
	return nil
}

// Exit ends a running container as a crash does, with an exit code, and returns when it has ended.
func (e *Engine) Exit(id string, code int) error {
	c, err := e.find(context.Background(), id)
	if err != nil {
		return fmt.Errorf("exit container %s: %w", id, err)
	}
	p := c.process
	if p == nil {
		defer e.mu.Unlock()
		return fmt.Errorf("exit container %s: %w: it is %s", id, engine.ErrConflict, c.state)
	}
	p.exitCode = code
	p.kill()
	e.mu.Unlock()
	<-p.done
	return nil
}

// SetHealth sets what the health check of a container says from now on.
func (e *Engine) SetHealth(id string, health engine.Health) error {
	c, err := e.find(context.Background(), id)
	if err != nil {
		return fmt.Errorf("set health of container %s: %w", id, err)
	}
	defer e.mu.Unlock()
	if c.health != health {
		c.health = health
		e.emit(c, engine.Event{Action: engine.ActionHealth, Health: health})
	}
	return nil
}

// thaw ends a pause, if there is one. The engine is locked.
func (e *Engine) thaw(c *container) {
	if c.state == engine.StatePaused {
		c.process.gate.open()
		c.state = engine.StateRunning
		e.emit(c, engine.Event{Action: engine.ActionUnpause})
	}
}

// kill kills a process of a container, if that still runs.
func (e *Engine) kill(c *container, p *process) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.process != p {
		return
	}
	e.emit(c, engine.Event{Action: engine.ActionKill, Signal: sigKill})
	p.exitCode = killedExitCode
	p.kill()
}

// ended notes that a container's process is no more.
func (e *Engine) ended(c *container, p *process) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.process = nil
	if c.state != engine.StateRemoving {
		c.state = engine.StateExited
	}
	c.finishedAt = e.events.now()
	c.exitCode = p.exitCode
	e.emit(c, engine.Event{Action: engine.ActionDie})
	if p.stopAsked {
		e.emit(c, engine.Event{Action: engine.ActionStop})
	}
}
