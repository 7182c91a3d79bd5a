package autoscale

import "time"

// minWindow is the shortest distance between two samples from which a mean is taken.
const minWindow = 100 * time.Millisecond

// History is what Decide remembers of one pool between its calls. Its size is bounded whatever the
// windows are. The zero value is that of a pool never seen; only one goroutine may use it at a time.
type History struct {
	first    time.Time
	arrivals arrivals
	// busy is the integral of what was being served, served and service are the counters that tell how long one takes.
	busy, served, service series
	// took is how long one took when that was last known.
	took     time.Duration
	requests series
	// active is when there was last a request, or somebody who waited for a replica; seen how many requests there had been,
	// and replicas how many there were then.
	active   time.Time
	seen     float64
	replicas int
	latency  latencyState
	wants    peaks
	// scaledOut and scaledIn are when the last scale-out and scale-in were decided.
	scaledOut, scaledIn time.Time
	classic             classicStep
	// act, dry and refusal are what was said last, so that it is not said with every tick.
	act, dry, refusal said
}

// classicStep is the last step of the classic rule: how many it asked for, and when.
type classicStep struct {
	want int
	at   time.Time
}

// said is a decision that was returned.
type said struct {
	what     string
	from, to int
	at       time.Time
}

// seriesLen bounds a series; its points are at least span/(seriesLen-8) apart.
const seriesLen = 128

// series is a counter's recent values. It never allocates.
type series struct {
	ring     [seriesLen]point
	start, n int
}

type point struct {
	at    time.Time
	value float64
}

// add notes the counter's value and forgets what is older than span. A counter that went backwards
// began anew, and so does the series.
func (s *series) add(now time.Time, value float64, span time.Duration) {
	if s.n > 0 {
		last := s.at(s.n - 1)
		if value < last.value || now.Before(last.at) {
			s.n = 0
		} else if now.Sub(last.at) < span/(seriesLen-8) {
			return
		}
	}
	// The newest one stays whatever its age: after a pause it is all there is to compare with.
	for s.n > 1 && now.Sub(s.at(0).at) > span || s.n == seriesLen {
		s.start = (s.start + 1) % seriesLen
		s.n--
	}
	s.ring[(s.start+s.n)%seriesLen] = point{now, value}
	s.n++
}

func (s *series) at(i int) *point { return &s.ring[(s.start+i)%seriesLen] }

// over returns how much the counter grew in the last window, or in what is known of it, and the
// time that was looked at; zeros if less than minWindow is known.
func (s *series) over(now time.Time, value float64, window time.Duration) (float64, time.Duration) {
	var from *point
	for i := range s.n {
		p := s.at(i)
		age := now.Sub(p.at)
		if age < minWindow {
			break
		}
		from = p
		if age <= window {
			break
		}
	}
	if from == nil {
		return 0, 0
	}
	return value - from.value, now.Sub(from.at)
}

// peakBuckets bounds the memory of peaks; a peak is held up to 1/peakBuckets longer than asked for.
const peakBuckets = 64

// peaks is the highest of the wants of the last hold-down.
type peaks struct{ buckets []peak }

type peak struct {
	from, until time.Time
	max         int
}

// add notes a want and returns the highest within hold.
func (p *peaks) add(now time.Time, want int, hold time.Duration) int {
	expired := 0
	for expired < len(p.buckets) && now.Sub(p.buckets[expired].until) > hold {
		expired++
	}
	p.buckets = append(p.buckets[:0], p.buckets[expired:]...)
	if n := len(p.buckets); n > 0 && now.Sub(p.buckets[n-1].from) <= hold/peakBuckets {
		last := &p.buckets[n-1]
		last.until, last.max = now, max(last.max, want)
	} else {
		p.buckets = append(p.buckets, peak{now, now, want})
	}
	highest := want
	for _, b := range p.buckets {
		highest = max(highest, b.max)
	}
	return highest
}
