// Package histogram records durations without locks and tells their quantiles.
//
// Buckets are log-linear, as in HdrHistogram: 32 of 1 µs each, then 32 for every power of two up to
// 2³² µs (about 71 minutes). A bucket is at most 1/32 of its value wide, and a quantile is its middle:
// off by at most 1.6 % (or half a microsecond below 32 µs). Longer durations count as the longest.
package histogram

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	subBits = 5
	subs    = 1 << subBits
	maxBits = 32
	buckets = subs + (maxBits-subBits)*subs
)

// Histogram counts durations. The zero value is ready; Record and Snapshot may be called from any
// number of goroutines. It must not be copied.
type Histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Int64
}

// Record counts d; a negative one counts as zero. It allocates nothing.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[index(d)].Add(1)
	h.sum.Add(int64(d))
}

// Sum is that of all durations.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum.Load()) }

// Snapshot copies the counts. Durations recorded meanwhile may be in it or not.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Sum: time.Duration(h.sum.Load())}
	var counts [buckets]uint64
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
		s.Count += counts[i]
	}
	s.first, s.counts = trim(counts[:])
	return s
}

// index is the bucket of d. Buckets include their upper end, as Prometheus's "le" does.
func index(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	v := min(uint64(d-1)/uint64(time.Microsecond), 1<<maxBits-1)
	if v < subs {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift) - subs
}

// limits are the ends of bucket i in microseconds; it holds what is above lower and up to upper.
func limits(i int) (lower, upper uint64) {
	if i < subs {
		return uint64(i), uint64(i) + 1
	}
	shift := i>>subBits - 1
	v := uint64(i&(subs-1) + subs)
	return v << shift, (v + 1) << shift
}

// trim copies the part of counts between its first and last bucket in use.
func trim(counts []uint64) (first int, used []uint64) {
	last := len(counts)
	for first < last && counts[first] == 0 {
		first++
	}
	for last > first && counts[last-1] == 0 {
		last--
	}
	if first == last {
		return 0, nil
	}
	return first, append([]uint64(nil), counts[first:last]...)
}
