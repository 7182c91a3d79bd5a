package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/histogram"
)

const (
	rateSpan     = 10 // Seconds that the rate is the mean of.
	windowSpan   = 60 // Seconds that latencies are of.
	windowStep   = 5  // Seconds between two snapshots of a window.
	windowLength = windowSpan / windowStep
)

// Run samples the counters each second, which rates and latencies come from, and does what time alone brings
// about, until ctx ends.
func (c *Core) Run(ctx context.Context) error {
	var mending sync.WaitGroup
	defer mending.Wait()
	mending.Go(func() { c.mendAll(ctx) })
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for second := 1; ; second++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			c.sample(now, second%windowStep == 0)
		}
	}
}

func (c *Core) sample(now time.Time, windows bool) {
	c.sampleMu.Lock()
	defer c.sampleMu.Unlock()
	for _, p := range *c.pools.Load() {
		p.rate.add(now, p.load.ended.Load())
		if !windows {
			continue
		}
		p.window.add(&p.durations)
		for _, m := range p.view.Load().members {
			m.window.add(&m.durations)
		}
	}
}

// rate remembers a counter at the last rateSpan seconds.
type rate struct {
	times  [rateSpan]time.Time
	counts [rateSpan]uint64
	next   int
}

func newRate(now time.Time) rate {
	var r rate
	for i := range r.times {
		r.times[i] = now
	}
	return r
}

func (r *rate) add(now time.Time, count uint64) {
	r.times[r.next], r.counts[r.next] = now, count
	r.next = (r.next + 1) % rateSpan
}

// perSecond is the mean since the oldest sample, or over a second if that is younger.
func (r *rate) perSecond(now time.Time, count uint64) float64 {
	elapsed := max(now.Sub(r.times[r.next]), time.Second)
	return float64(count-min(count, r.counts[r.next])) / elapsed.Seconds()
}

// window remembers a histogram at the last windowLength steps. Its oldest snapshot is 55 to 60 s old, or
// empty if the histogram is younger.
type window struct {
	snapshots [windowLength]histogram.Snapshot
	next      int
}

func (w *window) add(h *histogram.Histogram) {
	w.snapshots[w.next] = h.Snapshot()
	w.next = (w.next + 1) % windowLength
}

// latency is of what was recorded since the oldest snapshot.
func (w *window) latency(now histogram.Snapshot) Latency {
	s := now.Sub(w.snapshots[w.next])
	return Latency{P50: s.Quantile(0.50), P95: s.Quantile(0.95), P99: s.Quantile(0.99)}
}

// P95 is what 95 of 100 requests of the last 5 to 10 seconds were answered within, held ones included; 0 if they were too
// few to tell.
func (p *Pool) P95() time.Duration {
	p.core.sampleMu.Lock()
	defer p.core.sampleMu.Unlock()
	return p.window.recent(p.durations.Snapshot())
}

// fewRequests don't tell a quantile.
const fewRequests = 20

// recent is the 95th percentile since the second youngest snapshot.
func (w *window) recent(now histogram.Snapshot) time.Duration {
	s := now.Sub(w.snapshots[(w.next+windowLength-2)%windowLength])
	if s.Count < fewRequests {
		return 0
	}
	return s.Quantile(0.95)
}
