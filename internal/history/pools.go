package history

import (
	"context"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/histogram"
)

const (
	// Span is for how many seconds a pool is remembered, and for how long after it left.
	Span = 15 * 60
	// maxPools bounds how many pools are remembered at once.
	maxPools = 256
)

// Reading is a pool at one moment: counters since it began, and what is there now.
type Reading struct {
	Requests, Errors, Held uint64
	Durations              histogram.Snapshot

	InFlight, Queued int
	// Capacity is how many requests the ready replicas may serve at once; 0 without a limit.
	Capacity                       int
	Ready, Desired, Starting, Warm int
}

// Pools remembers the last Span seconds of every pool. Its memory is bounded: 47 KB for a pool, and up to 7 KB for the
// histogram of the last second; 256 pools at most, of which those that left make room for others, and who then finds none
// has no history. It is safe for concurrent use.
type Pools struct {
	source func(now time.Time) iter.Seq2[string, Reading]

	mu    sync.Mutex
	pools map[string]*ring
	read  time.Time // When the pools were last read.
}

// NewPools makes a Pools; Run feeds it. source yields the pools that exist now, each once.
func NewPools(source func(now time.Time) iter.Seq2[string, Reading]) *Pools {
	return &Pools{source: source, pools: make(map[string]*ring)}
}

// Run notes how the pools are once a second until ctx ends, and returns nil then.
func (p *Pools) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	p.note(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			p.note(now)
		}
	}
}

// Series is what a pool was since then, oldest first, without what is as old as since; false if there is no history of it.
func (p *Pools) Series(pool string, since time.Time) (Series, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.pools[pool]
	if r == nil {
		return Series{}, false
	}
	s := r.series(since.UnixMilli())
	s.Pool = pool
	return s, true
}

func (p *Pools) note(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var homeless map[string]Reading
	for pool, reading := range p.source(now) {
		r := p.pools[pool]
		if r == nil && len(p.pools) == maxPools {
			if homeless == nil {
				homeless = make(map[string]Reading)
			}
			homeless[pool] = reading
			continue
		}
		if r == nil {
			r = &ring{}
			p.pools[pool] = r
		}
		if !p.read.IsZero() {
			r.add(now, p.read, reading)
		}
		r.last, r.read = reading, now
	}
	p.read = now
	for pool, r := range p.pools {
		if now.Sub(r.read) > Span*time.Second {
			delete(p.pools, pool)
		}
	}
	for pool, reading := range homeless { // These may have been there for long: nothing tells yet what they did in a second.
		if !p.makeRoom(now) {
			return
		}
		p.pools[pool] = &ring{last: reading, read: now}
	}
}

// makeRoom says whether there is room for a pool, which the one that left first may have to make.
func (p *Pools) makeRoom(now time.Time) bool {
	if len(p.pools) < maxPools {
		return true
	}
	first, left := "", now
	for pool, r := range p.pools {
		if r.read.Before(left) {
			first, left = pool, r.read
		}
	}
	if left.Equal(now) {
		return false
	}
	delete(p.pools, first)
	return true
}

// ring is one pool's history.
type ring struct {
	points [Span]point
	// next is where the next point goes, count how many there are.
	next, count int
	// last is the newest reading, made at read.
	last Reading
	read time.Time
}

// point is a second of a pool, its numbers rounded as they are told. What is not known is not a number.
type point struct {
	// second and milli are when, in Unix time.
	second                                                  uint32
	milli                                                   uint16
	ready, desired, starting, warm                          uint16
	requests, errors, held, p50, p95, p99, inFlight, queued float32
	capacity                                                float32
}

// add adds a point: what came since the pools were last read.
func (r *ring) add(now, since time.Time, reading Reading) {
	last := r.last
	if !r.read.Equal(since) || reading.Requests < last.Requests || reading.Held < last.Held || reading.Errors < last.Errors {
		last = Reading{} // It was not there then, so that its counters began after that.
	}
	r.points[r.next] = newPoint(now, now.Sub(since).Seconds(), last, reading)
	r.next = (r.next + 1) % Span
	r.count = min(r.count+1, Span)
}

func newPoint(now time.Time, seconds float64, last, reading Reading) point {
	rate := func(now, before uint64) float32 { return float32(round(float64(now-before) / seconds)) }
	var took histogram.Snapshot
	if reading.Durations.Count != last.Durations.Count { // Else there is no need to compare them.
		took = reading.Durations.Sub(last.Durations)
	}
	quantile := func(q float64) float32 {
		if took.Count == 0 {
			return float32(math.NaN())
		}
		return float32(round(float64(took.Quantile(q)) / float64(time.Millisecond)))
	}
	ms := now.UnixMilli()
	return point{
		second: uint32(ms / 1000), milli: uint16(ms % 1000),
		requests: rate(reading.Requests, last.Requests), errors: rate(reading.Errors, last.Errors), held: rate(reading.Held, last.Held),
		p50: quantile(0.50), p95: quantile(0.95), p99: quantile(0.99),
		inFlight: float32(reading.InFlight), queued: float32(reading.Queued), capacity: float32(reading.Capacity),
		ready: count(reading.Ready), desired: count(reading.Desired), starting: count(reading.Starting), warm: count(reading.Warm),
	}
}

func count(n int) uint16 { return uint16(min(max(n, 0), math.MaxUint16)) }

// round keeps three digits, all those before the point, and at most three behind it: more are noise, and longer to read.
func round(f float64) float64 {
	scale := 1000.0
	switch {
	case f >= 100:
		scale = 1
	case f >= 10:
		scale = 10
	case f >= 1:
		scale = 100
	}
	return math.Round(f*scale) / scale
}

func (p *point) unixMilli() int64 { return int64(p.second)*1000 + int64(p.milli) }
