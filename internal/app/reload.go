package app

import (
	"context"
	"crypto/sha256"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/filewatch"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// reloader reads the configuration again. What is valid is applied as a whole; what is not changes nothing.
type reloader struct {
	load  func() (config.Config, error)
	apply func(config.Config)
	log   zerolog.Logger

	mu sync.Mutex // Guards all below.
	// started is what this process started with, inForce what counts now: started's keys that need a new start, and all
	// others as they were read last.
	started, inForce config.Config
	// read is the sum of the file that was read last.
	read   [sha256.Size]byte
	status telemetry.ConfigStatus
}

func newReloader(c config.Config, load func() (config.Config, error), apply func(config.Config), log zerolog.Logger) *reloader {
	return &reloader{
		load: load, apply: apply, log: log,
		started: c, inForce: c, read: c.FileSum,
		status: telemetry.ConfigStatus{File: c.File, Loaded: time.Now()},
	}
}

// Run reloads when the file changes and when it is asked to, until ctx ends, and returns nil then.
func (r *reloader) Run(ctx context.Context, asked <-chan os.Signal) error {
	if r.load == nil {
		return nil
	}
	var listens sync.WaitGroup
	defer listens.Wait()
	listens.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-asked:
				r.reload()
			}
		}
	})
	if r.started.File == "" {
		return nil
	}
	return filewatch.Run(ctx, filewatch.Options{
		Files: func() []string { return []string{r.started.File} }, Look: r.look, What: "the configuration", Logger: r.log,
	})
}

// look reloads if the file holds something else than it did. One that is gone for a moment is being replaced.
func (r *reloader) look() {
	now := config.SumOf(r.started.File)
	r.mu.Lock()
	changed := now != r.read && now != [sha256.Size]byte{}
	r.mu.Unlock()
	if changed {
		r.reload()
	}
}

func (r *reloader) reload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.load()
	r.read = next.FileSum
	now := time.Now()
	if err != nil {
		r.status.Error, r.status.Failed = err.Error(), now
		r.log.Error().Err(err).Msg("the configuration was not read again: what was in force stays; mend it, or see ballast check")
		return
	}
	was := r.status.Pending
	r.status = telemetry.ConfigStatus{File: r.status.File, Loaded: now, Pending: r.started.Pending(next)}
	for _, w := range next.Warnings {
		if !slices.Contains(r.inForce.Warnings, w) {
			r.log.Warn().Str("warning", w).Msg("configuration")
		}
	}
	r.inForce = r.started.With(next)
	r.apply(r.inForce)
	e := r.log.Info()
	if len(r.status.Pending) > 0 && !slices.Equal(was, r.status.Pending) {
		e = r.log.Warn().Strs("needs_restart", r.status.Pending)
	}
	e.Msg("the configuration was read again")
}

// config is what is in force.
func (r *reloader) config() config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inForce
}

func (r *reloader) state() telemetry.ConfigStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Pending = slices.Clone(s.Pending)
	return s
}

// reconfigure hands what can change while Ballast runs to those that it is for.
func (a *App) reconfigure(c config.Config) {
	zerolog.SetGlobalLevel(c.LogLevel)
	a.trust.Set(c.TrustedProxies)
	if a.access != nil {
		a.access.SetSample(c.AccessLog.Sample)
	}
	a.fleet.SetLimits(c.MaxContainers, c.MemoryHeadroom)
	a.reconciler.Configure(c.Pools)
}
