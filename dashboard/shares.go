package dashboard

import (
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

const (
	// sampleEvery and sampleFor bound what is remembered, however many browsers watch.
	sampleEvery = time.Second
	sampleFor   = time.Minute
	// recentAge is how far back "of late" reaches at least, recentRequests how many requests of a
	// pool make its shares worth telling.
	recentAge      = 10 * time.Second
	recentRequests = 50
)

// backendKey tells the backends of all pools apart, a restarted container from its former self too.
type backendKey struct {
	pool, id string
	started  int64
}

func keyOf(pool string, b telemetry.BackendDoc) backendKey {
	return backendKey{pool: pool, id: b.ID + b.Address, started: b.StartedAt.UnixNano()}
}

// sample is how many requests each backend had had at a moment.
type sample struct {
	at       time.Time
	requests map[backendKey]uint64
}

// shares remembers the counters of the last minute, as far as somebody watched. Counters since the
// start would show a new clone far under its share for hours.
type shares struct {
	mu      sync.Mutex
	samples []sample // oldest first
}

// observe remembers the document's counters and returns each backend's share, 0 to 1, of its
// pool's requests of late; since the backends began where there were too few.
func (s *shares) observe(d telemetry.Document) map[backendKey]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[backendKey]float64)
	for _, p := range d.Pools {
		recent := s.recent(d.Time, p)
		var sum uint64
		for _, n := range recent {
			sum += n
		}
		for k, n := range recent {
			if sum > 0 {
				out[k] = float64(n) / float64(sum)
			}
		}
	}
	s.remember(d)
	return out
}

// recent counts requests since the newest sample that is old enough and has enough requests after
// it, or in all.
func (s *shares) recent(now time.Time, p telemetry.PoolDoc) map[backendKey]uint64 {
	for _, sample := range slices.Backward(s.samples) {
		if now.Sub(sample.at) < recentAge {
			continue
		}
		if since, sum := requestsSince(p, sample.requests); sum >= recentRequests {
			return since
		}
	}
	all, _ := requestsSince(p, nil)
	return all
}

func requestsSince(p telemetry.PoolDoc, before map[backendKey]uint64) (map[backendKey]uint64, uint64) {
	since := make(map[backendKey]uint64, len(p.Backends))
	var sum uint64
	for _, b := range p.Backends {
		k := keyOf(p.Name, b)
		n := b.Requests - min(before[k], b.Requests)
		since[k] = n
		sum += n
	}
	return since, sum
}

func (s *shares) remember(d telemetry.Document) {
	if n := len(s.samples); n > 0 && d.Time.Sub(s.samples[n-1].at) < sampleEvery {
		return
	}
	requests := make(map[backendKey]uint64)
	for _, p := range d.Pools {
		for _, b := range p.Backends {
			requests[keyOf(p.Name, b)] = b.Requests
		}
	}
	s.samples = append(s.samples, sample{at: d.Time, requests: requests})
	for len(s.samples) > 0 && d.Time.Sub(s.samples[0].at) > sampleFor {
		s.samples = s.samples[1:]
	}
}
