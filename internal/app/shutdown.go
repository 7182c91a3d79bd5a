package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/config"
)

// How long clones may take to go at shutdown, and connections to close that were cut.
const (
	removeTimeout = 30 * time.Second
	closeTimeout  = time.Second
)

// shutdown stops accepting, lets requests in flight finish up to the limit, cuts what is left, and
// removes the clones if on-exit says so.
func (a *App) shutdown() error {
	a.log.Info().Dur("limit", a.config.ShutdownTimeout).Msg("shutting down")
	began := time.Now()
	if err := a.drain(); err != nil {
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

// drain returns when no request is in flight any more. Server.Shutdown closes idle connections and does
// not know of upgraded ones; the fronts know all that they forward.
func (a *App) drain() error {
	limit, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	a.server.SetKeepAlivesEnabled(false)
	// First, for it may hand over to the server what came before.
	cutWire := a.wire.Drain(limit)
	var closing sync.WaitGroup
	var closed error
	closing.Go(func() { closed = a.server.Shutdown(limit) })
	cut := a.front.Drain(limit)
	closing.Wait()
	cut = errors.Join(cutWire, cut)
	if closed == nil {
		return cut
	}
	// What the front has cut still has to return.
	last, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if a.server.Shutdown(last) != nil {
		_ = a.server.Close() // The connections are closed whatever it says.
	}
	return errors.Join(cut, closed)
}
