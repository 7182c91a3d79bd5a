package autoscale

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// A replica is to be used to targetTenths/10 of its concurrency.
	targetTenths = 7
	// shortWindow shows a step soon; longWindow keeps a burst of a second in mind.
	shortWindow = time.Second
	longWindow  = 6 * time.Second
	// scaleInEvery is the shortest time between two scale-ins.
	scaleInEvery = 5 * time.Second
	// repeatAct and repeatSaid are how long the same decision is not returned again: an act, because
	// the sample may not show it yet; a dry run or refusal, because nothing has changed.
	repeatAct  = 5 * time.Second
	repeatSaid = time.Minute
)

// Outcome is what Decide found at one moment.
type Outcome struct {
	// Desired is how many replicas the demand asks for now: within Min and Max, and never fewer
	// than the originals. Without scaling it is what runs, or the originals if clones are left.
	Desired int
	// Enough is how many replicas in all suffice. Where more were asked for and could not be
	// made, the rest is not needed any more.
	Enough int
	// Decision is to be carried out and shown if Decided.
	Decision Decision
	Decided  bool
}

// Decide says how many replicas a pool should run, and why. It keeps what it must remember in h,
// which belongs to this pool alone; now must not go backwards. It is called at least every
// second; the more often, the sooner a step shows.
//
// The rule: the mean number of requests in flight, over 1 s or 6 s, whichever is more, divided by
// 70 % of what one replica serves at once. The classic rule, if asked for, adds one per interval.
// What is starting counts. Replicas are given up only when fewer were wanted for the whole
// hold-down, and then half of what is spare every 5 s, the least busy clones first. What runs when
// a History begins counts as wanted for one hold-down, so a restart removes nothing at once. A pool
// that does not scale any more gives up the clones that it still has in the same way.
func Decide(now time.Time, p Policy, h *History, s Sample) Outcome {
	v := view{Policy: p, Sample: s, now: now}
	v.measure(h)
	if p.Max <= 0 && len(s.Clones) == 0 {
		return Outcome{Desired: max(v.total(), s.Originals), Enough: v.total()}
	}
	v.demand(h)
	v.hold(h)

	out := Outcome{Desired: max(v.want, s.Originals), Enough: max(v.total(), v.held+s.Unhealthy)}
	switch {
	case v.want > v.serving() && p.Max > 0:
		out.Decision, out.Decided = v.scaleOut(h)
	case v.held < v.serving():
		out.Decision, out.Decided = v.scaleIn(h)
	}
	if p.DryRun {
		out.Enough = v.total()
	}
	return out
}

// view is one call of Decide: its inputs and what follows from them.
type view struct {
	Policy
	Sample
	now time.Time

	short, long mean
	requests    uint64
	// byBusy and byRequests are what the two rules want, want is what follows within Min and Max,
	// held the highest want of the hold-down.
	byBusy, byRequests, want, held int
}

// mean is the mean number of requests in flight over a window.
type mean struct {
	value  float64
	window time.Duration
}

// tenths is the mean rounded up to a tenth, as the reason prints it: whoever divides what he
// reads by the capacity (a multiple of a tenth, too) finds the same number of replicas.
func (m mean) tenths() int { return int(math.Ceil(m.value*10 - 1e-6)) }

func (v *view) serving() int { return v.Ready + v.Starting }
func (v *view) total() int   { return v.serving() + v.Unhealthy }

// busiest is the window that asks for more.
func (v *view) busiest() mean {
	if v.long.value > v.short.value {
		return v.long
	}
	return v.short
}

// measure reads the windows and adds this sample to them.
func (v *view) measure(h *History) {
	if h.first.IsZero() {
		h.first = v.now
	}
	h.busy.add(v.now, v.Busy, longWindow)
	v.short = meanOver(&h.busy, v.now, v.Busy, shortWindow)
	v.long = meanOver(&h.busy, v.now, v.Busy, longWindow)
	if v.Policy.Requests > 0 && v.Interval > 0 {
		count := float64(v.Sample.Requests)
		h.requests.add(v.now, count, v.Interval)
		grown, _ := h.requests.over(v.now, count, v.Interval)
		v.requests = uint64(grown)
	}
}

func meanOver(s *series, now time.Time, value float64, window time.Duration) mean {
	grown, d := s.over(now, value, window)
	if d == 0 {
		return mean{}
	}
	return mean{grown / d.Seconds(), d}
}

// demand works out what the rules want.
func (v *view) demand(h *History) {
	if capacity := targetTenths * v.Concurrency; capacity > 0 {
		v.byBusy = (v.busiest().tenths() + capacity - 1) / capacity
	}
	v.byRequests = v.classicRule(h)
	v.want = min(max(v.byBusy, v.byRequests, v.Min), v.Max)
	if v.Max <= 0 {
		v.want, v.Min = 0, 0
	}
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

// hold finds the number of replicas below which the hold-down forbids to go.
func (v *view) hold(h *History) {
	v.held = h.wants.add(v.now, v.want, v.HoldDown)
	if v.now.Sub(h.first) < v.HoldDown {
		v.held = max(v.held, v.serving())
	}
}

// scaleOut brings up what is missing, or refuses to.
func (v *view) scaleOut(h *History) (Decision, bool) {
	if v.Max < v.Originals {
		return Decision{}, false
	}
	// Unhealthy replicas do not serve, yet they are there: all together stay within Max.
	to := min(v.want+v.Unhealthy, v.Max)
	d := v.decision(ActionScaleOut, to)
	switch {
	case v.Stale:
		return v.refuse(h, d, causeStale)
	case to <= v.total():
		return v.refuse(h, d, causeUnhealthy)
	case v.Blocked != "":
		return v.refuse(h, d, v.Blocked)
	}
	if !v.say(h, &d) {
		return d, false
	}
	d.Reason = v.reasonOut(to)
	return d, true
}

// scaleIn gives up half of what is spare, at least one, or refuses to.
func (v *view) scaleIn(h *History) (Decision, bool) {
	spare := min(v.serving()-v.held, len(v.Clones), v.total()-max(v.Min, v.Originals))
	if spare <= 0 || v.now.Sub(h.scaledIn) < scaleInEvery {
		return Decision{}, false
	}
	step := max(1, spare/2)
	d := v.decision(ActionScaleIn, v.total()-step)
	if v.Stale {
		return v.refuse(h, d, causeStale)
	}
	if !v.say(h, &d) {
		return d, false
	}
	d.Victims = leastBusy(v.Clones, step)
	d.Reason = v.reasonIn(step)
	if !v.DryRun {
		h.scaledIn = v.now
	}
	return d, true
}

// leastBusy picks n clones to remove; of equally busy ones the last made, which is the highest slot.
func leastBusy(clones []Clone, n int) []string {
	sorted := slices.Clone(clones)
	slices.SortFunc(sorted, func(a, b Clone) int {
		return cmp.Or(
			cmp.Compare(a.InFlight, b.InFlight),
			// A longer number is a higher one.
			cmp.Compare(len(b.Name), len(a.Name)),
			cmp.Compare(b.Name, a.Name),
			cmp.Compare(b.ID, a.ID),
		)
	})
	ids := make([]string, n)
	for i := range ids {
		ids[i] = sorted[i].ID
	}
	return ids
}

// refuse turns what would have been done into a refusal; false if that was said already.
func (v *view) refuse(h *History, d Decision, cause string) (Decision, bool) {
	last := &h.refusal
	if last.what == cause && v.now.Sub(last.at) < repeatSaid {
		return d, false
	}
	*last = said{cause, d.From, d.To, v.now}
	d.Reason = v.reasonRefused(cause)
	d.Action, d.To = ActionRefuse, d.From
	return d, true
}

// say reports whether the decision is news, and remembers it.
func (v *view) say(h *History, d *Decision) bool {
	last, quiet := &h.act, repeatAct
	if v.DryRun {
		last, quiet = &h.dry, repeatSaid
	}
	if last.what == string(d.Action) && v.now.Sub(last.at) < quiet {
		further := d.Action == ActionScaleOut && d.To > last.to || d.Action == ActionScaleIn && d.To < last.to
		// A dry run changes nothing, so that it wants less than it said is no news; a real act
		// from another number of replicas is.
		if !further && (v.DryRun || d.From == last.from) {
			return false
		}
	}
	*last = said{string(d.Action), d.From, d.To, v.now}
	return true
}

// decision is a decision with all but its reason.
func (v *view) decision(a Action, to int) Decision {
	return Decision{
		Time: v.now, Action: a, From: v.total(), To: to, DryRun: v.DryRun,
		Inputs: Inputs{
			Ready: v.Ready, Starting: v.Starting, Unhealthy: v.Unhealthy, Originals: v.Originals,
			InFlight: v.InFlight, Busy1s: v.short.value, Busy6s: v.long.value, Requests: v.requests,
			Concurrency: v.Concurrency, Min: v.Min, Max: v.Max,
		},
	}
}
