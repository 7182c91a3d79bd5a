package sim

import (
	"time"
)

// oracle is how many replica-seconds do who knows what comes, needs no time to start and holds nothing: the integral,
// until the trace ends, of the requests in service, had there always been a slot for each, over the slots of a
// replica, rounded up, and of no fewer than least.
func oracle(t *Trace, slots, least int, service time.Duration, seed uint64) float64 {
	var (
		a      = newArrivals(t, service, seed)
		end    = t.Duration()
		ends   heap[struct{}]
		last   time.Duration
		total  float64
		replic = func() int { return max(least, (len(ends)+slots-1)/slots) }
		until  = func(at time.Duration) {
			if at = min(at, end); at > last {
				total += float64(replic()) * (at - last).Seconds()
				last = at
			}
		}
	)
	for r, more := a.next(); more; r, more = a.next() {
		for len(ends) > 0 && ends[0].at <= r.arrived {
			until(ends[0].at)
			ends.pop()
		}
		until(r.arrived)
		ends.push(r.arrived+r.service, struct{}{})
	}
	for len(ends) > 0 {
		until(ends[0].at)
		ends.pop()
	}
	until(end)
	return total
}
