package embedded

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

const statsInterval = time.Second

// Stats yields a sample every second. What one container uses of the process that they all share
// cannot be told, so processor time and memory are 0.
func (e *Engine) Stats(ctx context.Context, id string) iter.Seq2[engine.Stats, error] {
	return func(yield func(engine.Stats, error) bool) {
		if err := e.stats(ctx, id, yield); err != nil {
			yield(engine.Stats{}, fmt.Errorf("read statistics of container %s: %w", id, err))
		}
	}
}

// stats returns nil when the caller has had enough, and when the container stopped.
func (e *Engine) stats(ctx context.Context, id string, yield func(engine.Stats, error) bool) error {
	c, err := e.find(ctx, id)
	if err != nil {
		return err
	}
	p := c.process
	e.mu.Unlock()
	if p == nil {
		return nil
	}
	ticker := time.NewTicker(statsInterval)
	defer ticker.Stop()
	for {
		if !yield(engine.Stats{Time: time.Now(), Cores: float64(runtime.NumCPU())}, nil) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-p.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
