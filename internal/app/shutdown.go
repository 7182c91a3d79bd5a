package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/config"
)

// removeTimeout is how long clones may take to go at shutdown.
const removeTimeout = 30 * time.Second

// shutdown stops accepting, lets requests in flight finish up to the limit, cuts what is left, and
// removes the clones if on-exit says so.
func (a *App) shutdown() error {
	a.log.Info().Dur("limit", a.config.ShutdownTimeout).Msg("shutting down")
	began := time.Now()
	if err := a.drain(0); err != nil {
		a.log.Warn().Err(err).Msg("requests were cut at the shutdown limit")
	}
	var err error
	if a.config.OnExit == config.OnExitRemove {
		ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
		defer cancel()
		err = a.fleet.RemoveAll(ctx)
	}
	a.log.Info().Dur("took", time.Since(began)).Msg("shut down")
	return err
}

// drain returns when no request is in flight any more. Connections are closed when they have been idle for so long.
func (a *App) drain(idle time.Duration) error {
	limit, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	planes := a.planes()
	errs := make([]error, len(planes))
	var draining sync.WaitGroup
	for i, p := range planes {
		draining.Go(func() { errs[i] = p.drain(limit, idle) })
	}
	draining.Wait()
	return errors.Join(errs...)
}
