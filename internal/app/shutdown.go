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

// abdicate ends a reign that nobody has taken over, and shuts down.
func (a *App) abdicate(r *reign) error {
	mine := r.leave()
	// What the one that was taken over from still uses is left to whoever comes next.
	remove := mine && r.isAlone() && a.reloader.config().OnExit == config.OnExitRemove
	r.freeze()
	switch {
	case !mine: // The other goes on by itself when it is not heard of this one any more: not before this one has ended its work.
		r.release()
		var last sync.WaitGroup
		defer last.Wait()
		last.Go(func() {
			<-r.over
			r.withdraw()
		})
	case !remove:
		r.withdraw()
	}
	return a.shutdown(remove)
}

// shutdown stops accepting, lets requests in flight finish up to the limit, cuts what is left, and
// removes the clones if it is to.
func (a *App) shutdown(remove bool) error {
	a.log.Info().Dur("limit", a.reloader.config().ShutdownTimeout).Msg("shutting down")
	began := time.Now()
	if err := a.drain(0); err != nil {
		a.log.Warn().Err(err).Msg("requests were cut at the shutdown limit")
	}
	var err error
	if remove {
		ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
		defer cancel()
		err = a.fleet.RemoveAll(ctx)
	}
	a.log.Info().Dur("took", time.Since(began)).Msg("shut down")
	return err
}

// drain returns when no request is in flight any more. Connections are closed when they have been idle for so long.
func (a *App) drain(idle time.Duration) error {
	limit, cancel := context.WithTimeout(context.Background(), a.reloader.config().ShutdownTimeout)
	defer cancel()
	a.events.Close()
	a.pages.Close()
	planes := a.planes()
	errs := make([]error, len(planes))
	var draining sync.WaitGroup
	for i, p := range planes {
		draining.Go(func() { errs[i] = p.drain(limit, idle) })
	}
	draining.Wait()
	return errors.Join(errs...)
}
