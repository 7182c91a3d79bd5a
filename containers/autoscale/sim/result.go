package sim

import "time"

// Result is how a run went. Times are in seconds; what did not occur is nil.
type Result struct {
	Trace  string `json:"trace"`
	Policy string `json:"policy"`
	Warm   int    `json:"warm"`
	Seed   uint64 `json:"seed"`

	// Requests came; of them Late were answered after the SLO, and Failed not at all.
	Requests uint64 `json:"requests"`
	Late     uint64 `json:"late"`
	Failed   uint64 `json:"failed"`
	// Violations are both, in percent of all.
	Violations float64 `json:"violations_percent"`
	P50        float64 `json:"p50_seconds"`
	P95        float64 `json:"p95_seconds"`
	P99        float64 `json:"p99_seconds"`

	// ActiveSeconds are those of replicas that start, serve, drain or stop; Cost is how many times what who knows the
	// future needs. WarmSeconds are beside them: paused clones and those on their way there.
	ActiveSeconds float64 `json:"active_seconds"`
	OracleSeconds float64 `json:"oracle_seconds"`
	Cost          float64 `json:"cost"`
	WarmSeconds   float64 `json:"warm_seconds"`

	// Actions changed the number of replicas; Flaps of them reversed the one before within the hold-down.
	Actions int `json:"actions"`
	Flaps   int `json:"flaps"`
	// Peak is the most replicas that were asked for, Steady what the busiest minute needs at
	// rest, headroom included.
	Peak   int `json:"peak"`
	Steady int `json:"steady"`

	// Recovery is the longest from a step of the demand until the last held request that was late ended.
	Recovery *float64 `json:"recovery_seconds"`
	// FirstAction is the longest from the first request of a step that needs more to the first scale-out, Wake the
	// longest from a request while nothing ran to it.
	FirstAction *float64 `json:"first_action_seconds"`
	Wake        *float64 `json:"wake_seconds"`

	Curve Curve `json:"-"`
}

// Curve is a run over time, a value for each Width seconds: requests per second, the requests that ready replicas could serve at
// once, the most that were held, and the P95 of the response times in seconds, 0 of none.
type Curve struct {
	Width    float64
	Demand   []float64
	Capacity []float64
	Held     []float64
	P95      []float64
}

func (p *pool) result() *Result {
	t := &p.tally
	if t.step.recovering {
		t.recovered()
	}
	r := &Result{
		Trace: p.c.Trace.Name, Policy: p.c.Policy, Warm: p.c.Warm, Seed: p.c.Seed,
		Requests: p.requests, Late: t.late, Failed: t.failed,
		P50: t.all.quantile(0.5).Seconds(), P95: t.all.quantile(0.95).Seconds(), P99: t.all.quantile(0.99).Seconds(),
		ActiveSeconds: t.active, WarmSeconds: t.warm,
		Actions: t.actions, Flaps: t.flaps,
		Peak: max(t.peak, p.c.Min, 1), Steady: p.c.Trace.steadyNeed(p.c.Slots, p.c.Service),
	}
	if p.requests > 0 {
		r.Violations = 100 * float64(t.late+t.failed) / float64(p.requests)
	}
	// Without a step there is nothing to recover from.
	if t.stepped {
		r.Recovery = seconds(t.recovery)
	}
	if t.acted {
		r.FirstAction = seconds(t.first)
	}
	if t.woke {
		r.Wake = seconds(t.wake)
	}
	for i := range t.took {
		t.curve.P95[i] = t.took[i].quantile(0.95).Seconds()
		t.curve.Demand[i] /= t.curve.Width
		t.curve.Capacity[i] /= t.curve.Width
	}
	r.Curve = t.curve
	return r
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

// price sets the cost against an oracle.
func (r *Result) price(oracle float64) {
	r.OracleSeconds = oracle
	if oracle > 0 {
		r.Cost = r.ActiveSeconds / oracle
	}
}
