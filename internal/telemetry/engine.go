package telemetry

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// engineOps are the values of the label op, so that each stands at 0 before its first failure.
var engineOps = []string{
	"info", "list", "inspect", "watch", "create", "start", "stop", "pause", "unpause", "remove", "stats", "logs",
}

// Engine wraps e so that its failed calls are counted in m. A call that its caller gave up is not
// a failure. Close stays e's own.
func Engine(e engine.Engine, m *Metrics) engine.Engine {
	return &countedEngine{Engine: e, metrics: m}
}

// countedEngine embeds the engine for Close alone.
type countedEngine struct {
	engine.Engine
	metrics *Metrics
}

var _ engine.Engine = (*countedEngine)(nil)

func (c *countedEngine) count(op string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		c.metrics.engineErrors.WithLabelValues(op).Inc()
	}
}

func (c *countedEngine) Info(ctx context.Context) (engine.Info, error) {
	info, err := c.Engine.Info(ctx)
	c.count("info", err)
	return info, err
}

func (c *countedEngine) List(ctx context.Context) ([]engine.Summary, error) {
	list, err := c.Engine.List(ctx)
	c.count("list", err)
	return list, err
}

func (c *countedEngine) Inspect(ctx context.Context, id string) (engine.Container, error) {
	got, err := c.Engine.Inspect(ctx, id)
	c.count("inspect", err)
	return got, err
}

func (c *countedEngine) Watch(ctx context.Context, since time.Time) iter.Seq2[engine.Event, error] {
	return counted(c, "watch", c.Engine.Watch(ctx, since))
}

func (c *countedEngine) Create(ctx context.Context, spec engine.Spec) (string, error) {
	id, err := c.Engine.Create(ctx, spec)
	c.count("create", err)
	return id, err
}

func (c *countedEngine) Start(ctx context.Context, id string) error {
	err := c.Engine.Start(ctx, id)
	c.count("start", err)
	return err
}

func (c *countedEngine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	err := c.Engine.Stop(ctx, id, timeout)
	c.count("stop", err)
	return err
}

func (c *countedEngine) Pause(ctx context.Context, id string) error {
	err := c.Engine.Pause(ctx, id)
	c.count("pause", err)
	return err
}

func (c *countedEngine) Unpause(ctx context.Context, id string) error {
	err := c.Engine.Unpause(ctx, id)
	c.count("unpause", err)
	return err
}

func (c *countedEngine) Remove(ctx context.Context, id string, force bool) error {
	err := c.Engine.Remove(ctx, id, force)
	c.count("remove", err)
	return err
}

func (c *countedEngine) Stats(ctx context.Context, id string) iter.Seq2[engine.Stats, error] {
	return counted(c, "stats", c.Engine.Stats(ctx, id))
}

func (c *countedEngine) Logs(ctx context.Context, id string, tail int) iter.Seq2[engine.LogLine, error] {
	return counted(c, "logs", c.Engine.Logs(ctx, id, tail))
}

// counted passes a stream on and counts the errors in it.
func counted[T any](c *countedEngine, op string, stream iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range stream {
			c.count(op, err)
			if !yield(v, err) {
				return
			}
		}
	}
}
