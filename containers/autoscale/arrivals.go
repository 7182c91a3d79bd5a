package autoscale

import (
	"math"
	"time"
)

// arrivals is when the requests of the last minute came. It never allocates.
type arrivals struct {
	// fine covers the last seconds in steps of a tick, coarse the last minute.
	fine, coarse series
	spread       spread
}

// rateWindow is how long is looked back for a rate, and by how many standard deviations less than what came is believed:
// few requests may be chance, and a step that is none shows soon.
type rateWindow struct {
	length time.Duration
	doubt  float64
}

const (
	fineSpan   = 4 * time.Second
	coarseSpan = time.Minute
	// trendSpan is how far the middles of the windows of trendShort and of coarseSpan are apart.
	trendShort = 16 * time.Second
	trendSpan  = (coarseSpan - trendShort) / 2
)

var rateWindows = [...]rateWindow{
	{250 * time.Millisecond, 2.5},
	{time.Second, 2.5},
	{fineSpan, 1},
	{trendShort, 1},
}

// add notes how many requests have come in all.
func (a *arrivals) add(now time.Time, count float64) {
	a.fine.add(now, count, fineSpan)
	a.coarse.add(now, count, coarseSpan)
	a.spread.add(now, count)
}

// rate is how many requests per second come at least, and over which window that shows: the one that keeps most slots
// busy, if a request takes service. If they have become more in the last minute, it is what they will be in ahead, so
// that what is started now is enough when it serves. Requests are taken to come by chance (Poisson), the standard
// deviation of n being its root.
func (a *arrivals) rate(now time.Time, count float64, ahead, service time.Duration) (perSecond float64, over time.Duration) {
	most := 0.0
	take := func(r float64, d time.Duration) {
		if busy := r * sustained(service, d).Seconds(); busy > most {
			most, perSecond, over = busy, r, d
		}
	}
	for _, w := range rateWindows {
		n, d := a.over(now, count, w.length)
		if d == 0 {
			continue
		}
		doubt := w.doubt
		if d < fineSpan { // Ballast has not known the pool for longer.
			doubt = rateWindows[0].doubt
		}
		take((n-doubt*math.Sqrt(n))/d.Seconds(), d)
	}
	short, d1 := a.mean(now, count, trendShort)
	long, d2 := a.mean(now, count, coarseSpan)
	if d1 >= trendShort/2 && d2 > 2*d1 && short > long {
		take(short+(short-long)*(ahead+time.Second).Seconds()/trendSpan.Seconds(), d1)
	}
	return perSecond, over
}

// sustained is how much of the time that a request takes counts for a rate that was seen over a window. What has lasted
// that long is believed to go on as long again, no longer: a burst of long requests is no rate.
func sustained(service, over time.Duration) time.Duration { return min(service, 2*over) }

// mean is the rate of a window, without doubt.
func (a *arrivals) mean(now time.Time, count float64, window time.Duration) (float64, time.Duration) {
	n, d := a.over(now, count, window)
	if d == 0 {
		return 0, 0
	}
	return n / d.Seconds(), d
}

func (a *arrivals) over(now time.Time, count float64, window time.Duration) (float64, time.Duration) {
	if window <= fineSpan {
		return a.fine.over(now, count, window)
	}
	return a.coarse.over(now, count, window)
}

// spread tells how unevenly requests come: what they differ by from one second to the next, beside what chance makes
// them differ by. Differences do not mind that a rate drifts, and their absolute mean hardly minds one step.
type spread struct {
	at          time.Time // Of the last whole second.
	count, last float64   // What had come by then, and how many of them in that second.
	seconds     int
	apart, mean float64 // Moving means of the differences and of the counts.
}

const (
	// spreadWeight is that of a second in the moving means: they forget in half a minute.
	spreadWeight = 1.0 / 30
	maxSpread    = 4
	// Fewer seconds tell nothing.
	leastSeconds = 10
	leapfrog     = 3
)

func (s *spread) add(now time.Time, count float64) {
	switch d := now.Sub(s.at); {
	case s.at.IsZero() || count < s.count || d > 2*time.Second:
		*s = spread{at: now, count: count, apart: s.apart, mean: s.mean}
		return
	case d < time.Second:
		return
	}
	n := count - s.count
	s.at, s.count = now, count
	if s.seconds++; s.seconds > 1 {
		// The first ones weigh more, so that the means begin with what is there.
		w := max(spreadWeight, 1/float64(s.seconds))
		// One step is no unevenness, however high: nothing counts for more than some times what is usual.
		usual := max(s.apart, 2/math.Sqrt(math.Pi)*math.Sqrt(s.mean))
		s.apart += w * (min(math.Abs(n-s.last), leapfrog*usual) - s.apart)
		s.mean += w * (n - s.mean)
	}
	s.last = n
}

// ratio is the variance of the count of a second over its mean: 1 by chance, at most maxSpread.
func (s *spread) ratio() float64 {
	if s.mean <= 0 || s.seconds < leastSeconds {
		return 1
	}
	// The mean absolute difference of two draws from a normal distribution is 2/sqrt(pi) of its deviation.
	deviation := s.apart * math.Sqrt(math.Pi) / 2
	return min(max(deviation*deviation/s.mean, 1), maxSpread)
}
