package autoscale

import (
	"context"
	"iter"
	"sync"
	"time"
)

// recordFor is how long the trace of a pool that is gone is kept: pools go and come back with a deployment.
const recordFor = time.Hour

// Recorder keeps a Trace of every pool, to ask later what another policy would have done.
type Recorder struct {
	counters func(now time.Time) iter.Seq2[string, Counters]

	mu     sync.Mutex
	traces map[string]*recorded
}

// recorded is a pool's trace, and when the pool was last there.
type recorded struct {
	Trace
	seen time.Time
}

// NewRecorder makes a Recorder; Run feeds it. counters yields the pools that exist now, each once.
func NewRecorder(counters func(now time.Time) iter.Seq2[string, Counters]) *Recorder {
	return &Recorder{counters: counters, traces: map[string]*recorded{}}
}

// Run notes what came once a second until ctx ends, and returns nil then.
func (r *Recorder) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	r.note(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			r.note(now)
		}
	}
}

// Record is the trace of a pool; false if there is none of that name.
func (r *Recorder) Record(pool string) (Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.traces[pool]
	if t == nil {
		return Record{}, false
	}
	return t.Record(), true
}

func (r *Recorder) note(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for pool, c := range r.counters(now) {
		t := r.traces[pool]
		if t == nil {
			t = &recorded{}
			r.traces[pool] = t
		}
		t.seen = now
		t.Add(now, c)
	}
	for pool, t := range r.traces {
		if now.Sub(t.seen) > recordFor {
			delete(r.traces, pool)
		}
	}
}
