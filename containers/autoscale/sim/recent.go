package sim

import (
	"math"
	"time"
)

// histogram counts durations in buckets of a quarter of a doubling, from 1 ms on.
type histogram [histogramLen]uint32

const (
	histogramLen      = 80
	histogramPerTwice = 4
)

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > time.Millisecond {
		i = min(histogramLen-1, 1+int(histogramPerTwice*math.Log2(float64(d)/float64(time.Millisecond))))
	}
	h[i]++
}

// quantile is below which a share of the durations is, up to the width of a bucket; 0 of nothing.
func (h *histogram) quantile(share float64) time.Duration {
	total := uint64(0)
	for _, n := range h {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(share * float64(total)))
	for i, n := range h {
		if uint64(n) >= rank {
			return time.Duration(float64(time.Millisecond) * math.Pow(2, float64(i)/histogramPerTwice))
		}
		rank -= uint64(n)
	}
	return 0
}

// recentSeconds is how many seconds the P95 of a Sample is of.
const recentSeconds = 10

// recent is the response times of the last seconds.
type recent struct {
	seconds [recentSeconds]histogram
	second  int
	known   time.Duration
	until   int
}

// turn forgets what is too old.
func (r *recent) turn(now time.Duration) {
	for s := int(now / time.Second); r.second < s; {
		r.second = max(r.second+1, s-recentSeconds)
		r.seconds[r.second%recentSeconds] = histogram{}
	}
}

func (r *recent) add(now, took time.Duration) {
	r.turn(now)
	r.seconds[r.second%recentSeconds].add(took)
}

// p95 is worked out anew once in a second.
func (r *recent) p95(now time.Duration) time.Duration {
	r.turn(now)
	if r.until <= r.second {
		r.until = r.second + 1
		var sum histogram
		for i := range r.seconds {
			for j, n := range r.seconds[i] {
				sum[j] += n
			}
		}
		r.known = sum.quantile(0.95)
	}
	return r.known
}
