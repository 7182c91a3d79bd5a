package balance_test

import (
	"math"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

// state is what a candidate is like: what an answer took a minute ago or when the clock stopped, and
// what is in flight. took 0: it has never answered.
type state struct {
	weight   int
	inFlight int64
	took     time.Duration
	minute   bool
}

func inState(states ...state) []balance.Candidate {
	weights := make([]int, len(states))
	for i, s := range states {
		weights[i] = max(s.weight, 1)
	}
	cs := candidates(weights...)
	for i, s := range states {
		cs[i].InFlight.Store(s.inFlight)
		at := stopped()
		if s.minute {
			at -= time.Minute
		}
		if s.took > 0 {
			cs[i].Cost.Observe(s.took, at)
		}
	}
	return cs
}

func TestPeakEWMA_picks_the_least_load(t *testing.T) {
	tests := []struct {
		name   string
		states []state
		want   int
	}{
		{"the fastest", []state{{took: 20 * ms}, {took: 10 * ms}, {took: 30 * ms}}, 1},
		{"another when the fastest is busy", []state{{took: 20 * ms}, {took: 10 * ms, inFlight: 2}}, 0},
		{"the heavy one although busier", []state{{took: 10 * ms, weight: 1}, {took: 10 * ms, weight: 4, inFlight: 2}}, 1},
		{"the light one when the heavy is too busy", []state{{took: 10 * ms, weight: 1}, {took: 10 * ms, weight: 4, inFlight: 4}}, 0},
		{"the new one while it is idle", []state{{took: 1}, {}, {took: 1}}, 1},
		{"not the new one while it is busy", []state{{took: time.Hour, inFlight: 20}, {inFlight: 1}}, 0},
		{"the less busy of new ones", []state{{inFlight: 2}, {inFlight: 1}, {inFlight: 3}}, 1},
		{"who was slow long ago", []state{{took: 20 * ms}, {took: 2 * time.Second, minute: true}}, 1},
		{"not who was very slow long ago", []state{{took: 20 * ms}, {took: 20 * time.Second, minute: true}}, 0},
		{"a count below zero is none", []state{{took: 10 * ms}, {took: 20 * ms, inFlight: -5}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := picker(t, balance.PolicyPeakEWMA, inState(tt.states...), nil)
			for range 2 * len(tt.states) { // Wherever the look starts.
				if got := p.Pick(&balance.Request{}); got != tt.want {
					t.Fatalf("Pick() = %d, want %d", got, tt.want)
				}
			}
		})
	}
}

func TestPeakEWMA_keeps_in_flight_in_proportion(t *testing.T) {
	cs := inState(state{weight: 3, took: ms}, state{weight: 2, took: ms}, state{weight: 1, took: ms})
	p := picker(t, balance.PolicyPeakEWMA, cs, nil)
	for range 60 {
		cs[p.Pick(&balance.Request{})].InFlight.Add(1)
	}
	for i, want := range []int64{30, 20, 10} {
		if got := cs[i].InFlight.Load(); got < want-2 || got > want+2 {
			t.Errorf("candidate %d has %d of 60 in flight, want %d within 2", i, got, want)
		}
	}
}

// 100,000 draws of two of 20, each faster than the one before: candidate i wins against those before it, so
// it gets i of 190 pairs. 5 sigma. The slowest never wins, for it is never drawn twice.
func TestPeakEWMA_draws_two_of_many(t *testing.T) {
	const n, draws = 20, 100_000
	states := make([]state, n)
	for i := range states {
		states[i].took = time.Duration(n-i) * ms
	}
	p := picker(t, balance.PolicyPeakEWMA, inState(states...), nil)
	for i, got := range counts(p, n, draws) {
		share := float64(i) / (n * (n - 1) / 2)
		if off := math.Abs(float64(got) - draws*share); off > 5*math.Sqrt(draws*share*(1-share)) {
			t.Errorf("candidate %d got %d of %d, want about %.0f", i, got, draws, draws*share)
		}
	}
}

// 100,000 draws among 20 of equal load: 5 sigma.
func TestPeakEWMA_draws_equals_alike(t *testing.T) {
	const n, draws = 20, 100_000
	p := picker(t, balance.PolicyPeakEWMA, inState(make([]state, n)...), nil)
	for i, got := range counts(p, n, draws) {
		if off := math.Abs(float64(got) - draws/n); off > 5*math.Sqrt(draws/n*(1-1./n)) {
			t.Errorf("candidate %d got %d of %d, want about %d", i, got, draws, draws/n)
		}
	}
}
