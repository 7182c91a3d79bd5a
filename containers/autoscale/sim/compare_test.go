package sim

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

func cases(policies ...string) []Case {
	list := make([]Case, 0, len(policies))
	for _, policy := range policies {
		list = append(list, Case{policy, func(seed uint64) Config {
			c := Default()
			c.Policy, c.Trace = policy, perSecond(5*time.Minute, func(s int) float64 { return float64(20 + s%120*5) })
			c.Trace.Name = "saw"
			return c
		}})
	}
	return list
}

func TestCompare_is_what_each_run_is(t *testing.T) {
	told := 0
	out, err := Compare(t.Context(), cases("ballast", "kpa"), 3, 2, func(done, of int) {
		if told++; done != told || of != 4 {
			t.Errorf("told of %d runs of %d, want %d of 4", done, of, told)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases("ballast", "kpa") {
		var active, late, requests float64
		peak := 0
		for seed := uint64(3); seed < 5; seed++ {
			config := c.Make(seed)
			config.Seed = seed
			r := simulate(t, config)
			active += r.ActiveSeconds / 2
			late += float64(r.Late + r.Failed)
			requests += float64(r.Requests)
			peak = max(peak, r.Peak)
		}
		got := out[i]
		if got.Label != c.Label || got.Seeds != 2 || math.Abs(got.ActiveSeconds-active) > 1e-6 || math.Abs(got.Violations-100*late/requests) > 1e-9 || got.Peak != peak {
			t.Errorf("%s: %+v, want %v active seconds, %v %% violations, peak %d", c.Label, got.Result, active, 100*late/requests, peak)
		}
		if got.Cost < 1 {
			t.Errorf("%s: costs %v of what the oracle needs", c.Label, got.Cost)
		}
	}
	if told != 4 {
		t.Errorf("told of %d runs, want 4", told)
	}
}

func TestCompare_ends_with_the_context_and_the_first_error(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, cases("kpa"), 1, 3, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Compare() = %v, want context.Canceled", err)
	}
	if _, err := Compare(t.Context(), cases("kpa", "vpa"), 1, 3, nil); err == nil {
		t.Error("Compare() of an unknown policy is no error")
	}
}
