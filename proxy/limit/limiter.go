package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	sets = 1 << 13
	// ways makes a set two cache lines: the mutex and the keys, the arrivals.
	ways = 7
	// longest bounds times, in nanoseconds (73 years), so that sums of three do not overflow.
	longest = 1 << 61
)

// Rate is how often a client may send: Count requests per Interval on average, Burst of them at once
// after a pause. A Count or Burst below 1 counts as 1, an Interval below 1 ns as 1 ns.
type Rate struct {
	Count    int
	Interval time.Duration
	Burst    int
}

// Limiter limits each client to a rate. It is safe for concurrent use.
type Limiter struct {
	// spacing is the time between two requests at the rate, tolerance how far a client may be ahead of it: both in
	// nanoseconds.
	spacing, tolerance int64
	seed               maphash.Seed
	table              *[sets]set
}

// New returns a limiter that has heard of no client. The time between two requests is rounded up to a
// nanosecond: a client never gets more than the rate, and at 1,000/s at most a millionth less.
func New(r Rate) *Limiter {
	count, interval := int64(max(r.Count, 1)), max(int64(r.Interval), 1)
	spacing := min((interval-1)/count+1, longest)
	ahead := int64(max(r.Burst, 1)) - 1
	tolerance := int64(longest)
	if ahead <= longest/spacing {
		tolerance = ahead * spacing
	}
	return &Limiter{spacing: spacing, tolerance: tolerance, seed: maphash.MakeSeed(), table: new([sets]set)}
}

// Allow says whether a request that client sends now passes, and counts it if so. If not, wait is the time
// after which one would, if no other came before. now is the time since a fixed moment, on a clock that does
// not go back; slight disorder between goroutines is harmless. Allow allocates nothing.
func (l *Limiter) Allow(client netip.Addr, now time.Duration) (ok bool, wait time.Duration) {
	key := Key(client)
	s := &l.table[maphash.Comparable(l.seed, key)%sets]
	at := min(max(int64(now), 0), longest)
	s.mu.Lock()
	arrival := s.find(key, at)
	if due := *arrival - l.tolerance; at < due {
		s.mu.Unlock()
		return false, time.Duration(due - at)
	}
	*arrival = max(*arrival, at) + l.spacing
	s.mu.Unlock()
	return true, 0
}

// Refund takes back that a request of client was counted, once for each that Allow let pass. If the client has been
// forgotten meanwhile, there is nothing to take back.
func (l *Limiter) Refund(client netip.Addr) {
	key := Key(client)
	s := &l.table[maphash.Comparable(l.seed, key)%sets]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.keys {
		if s.keys[i] == key {
			s.arrivals[i] -= l.spacing
		}
	}
}

// set is where the clients of one hash are. An entry that was never used is a full bucket.
type set struct {
	mu   sync.Mutex
	keys [ways]uint64
	// arrivals are theoretical arrival times: the bucket is full from then on.
	arrivals [ways]int64
	_        [8]byte // So that no two sets share a cache line.
}

// find returns the theoretical arrival time of key. If it has none, it takes the place of the one whose
// bucket is full, or will be first.
func (s *set) find(key uint64, now int64) *int64 {
	for i := range s.keys {
		if s.keys[i] == key {
			return &s.arrivals[i]
		}
	}
	first := 0
	for i, a := range s.arrivals {
		if a < s.arrivals[first] {
			first = i
		}
	}
	s.keys[first], s.arrivals[first] = key, now
	return &s.arrivals[first]
}
