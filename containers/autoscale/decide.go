package autoscale

import (
	"cmp"
	"slices"
	"time"
)

const (
	// scaleOutEvery is the shortest time between two scale-outs: a step fills the shortest window in that time, and an
	// engine is busy with the first container for as long.
	scaleOutEvery = 300 * time.Millisecond
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
	// Rules is how many the rules want within Max, whatever is set by hand.
	Rules int
	// Enough is how many replicas in all suffice. Where more were asked for and could not be
	// made, the rest is not needed any more.
	Enough int
	// Decision is to be carried out and shown if Decided.
	Decision Decision
	Decided  bool
	Outlook  Outlook
}

// Decide says how many replicas a pool should run, and why. It keeps what it must remember in h,
// which belongs to this pool alone; now must not go backwards. It is called at least every
// second; the more often, the sooner a step shows.
//
// Every rule says how many it wants, and the most counts. The first is Little's law: the rate of requests times what
// one takes is how many slots are busy; with headroom for chance, and for what waits, that is divided by what one
// replica serves at once. The others are a rate per replica, use of processor and memory, latency, and the classic rule.
// What is starting counts. Replicas are given up only when fewer were wanted for the whole
// hold-down, and then at most half of them every 5 s, the least busy clones first. What runs when
// a History begins counts as wanted for one hold-down, so a restart removes nothing at once. A pool
// that does not scale any more gives up the clones that it still has in the same way. One with Min 0 gives up all that
// it has when nothing was requested for Idle.
func Decide(now time.Time, p Policy, h *History, s Sample) Outcome {
	v := view{Policy: p, Sample: s, now: now}
	v.measure(h)
	if p.Max <= 0 && len(s.Clones) == 0 {
		return Outcome{Desired: max(v.total(), s.Originals), Enough: v.total(), Outlook: v.outlook()}
	}
	v.decide(h)
	v.hold(h)

	out := Outcome{Desired: max(v.want, v.kept()), Rules: v.rules, Enough: max(v.total(), v.held+s.Unhealthy), Outlook: v.outlook()}
	switch {
	case v.want > v.serving() && p.Max > 0:
		out.Decision, out.Decided = v.scaleOut(h)
	case !v.Keeps && (v.held < v.serving() || v.zero && v.total() > 0):
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
	demand
	now time.Time

	// want is what follows from the demand within Min and Max, held the highest want of the hold-down.
	want, held int
	// rules is want without what is set by hand.
	rules int
	// zero says that nothing is needed at all any more.
	zero bool
}

func (v *view) serving() int { return v.Ready + v.Starting }
func (v *view) total() int   { return v.serving() + v.Unhealthy }

// kept is how many replicas may not be given up.
func (v *view) kept() int {
	if v.zero {
		return 0
	}
	return v.Originals
}

// decide works out what the rules want together.
func (v *view) decide(h *History) {
	if v.Max <= 0 {
		v.want, v.Min = 0, 0
		return
	}
	v.ask(h)
	_, most := v.most()
	v.want, v.rules = min(most, v.Max), min(v.byRules(), v.Max)
	if v.idle(h) {
		v.rules = 0
		if v.Hand == 0 {
			v.want, v.zero = 0, true
		}
	}
}

// hold finds the number of replicas below which the hold-down forbids to go.
func (v *view) hold(h *History) {
	v.held = h.wants.add(v.now, v.want, v.HoldDown)
	if v.now.Sub(h.first) < v.HoldDown {
		v.held = max(v.held, v.serving())
	}
	if v.zero { // It has been idle for long enough.
		v.held = 0
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
	case v.serving() > 0 && v.Warm+v.Draining == 0 && v.now.Sub(h.scaledOut) < scaleOutEvery:
		return d, false
	}
	if !v.say(h, &d) {
		return d, false
	}
	if !v.DryRun {
		h.scaledOut = v.now
	}
	d.Reason = v.reasonOut(to)
	return d, true
}

// scaleIn gives up what is spare, at most half of what serves, or refuses to.
func (v *view) scaleIn(h *History) (Decision, bool) {
	spare := min(v.serving()-v.held, len(v.Clones), v.total()-max(v.Min, v.Originals))
	step := min(spare, max(1, v.serving()/2))
	if v.zero {
		spare, step = v.total(), v.total()
	}
	if spare <= 0 || v.now.Sub(h.scaledIn) < scaleInEvery {
		return Decision{}, false
	}
	d := v.decision(ActionScaleIn, v.total()-step)
	if v.Stale {
		return v.refuse(h, d, causeStale)
	}
	if !v.say(h, &d) {
		return d, false
	}
	d.Victims = leastBusy(v.Clones, min(step, len(v.Clones)))
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
			Warm: v.Warm, Draining: v.Draining,
			InFlight: v.InFlight, Queued: v.Queued, Rate: v.rate, ServiceSeconds: v.whole.Seconds(),
			BusySlots: float64(v.busy) / 10, Headroom: float64(v.headroom) / 10, Backlog: float64(v.backlog) / 10,
			CapacityInSeconds: v.next.Seconds(), Requests: v.requests,
			P95Milliseconds: float64(v.P95.Microseconds()) / 1000, CPU: v.CPUUse, Memory: v.MemoryUse,
			Concurrency: v.Concurrency, Min: v.Min, Max: v.Max,
		},
	}
}
