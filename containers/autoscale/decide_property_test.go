package autoscale

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestDecide_properties lets a random pool live under random traffic and checks each decision by
// what it was made from.
func TestDecide_properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{
			Min:         rapid.IntRange(0, 6).Draw(t, "min"),
			Max:         rapid.IntRange(0, 12).Draw(t, "max"),
			Concurrency: rapid.IntRange(0, 30).Draw(t, "concurrency"),
			Requests:    rapid.IntRange(0, 40).Draw(t, "requests"),
			Interval:    time.Duration(rapid.IntRange(1, 20).Draw(t, "interval")) * time.Second,
			HoldDown:    time.Duration(rapid.IntRange(0, 30).Draw(t, "hold-down")) * time.Second,
			RPS:         rapid.SampledFrom([]int{0, 0, 7}).Draw(t, "rps"),
			Latency:     rapid.SampledFrom([]time.Duration{0, 0, 100 * time.Millisecond}).Draw(t, "latency"),
			CPU:         rapid.SampledFrom([]int{0, 0, 70}).Draw(t, "cpu"),
			Idle:        time.Duration(rapid.IntRange(1, 20).Draw(t, "idle")) * time.Second,
			DryRun:      rapid.IntRange(0, 9).Draw(t, "dry-run") == 0,
		}
		p.Min = min(p.Min, p.Max)
		if rapid.IntRange(0, 4).Draw(t, "by hand") == 0 {
			p.Hand, p.HandBy = rapid.IntRange(1, 8).Draw(t, "hand"), "anna"
		}
		s := newStory(p, rapid.IntRange(0, 5).Draw(t, "originals"), rapid.IntRange(0, 8).Draw(t, "clones"))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s.Stale = rapid.IntRange(0, 9).Draw(t, "stale") == 0
			s.Blocked = rapid.SampledFrom([]string{"", "", "", "no image"}).Draw(t, "blocked")
			s.Queued = rapid.IntRange(0, 50).Draw(t, "queued")
			s.Warm = rapid.IntRange(0, 3).Draw(t, "warm")
			s.CPUUse, s.Measured = rapid.Float64Range(0, 400).Draw(t, "cpu use"), rapid.IntRange(0, 2).Draw(t, "measured")
			s.P95 = time.Duration(rapid.IntRange(0, 500).Draw(t, "p95")) * time.Millisecond
			if s.Originals > 0 && s.Ready > len(s.Clones) && rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				s.Ready--
				s.Unhealthy++
			}
			s.decided = nil
			s.run(Tick, rapid.Float64Range(0, 200).Draw(t, "in flight"), rapid.Float64Range(0, 100).Draw(t, "per second"))
			for _, d := range s.decided {
				checkDecision(t, s.Policy, s.seen, d)
			}
			checkOutcome(t, s.Policy, s.seen, s.last)
			s.run(time.Duration(rapid.IntRange(0, 60).Draw(t, "ticks"))*Tick, float64(s.InFlight), 0)
		}
	})
}

func checkDecision(t *rapid.T, p Policy, s Sample, d Decision) {
	total := s.Ready + s.Starting + s.Unhealthy
	if d.From != total {
		t.Fatalf("From = %d, want %d", d.From, total)
	}
	if p.Max == 0 && (d.Action == ActionScaleOut || len(s.Clones) == 0) {
		t.Fatalf("decided %s %d->%d without scaling", d.Action, d.From, d.To)
	}
	switch d.Action {
	case ActionScaleOut:
		if d.To <= d.From || d.To > p.Max {
			t.Fatalf("scale-out %d->%d, maximum %d", d.From, d.To, p.Max)
		}
		if s.Blocked != "" || s.Stale {
			t.Fatalf("scaled out although blocked (%q) or stale (%v)", s.Blocked, s.Stale)
		}
		checkReason(t, d)
	case ActionScaleIn:
		if d.To == 0 && p.Min == 0 && p.Max > 0 {
			if s.InFlight > 0 || s.Stale || len(d.Victims) != len(s.Clones) {
				t.Fatalf("scale-in to zero with %d in flight, stale %v, %d victims of %d clones", s.InFlight, s.Stale, len(d.Victims), len(s.Clones))
			}
			return
		}
		if d.To >= d.From || d.To < max(p.Min, min(p.Hand, p.Max)) && p.Max > 0 || d.To < s.Originals || s.Stale {
			t.Fatalf("scale-in %d->%d, minimum %d, originals %d, stale %v", d.From, d.To, p.Min, s.Originals, s.Stale)
		}
		if len(d.Victims) != d.From-d.To {
			t.Fatalf("%d victims for %d->%d", len(d.Victims), d.From, d.To)
		}
		seen := map[string]bool{}
		for _, id := range d.Victims {
			if seen[id] || !slices.ContainsFunc(s.Clones, func(c Clone) bool { return c.ID == id }) {
				t.Fatalf("victim %s is named twice or no clone", id)
			}
			seen[id] = true
		}
	case ActionRefuse:
		if d.To != d.From || d.Reason == "" {
			t.Fatalf("refusal %d->%d with reason %q", d.From, d.To, d.Reason)
		}
	}
}

var busyReason = regexp.MustCompile(`^(?:([0-9.]+) req/s x ([0-9.]+) s.* = )?([0-9.]+) busy slots(?: over [0-9.]+ s)?` +
	`(?: \+ ([0-9.]+) headroom)?(?: \+ ([0-9.]+) to clear \d+ waiting in [0-9.]+ s)?(?: = ([0-9.]+))?, (\d+) per backend( -> |, as many as need not be created -> )(\d+) backend`)

// checkReason does by hand what the reason says was done.
func checkReason(t *rapid.T, d Decision) {
	m := busyReason.FindStringSubmatch(d.Reason)
	if m == nil {
		return
	}
	value := func(i int) float64 { x, _ := strconv.ParseFloat(m[i], 64); return x }
	if m[1] != "" {
		if busy := value(1) * value(2); value(3) < busy-1e-6 || value(3) > busy+0.1 {
			t.Fatalf("the product is %v: %s", busy, d.Reason)
		}
	}
	sum := value(3) + value(4) + value(5)
	if m[6] != "" && math.Abs(value(6)-sum) > 1e-6 {
		t.Fatalf("the sum is %v: %s", sum, d.Reason)
	}
	n := math.Ceil(sum/value(7) - 1e-9)
	if capped := m[8] != " -> "; !capped && n != value(9) || capped && n <= value(9) {
		t.Fatalf("the quotient is %v: %s", n, d.Reason)
	}
}

func checkOutcome(t *rapid.T, p Policy, s Sample, o Outcome) {
	if o.Desired < s.Originals && (o.Desired > 0 || p.Min > 0) {
		t.Fatalf("Desired = %d, with %d originals", o.Desired, s.Originals)
	}
	if p.Max > 0 && o.Desired > max(p.Max, s.Originals) {
		t.Fatalf("Desired = %d, maximum %d, originals %d", o.Desired, p.Max, s.Originals)
	}
	if total := s.Ready + s.Starting + s.Unhealthy; o.Enough < total {
		t.Fatalf("Enough = %d, fewer than the %d there are", o.Enough, total)
	}
	// With nothing unhealthy, having what is wanted leaves nothing to decide; what is held from
	// before makes it wait.
	if o.Decided && s.Unhealthy == 0 && o.Decision.Action == ActionScaleOut && o.Desired == o.Decision.From {
		t.Fatalf("decided %d->%d, desired %d", o.Decision.From, o.Decision.To, o.Desired)
	}
}

// TestDecide_rests: a pool with steady traffic comes to rest, whatever happened before.
func TestDecide_rests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Min: 1, Max: rapid.IntRange(1, 20).Draw(t, "max"), Concurrency: 10, HoldDown: 10 * time.Second}
		s := newStory(p, 1, rapid.IntRange(0, 10).Draw(t, "clones"))
		level := rapid.Float64Range(0, 200).Draw(t, "in flight")
		s.run(10*time.Second, rapid.Float64Range(0, 200).Draw(t, "before"), 0).run(2*time.Minute, level, 0)
		s.told = nil
		s.run(time.Minute, level, 0)
		if len(s.told) != 0 {
			t.Fatalf("decisions at rest: %q", s.told)
		}
		// As many as are busy with their headroom, or one fewer if that is little more than the others have.
		slots := level + headroomFactor*math.Sqrt(level)
		// Both are rounded up to a tenth.
		most := min(max(int(math.Ceil((slots+0.2)/10)), 1), p.Max)
		least := min(max(int(math.Ceil(slots/10/(1+slotTolerance)-0.1)), 1), p.Max)
		if s.Ready < least || s.Ready > most {
			t.Fatalf("Ready = %d, want %d to %d for %.2f in flight", s.Ready, least, most, level)
		}
	})
}
