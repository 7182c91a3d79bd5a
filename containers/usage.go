package containers

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

const (
	// usageSilence is how long a stream may say nothing before another one is opened in its place.
	usageSilence = 10 * time.Second
	// usageProven is how long a stream must have lasted for its end to be no failure of the engine's.
	usageProven = 10 * time.Second
)

var errSilent = errors.New("no sample came for " + usageSilence.String())

// Measured streams what a running container uses, as engine.Engine does.
type Measured interface {
	Stats(ctx context.Context, id string) iter.Seq2[engine.Stats, error]
}

// UsageOptions are what a Usage is made of.
type UsageOptions struct {
	Engine Measured
	Logger zerolog.Logger
}

// Usage knows what the backends of pools that scale by processor or memory use. It has a stream from the engine open for
// each of them that is ready, and for no other.
type Usage struct {
	o       UsageOptions
	changed chan struct{}

	mu     sync.Mutex
	meters map[Identity]*meter
	pools  map[string][]*meter
}

// NewUsage makes a Usage; Run opens its streams.
func NewUsage(o UsageOptions) *Usage {
	return &Usage{o: o, changed: make(chan struct{}, 1), meters: map[Identity]*meter{}, pools: map[string][]*meter{}}
}

// Apply tells of the backends that there are. It returns at once; what is known of those that stay is kept.
func (u *Usage) Apply(s *Snapshot) {
	meters, pools := map[Identity]*meter{}, map[string][]*meter{}
	u.mu.Lock()
	for _, p := range s.Pools {
		if p.Settings.Scale.CPU == 0 && p.Settings.Scale.Memory == 0 {
			continue
		}
		for _, b := range p.Backends {
			if b.State != StateReady {
				continue
			}
			m := u.meters[b.Identity]
			if m == nil {
				m = &meter{started: time.Unix(0, b.StartedAt)}
			}
			meters[b.Identity] = m
			pools[p.Name] = append(pools[p.Name], m)
		}
	}
	u.meters, u.pools = meters, pools
	u.mu.Unlock()
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

// Use is what a pool's containers use of their limits, in percent: the means over those that are measured, of which there
// are so many. Who has just started, or has told nothing in the last seconds, is left out.
func (u *Usage) Use(pool string, now time.Time) (cpu, memory float64, measured int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	limited := 0
	for _, m := range u.pools[pool] {
		r, ok := m.read(now)
		if !ok {
			continue
		}
		measured++
		cpu += r.cpu
		if r.limited {
			limited++
			memory += r.memory
		}
	}
	return cpu / float64(max(measured, 1)), memory / float64(max(limited, 1)), measured
}

// Run keeps the streams until ctx ends, and returns nil then.
func (u *Usage) Run(ctx context.Context) error {
	var streams sync.WaitGroup
	defer streams.Wait()
	// Which meter a stream feeds counts too: who left and came back in between has another one.
	type stream struct {
		end  context.CancelFunc
		into *meter
	}
	open := map[Identity]stream{}
	defer func() {
		for _, s := range open {
			s.end()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-u.changed:
		}
		u.mu.Lock()
		meters := u.meters // Apply replaces it whole.
		u.mu.Unlock()
		for id, s := range open {
			if meters[id] != s.into {
				s.end()
				delete(open, id)
			}
		}
		for id, m := range meters {
			if open[id].into == m {
				continue
			}
			streaming, end := context.WithCancel(ctx)
			open[id] = stream{end, m}
			streams.Go(func() { u.follow(streaming, id.Container, m) })
		}
	}
}

// follow feeds a meter until ctx ends, and opens a stream that broke again.
func (u *Usage) follow(ctx context.Context, container string, m *meter) {
	pause := newBackoff()
	said := false
	for ctx.Err() == nil {
		began := time.Now()
		err := u.stream(ctx, container, m)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= usageProven {
			pause.Reset()
			said = false
		}
		// That it ended without an error, or is gone, the list will tell.
		if err != nil && !errors.Is(err, engine.ErrNotFound) && !said {
			said = true
			u.o.Logger.Warn().Err(err).Str("container", container).Msg("use of a container is not known, trying again")
		}
		if !sleep(ctx, pause.NextBackOff()) {
			return
		}
	}
}

// stream feeds a meter from one stream, and says why that ended if the container did not end it.
func (u *Usage) stream(ctx context.Context, container string, m *meter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(usageSilence, func() { cancel(errSilent) })
	defer silence.Stop()
	for s, err := range u.o.Engine.Stats(ctx, container) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("read statistics: %w", err)
		}
		silence.Reset(usageSilence)
		u.mu.Lock()
		m.add(time.Now(), s)
		u.mu.Unlock()
	}
	return nil
}
