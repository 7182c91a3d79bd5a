package sim

import (
	"context"
	"runtime"
	"sync"
)

// Case is one configuration to compare, which each seed runs once. Make returns it for a seed, with its trace.
type Case struct {
	Label string
	Make  func(seed uint64) Config
}

// Outcome is what all seeds made of a Case: means, but for Recovery, FirstAction, Wake and Peak, which are
// the worst. Curve is that of the first seed.
type Outcome struct {
	Label string `json:"label"`
	Result
	Seeds int `json:"seeds"`
}

// Compare runs the cases with the seeds 1, 2, … from first on, on all processors. progress, which may be nil, is told how
// many of all runs have ended, one call at a time. Costs are over the oracle of the same trace and seed.
func Compare(ctx context.Context, cases []Case, first uint64, seeds int, progress func(done, of int)) ([]Outcome, error) {
	runs := make([]run, len(cases)*seeds)
	for i := range runs {
		runs[i] = run{seed: first + uint64(i%seeds), of: cases[i/seeds]}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		oracles = oracles{known: map[oracleKey]float64{}}
		next    = make(chan *run)
		wg      sync.WaitGroup
		mu      sync.Mutex
		done    int
	)
	for range min(runtime.GOMAXPROCS(0), len(runs)) {
		wg.Go(func() {
			for r := range next {
				if err := r.do(ctx, &oracles); err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				if done++; progress != nil {
					progress(done, len(runs))
				}
				mu.Unlock()
			}
		})
	}
	for i := range runs {
		next <- &runs[i]
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out := make([]Outcome, len(cases))
	for i, c := range cases {
		out[i] = together(c.Label, runs[i*seeds:(i+1)*seeds])
	}
	return out, nil
}

// run is one case with one seed.
type run struct {
	of     Case
	seed   uint64
	result *Result
}

func (r *run) do(ctx context.Context, o *oracles) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c := r.of.Make(r.seed)
	c.Seed = r.seed
	result, err := Run(ctx, c)
	if err != nil {
		return err
	}
	result.price(o.of(&c))
	r.result = result
	return nil
}

// oracles remembers what was worked out: it is the same for all policies.
type oracles struct {
	mu    sync.Mutex
	known map[oracleKey]float64
}

type oracleKey struct {
	trace      string
	seed       uint64
	slots, min int
	service    int64
	total      float64
}

func (o *oracles) of(c *Config) float64 {
	key := oracleKey{c.Trace.Name, c.Seed, c.Slots, c.Min, int64(c.Service), c.Trace.Total()}
	o.mu.Lock()
	defer o.mu.Unlock()
	known, ok := o.known[key]
	if !ok {
		known = oracle(c.Trace, c.Slots, c.Min, c.Service, c.Seed)
		o.known[key] = known
	}
	return known
}

// together sums the runs of a case up.
func together(label string, runs []run) Outcome {
	out := Outcome{Label: label, Result: *runs[0].result, Seeds: len(runs)}
	n := float64(len(runs))
	sum := &out.Result
	for _, r := range runs[1:] {
		a := r.result
		sum.Requests += a.Requests
		sum.Late += a.Late
		sum.Failed += a.Failed
		sum.ActiveSeconds += a.ActiveSeconds
		sum.OracleSeconds += a.OracleSeconds
		sum.WarmSeconds += a.WarmSeconds
		sum.Actions += a.Actions
		sum.Flaps += a.Flaps
		sum.P50, sum.P95, sum.P99 = sum.P50+a.P50, sum.P95+a.P95, sum.P99+a.P99
		sum.Peak, sum.Steady = max(sum.Peak, a.Peak), max(sum.Steady, a.Steady)
		sum.Recovery = worse(sum.Recovery, a.Recovery)
		sum.FirstAction = worse(sum.FirstAction, a.FirstAction)
		sum.Wake = worse(sum.Wake, a.Wake)
	}
	if sum.Requests > 0 {
		sum.Violations = 100 * float64(sum.Late+sum.Failed) / float64(sum.Requests)
	}
	sum.price(sum.OracleSeconds)
	sum.Requests, sum.Late, sum.Failed = mean(sum.Requests, n), mean(sum.Late, n), mean(sum.Failed, n)
	sum.ActiveSeconds, sum.OracleSeconds, sum.WarmSeconds = sum.ActiveSeconds/n, sum.OracleSeconds/n, sum.WarmSeconds/n
	sum.Actions, sum.Flaps = mean(sum.Actions, n), mean(sum.Flaps, n)
	sum.P50, sum.P95, sum.P99 = sum.P50/n, sum.P95/n, sum.P99/n
	return out
}

func mean[T int | uint64](sum T, n float64) T { return T(float64(sum)/n + 0.5) }

// worse is the greater of two that may be unknown.
func worse(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}
