package histogram

import (
	"math"
	"time"
)

// Snapshot is a histogram at one moment. It is immutable and cheap to copy; the zero value is empty.
type Snapshot struct {
	// Count is the number of durations, Sum their sum.
	Count uint64
	Sum   time.Duration
	// counts are those of the buckets from first on, up to the last in use.
	first  int
	counts []uint64
}

// Quantile returns the duration below which the fraction q (0 to 1) lies; 0 if there is none.
func (s Snapshot) Quantile(q float64) time.Duration {
	if s.Count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(s.Count)))
	rank = min(max(rank, 1), s.Count)
	var seen uint64
	for i, n := range s.counts {
		seen += n
		if seen >= rank {
			return middle(s.first + i)
		}
	}
	return middle(s.first + len(s.counts) - 1)
}

// Mean returns the arithmetic mean; 0 if there is nothing.
func (s Snapshot) Mean() time.Duration {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / time.Duration(s.Count)
}

// Merge returns what both recorded.
func (s Snapshot) Merge(other Snapshot) Snapshot {
	switch {
	case other.Count == 0:
		return s
	case s.Count == 0:
		return other
	}
	return s.combine(other, func(a, b uint64) uint64 { return a + b }, s.Sum+other.Sum)
}

// Sub returns what was recorded since older, an earlier snapshot of the same histogram.
func (s Snapshot) Sub(older Snapshot) Snapshot {
	if older.Count == 0 {
		return s
	}
	return s.combine(older, func(a, b uint64) uint64 { return a - min(a, b) }, max(s.Sum-older.Sum, 0))
}

func (s Snapshot) combine(other Snapshot, f func(a, b uint64) uint64, sum time.Duration) Snapshot {
	out := Snapshot{Sum: sum}
	var counts [buckets]uint64
	copy(counts[s.first:], s.counts)
	for i, n := range other.counts {
		counts[other.first+i] = f(counts[other.first+i], n)
	}
	for _, n := range counts {
		out.Count += n
	}
	out.first, out.counts = trim(counts[:])
	return out
}

// The bounds that Prometheus is given: every power of two from 64 µs to 67 s.
const (
	firstBound = 6
	lastBound  = 26
)

// Bounds returns the inclusive upper bounds of Cumulative, ascending.
func Bounds() []time.Duration {
	bounds := make([]time.Duration, 0, lastBound-firstBound+1)
	for k := firstBound; k <= lastBound; k++ {
		bounds = append(bounds, time.Microsecond<<k)
	}
	return bounds
}

// Cumulative returns for each of Bounds how many durations were at most that long, exactly. The
// number without a bound is Count.
func (s Snapshot) Cumulative() []uint64 {
	out := make([]uint64, 0, lastBound-firstBound+1)
	var seen uint64
	i := 0
	for k := firstBound; k <= lastBound; k++ {
		for i < len(s.counts) {
			if _, upper := limits(s.first + i); upper > 1<<k {
				break
			}
			seen += s.counts[i]
			i++
		}
		out = append(out, seen)
	}
	return out
}

func middle(i int) time.Duration {
	lower, upper := limits(i)
	return time.Duration(lower+upper) * time.Microsecond / 2
}
