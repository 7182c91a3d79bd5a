package autoscale

import (
	"math"
	"time"
)

// rule is one way to find how many replicas are wanted.
type rule int

const (
	ruleMin rule = iota
	ruleHand
	ruleBusy
	ruleRate
	ruleCPU
	ruleMemory
	ruleLatency
	ruleRequests
	rules
)

const (
	// headroomFactor is beta of the square-root staffing rule (Halfin and Whitt, 1981): so many standard deviations of
	// the busy slots are kept free.
	headroomFactor = 1
	// busySpan is what the mean of the requests that are being served is taken over; serviceSpan is how long back
	// they tell how long one takes, at least serviceLeast of them.
	busySpan     = 16 * time.Second
	serviceSpan  = 16 * time.Second
	serviceLeast = 10
	// A backlog is to be gone this long after the capacity for it has come: half of what that takes, within these.
	minClear, maxClear, warmClear = time.Second, 5 * time.Second, 500 * time.Millisecond
	// What waking or starting is taken to last while it is not known.
	guessWake, guessStart = 100 * time.Millisecond, time.Second
	// guessService is what a request is taken to last until the first one has been served.
	guessService = 100 * time.Millisecond
	// slotTolerance is by what share the slots needed may exceed those there are before more are added.
	slotTolerance = 0.05
	// Use within a tenth of its target asks for no change (as in Kubernetes' HPA).
	useTolerance = 0.1
)

// demand is what is asked for, in replicas, and from what that follows. Numbers that a reason tells are rounded as it
// prints them, so that whoever calculates with what he reads finds the same.
type demand struct {
	wants [rules]int

	rate float64 // Requests per second, to a tenth, or whole from 100 on.
	over time.Duration
	// whole is how long one takes at a backend, service how much of that counts; rounded by digits.
	whole, service time.Duration
	// busy, backlog and headroom are slots, in tenths. bySlots says that busy was not calculated but counted.
	busy, backlog, headroom int
	bySlots                 bool
	waiting                 int           // Requests that wait, or will when the next capacity comes.
	clear                   time.Duration // In which they are to be served.
	capped                  bool          // That is more than what is paused or still there can do.
	tolerated               bool          // That is a little more than what there is.
	// next is how long it takes until the next capacity serves.
	next     time.Duration
	requests uint64 // In the interval of the classic rule.
}

// tenths rounds up to a tenth, and forgives what calculating with fractions adds.
func tenths(x float64) int { return int(math.Ceil(x*10 - 1e-6)) }

// measure works out what the counters tell, and adds this sample to them.
func (v *view) measure(h *History) {
	if h.first.IsZero() {
		h.first = v.now
		h.active = v.now.Add(-v.Idle)
		if v.total() > 0 {
			h.active = v.now
		}
	}
	requests := float64(v.Sample.Requests)
	// Who starts the first replica by hand wants to have it, and its time begins when it can serve.
	started := h.replicas == 0 && v.total() > 0 || v.Ready == 0 && v.Starting > 0
	if v.InFlight > v.Ignored || v.Watching > 0 || requests != h.seen || started {
		h.active = v.now
	}
	h.seen, h.replicas = requests, v.total()
	h.arrivals.add(v.now, requests)
	h.busy.add(v.now, v.Busy, busySpan)
	h.served.add(v.now, float64(v.Served), coarseSpan)
	h.service.add(v.now, v.Service, coarseSpan)
	v.next = v.nextCapacity()
	v.whole = v.serviceTime(h)
	v.rate, v.over = h.arrivals.rate(v.now, requests, v.next, v.whole)
	v.service = digits(sustained(v.whole, v.over))
	if v.rate >= 100 {
		v.rate = math.Ceil(v.rate)
	} else {
		v.rate = float64(tenths(v.rate)) / 10
	}
	if v.Policy.Requests > 0 && v.Interval > 0 {
		h.requests.add(v.now, requests, v.Interval)
		grown, _ := h.requests.over(v.now, requests, v.Interval)
		v.requests = uint64(grown)
	}
}

// serviceTime is the mean of what requests took at backends lately, rounded by digits.
func (v *view) serviceTime(h *History) time.Duration {
	for _, span := range [...]time.Duration{serviceSpan, coarseSpan} {
		n, _ := h.served.over(v.now, float64(v.Served), span)
		took, _ := h.service.over(v.now, v.Service, span)
		if n >= serviceLeast || span == coarseSpan && n >= 1 {
			h.took = digits(time.Duration(took / n * float64(time.Second)))
			break
		}
	}
	return orElse(h.took, guessService)
}

// finest is the least that a request is taken to last, and the finest that this is told.
const finest = 10 * time.Microsecond

// digits rounds to three digits, but neither finer than that nor coarser than a millisecond.
func digits(d time.Duration) time.Duration {
	unit := finest
	for unit < time.Millisecond && d >= 1000*unit {
		unit *= 10
	}
	return max(d.Round(unit), finest)
}

// nextCapacity is how long it takes until more serves: what is starting, or the fastest of what could be.
func (v *view) nextCapacity() time.Duration {
	start := orElse(v.StartTakes, guessStart)
	switch {
	case v.Starting > 0:
		return max(0, start-v.StartingFor)
	case v.Draining > 0:
		return 0
	case v.Warm > 0:
		return orElse(v.WakeTakes, guessWake)
	}
	return start
}

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}

// ask lets every rule say how many replicas it wants.
func (v *view) ask(h *History) {
	v.wants[ruleMin] = v.floor(h)
	v.wants[ruleHand] = v.Hand
	v.wants[ruleBusy] = v.bySlotsBusy(h)
	if v.RPS > 0 {
		v.wants[ruleRate] = int(math.Ceil(v.rate/float64(v.RPS) - 1e-9))
	}
	v.wants[ruleCPU] = v.byUse(v.CPUUse, v.CPU)
	v.wants[ruleMemory] = v.byUse(v.MemoryUse, v.Memory)
	v.wants[ruleLatency] = v.byLatency(h)
	v.wants[ruleRequests] = v.classicRule(h)
}

// floor is the fewest there may be. With Min 0 one is kept until nothing was requested for Idle.
func (v *view) floor(h *History) int {
	if v.Min > 0 || v.idle(h) {
		return v.Min
	}
	return 1
}

func (v *view) idle(h *History) bool {
	return v.Min == 0 && v.now.After(h.active) && v.now.Sub(h.active) >= v.Idle
}

// bySlotsBusy asks for as many slots as are busy by Little's law, with headroom for chance, and for what waits.
func (v *view) bySlotsBusy(h *History) int {
	if v.Concurrency <= 0 {
		return 0
	}
	service := v.whole.Seconds()
	busy := v.rate * v.service.Seconds()
	v.busy = tenths(busy)
	grown, d := h.busy.over(v.now, v.Busy, busySpan)
	if d > 0 {
		// Streams are never served, and what has become slow is not yet.
		if counted := tenths(grown / d.Seconds()); counted > v.busy {
			v.busy, v.bySlots, v.over = counted, true, d
		}
	}
	busy = float64(v.busy) / 10
	v.headroom = tenths(headroomFactor * math.Sqrt(busy*h.arrivals.spread.ratio()))

	waiting := float64(v.Queued)
	if !v.bySlots {
		waiting += max(0, v.rate-float64(v.Ready*v.Concurrency)/service) * min(v.next, v.over).Seconds()
	}
	v.waiting = int(math.Ceil(waiting - 1e-6))
	v.clear = min(max(v.next/2, minClear), maxClear)
	n := v.slots(service, v.clear)
	if spare := v.Warm + v.Draining; spare > 0 && v.waiting > 0 {
		// What is paused or still there costs nothing: have as much of it as clears the queue at once.
		fast := v.slots(service, warmClear)
		if have := v.serving() + spare; min(fast, have) > n {
			v.clear, v.capped = warmClear, fast > have
			return min(fast, have)
		}
		n = v.slots(service, v.clear)
	}
	return n
}

// slots is how many replicas serve what is busy and clear what waits in a time. It notes the backlog.
func (v *view) slots(service float64, within time.Duration) int {
	v.backlog = 0
	if v.waiting > 0 {
		// At most one slot for each, and as much again as is busy, or a burst would ask for what is idle a moment
		// later; but one slot at least.
		extra := float64(v.waiting) * min(service/within.Seconds(), 1)
		v.backlog = tenths(min(max(extra, 1), max(float64(v.busy)/10, 1)))
	}
	capacity, needed := 10*v.Concurrency, v.busy+v.backlog+v.headroom
	n := (needed + capacity - 1) / capacity
	// A little more is not worth another one: it would go and come as the rate goes up and down.
	if have := v.serving(); n > have && float64(needed) <= float64(have*capacity)*(1+slotTolerance) {
		v.tolerated = true
		return have
	}
	v.tolerated = false
	return n
}

// byUse asks for what brings the mean use of a resource to its target.
func (v *view) byUse(use float64, target int) int {
	if target <= 0 || v.Measured == 0 || v.Ready == 0 {
		return 0
	}
	ratio := math.Round(use) / float64(target)
	if math.Abs(ratio-1) <= useTolerance {
		return v.Ready
	}
	return int(math.Ceil(float64(v.Ready)*ratio - 1e-9))
}

const (
	// latencyEvery is how long an act of the latency rule is given to show.
	latencyEvery = 10 * time.Second
	// After so many acts that did not help it rests.
	latencyTries  = 2
	latencyFreeze = time.Minute
	// latencyHelped is what the p95 must fall to, relative to what it was, to have helped.
	latencyHelped = 0.95
)

// latencyState is what the latency rule remembers.
type latencyState struct {
	want          int
	at            time.Time // Of the last raise, when the p95 was as follows.
	was           time.Duration
	failed        int
	frozen        time.Time // Until when.
	raisedPending bool
}

// byLatency asks for more while the p95 is too high, the replicas are busy, and more of them help: a slow database must
// not add containers.
func (v *view) byLatency(h *History) int {
	l := &h.latency
	if v.Latency <= 0 || v.Concurrency <= 0 || v.P95 <= 0 || v.Ready == 0 {
		return 0
	}
	busy := float64(v.InFlight-v.Queued) / float64(v.Ready*v.Concurrency)
	ratio := min(2, float64(v.P95)/float64(v.Latency))
	want := int(math.Ceil(float64(v.Ready)*ratio - 1e-9))
	if want <= v.Ready {
		l.failed, l.raisedPending = 0, false
	}
	switch {
	case v.now.Before(l.frozen), busy <= 0.5: // A p95 is no reason to keep what is idle.
		return 0
	case want <= v.Ready:
		return want
	case v.now.Sub(l.at) < latencyEvery:
		return l.want
	case v.Starting > 0:
		return max(l.want, v.Ready)
	}
	if l.raisedPending {
		l.failed++
		if float64(v.P95) <= latencyHelped*float64(l.was) {
			l.failed = 0
		}
		if l.failed >= latencyTries {
			*l = latencyState{frozen: v.now.Add(latencyFreeze)}
			return 0
		}
	}
	*l = latencyState{want: want, at: v.now, was: v.P95, failed: l.failed, raisedPending: true}
	return want
}

// classicRule asks for one more than there are when there were too many requests, at most once per
// interval, and for no fewer than it asked for as long as there are too many.
func (v *view) classicRule(h *History) int {
	if v.Policy.Requests <= 0 || v.Interval <= 0 || v.requests <= uint64(v.Policy.Requests) {
		return 0
	}
	// With stale data the number of replicas is not known, so no step begins.
	if !v.Stale && v.now.Sub(h.classic.at) >= v.Interval {
		h.classic = classicStep{v.serving() + 1, v.now}
	}
	return h.classic.want
}

// byRules is how many are wanted whatever somebody set by hand.
func (d *demand) byRules() (n int) {
	for r, want := range d.wants {
		if rule(r) != ruleHand {
			n = max(n, want)
		}
	}
	return n
}

// most is the rule that wants most, the first of those that want the same.
func (d *demand) most() (rule, int) {
	best := ruleMin
	for r := range rules {
		// What the counters say explains more than the minimum does.
		if d.wants[r] > d.wants[best] || best == ruleMin && d.wants[r] == d.wants[best] && d.wants[r] > 0 {
			best = r
		}
	}
	return best, d.wants[best]
}
