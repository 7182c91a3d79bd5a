package balance_test

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ballast-lb/ballast/proxy/balance"
)

func candidates(weights ...int) []balance.Candidate {
	cs := make([]balance.Candidate, len(weights))
	for i, w := range weights {
		cs[i] = balance.Candidate{
			ID: fmt.Sprintf("container-%03d", i), Weight: w, InFlight: new(atomic.Int64), Cost: new(balance.Cost),
		}
	}
	return cs
}

func picker(t testing.TB, policy string, cs []balance.Candidate, previous balance.Picker) balance.Picker {
	t.Helper()
	return pickerOf(t, balance.Options{Policy: policy, Clock: stopped}, cs, previous)
}

func pickerOf(t testing.TB, o balance.Options, cs []balance.Candidate, previous balance.Picker) balance.Picker {
	t.Helper()
	p, err := balance.New(o, cs, previous)
	if err != nil {
		t.Fatalf("New(%q) = %v", o.Policy, err)
	}
	return p
}

// stopped is a clock on which no time passes.
func stopped() time.Duration { return time.Hour }

// letters writes n picks as a string: a for candidate 0 and so on.
func letters(p balance.Picker, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('a' + p.Pick(&balance.Request{})))
	}
	return b.String()
}

func counts(p balance.Picker, candidates, n int) []int {
	out := make([]int, candidates)
	for range n {
		out[p.Pick(&balance.Request{})]++
	}
	return out
}

func TestNew_refuses(t *testing.T) {
	twins := candidates(1, 1, 1)
	twins[2].ID = twins[0].ID
	costless := candidates(1, 1)
	costless[1].Cost = nil
	tests := []struct {
		name       string
		options    balance.Options
		candidates []balance.Candidate
	}{
		{"no candidates", balance.Options{Policy: balance.PolicyWeighted}, nil},
		{"weight 0", balance.Options{Policy: balance.PolicyWeighted}, candidates(1, 0)},
		{"unknown policy", balance.Options{Policy: "fastest"}, candidates(1)},
		{"unknown hash", balance.Options{Policy: balance.PolicyMaglev, Hash: "moon"}, candidates(1)},
		{"maglev of twins", balance.Options{Policy: balance.PolicyMaglev}, twins},
		{"ip-hash of twins", balance.Options{Policy: balance.PolicyIPHash}, twins},
		{"peak-ewma without a clock", balance.Options{Policy: balance.PolicyPeakEWMA}, candidates(1)},
		{"peak-ewma without costs", balance.Options{Policy: balance.PolicyPeakEWMA, Clock: stopped}, costless},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := balance.New(tt.options, tt.candidates, nil); err == nil {
				t.Errorf("New() = %T, want an error", p)
			}
		})
	}
}

func TestPick_order(t *testing.T) {
	tests := []struct {
		name, policy string
		weights      []int
		want         string
	}{
		{"nginx's example", balance.PolicyWeighted, []int{5, 1, 1}, "aabacaa" + "aabacaa"},
		{"three to one, smoothly", balance.PolicyWeighted, []int{3, 2, 1}, "abacba" + "abacba"},
		{"equal weights go round", balance.PolicyWeighted, []int{7, 7, 7}, "abcabc"},
		{"one alone", balance.PolicyWeighted, []int{256}, "aaa"},
		{"round robin ignores weights", balance.PolicyRoundRobin, []int{5, 1, 1}, "abcabc"},
		{"idle equals take turns", balance.PolicyLeastRequest, []int{1, 1, 1}, "abcabc"},
		{"idle ones without history take turns", balance.PolicyPeakEWMA, []int{1, 1, 1}, "abcabc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := picker(t, tt.policy, candidates(tt.weights...), nil)
			if got := letters(p, len(tt.want)); got != tt.want {
				t.Errorf("picks = %s, want %s", got, tt.want)
			}
		})
	}
}

// Over any sum(w) picks in a row, wherever they begin, each candidate has exactly its weight.
func TestWeighted_is_exact_per_period(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 256), 1, 12).Draw(t, "weights")
		p, err := balance.New(balance.Options{Policy: balance.PolicyWeighted}, candidates(weights...), nil)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, w := range weights {
			sum += w
		}
		skip := rapid.IntRange(0, sum).Draw(t, "skip")
		counts(p, len(weights), skip)
		for i, got := range counts(p, len(weights), sum) {
			if got != weights[i] {
				t.Fatalf("candidate %d of %v got %d of %d picks, want %d", i, weights, got, sum, weights[i])
			}
		}
	})
}

func TestWeighted_is_smooth_within_any_window(t *testing.T) {
	weights := []int{3, 2, 1}
	p := picker(t, balance.PolicyWeighted, candidates(weights...), nil)
	picks := letters(p, 60)
	for from := range picks {
		for to := from + 1; to <= len(picks); to++ {
			for i, w := range weights {
				got := strings.Count(picks[from:to], string(rune('a'+i)))
				want := float64(to-from) * float64(w) / 6
				if math.Abs(float64(got)-want) > 1 {
					t.Fatalf("candidate %d got %d of picks %d to %d, want %.2f within 1", i, got, from, to, want)
				}
			}
		}
	}
}

func TestWeighted_carries_on_when_the_set_is_replaced(t *testing.T) {
	cs := candidates(5, 1, 1)
	var p balance.Picker
	got := make([]int, 3)
	for range 700 {
		p = picker(t, balance.PolicyWeighted, cs, p)
		got[p.Pick(&balance.Request{})]++
	}
	for i, want := range []int{500, 100, 100} {
		if got[i] != want {
			t.Errorf("with a new picker for each request candidate %d got %d of 700, want %d", i, got[i], want)
		}
	}
}

func TestWeighted_is_exact_under_concurrency(t *testing.T) {
	weights := []int{3, 2, 1}
	p := picker(t, balance.PolicyWeighted, candidates(weights...), nil)
	var (
		got [3]atomic.Int64
		wg  sync.WaitGroup
	)
	for range 6 {
		wg.Go(func() {
			for range 1000 {
				got[p.Pick(&balance.Request{})].Add(1)
			}
		})
	}
	wg.Wait()
	for i, w := range weights {
		if n := got[i].Load(); n != int64(w*1000) {
			t.Errorf("candidate %d got %d of 6000, want %d", i, n, w*1000)
		}
	}
}

// 60,000 draws; 5 sigma is at most 5*sqrt(n*p*(1-p)) = 613, so a run fails by chance less often than once
// in a million.
func TestRandom_follows_weights(t *testing.T) {
	weights := []int{3, 2, 1}
	const n = 60_000
	p := picker(t, balance.PolicyRandom, candidates(weights...), nil)
	for i, got := range counts(p, 3, n) {
		share := float64(weights[i]) / 6
		if off := math.Abs(float64(got) - n*share); off > 5*math.Sqrt(n*share*(1-share)) {
			t.Errorf("candidate %d got %d of %d, want about %.0f", i, got, n, n*share)
		}
	}
}

func TestLeastRequest_picks_the_largest_weight_over_active(t *testing.T) {
	tests := []struct {
		name     string
		weights  []int
		inFlight []int64
		want     int
	}{
		{"the idle one", []int{1, 1, 1}, []int64{2, 0, 1}, 1},
		{"the heavy one although busier", []int{1, 4}, []int64{1, 2}, 1},
		{"the light one when the heavy is too busy", []int{1, 4}, []int64{0, 7}, 0},
		{"a count below zero is none", []int{1, 2}, []int64{-5, 0}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cs := candidates(tt.weights...)
			for i, n := range tt.inFlight {
				cs[i].InFlight.Store(n)
			}
			p := picker(t, balance.PolicyLeastRequest, cs, nil)
			for range 2 * len(cs) { // Wherever the look starts.
				if got := p.Pick(&balance.Request{}); got != tt.want {
					t.Fatalf("Pick() = %d, want %d", got, tt.want)
				}
			}
		})
	}
}

func TestLeastRequest_keeps_in_flight_in_proportion(t *testing.T) {
	weights := []int{3, 2, 1}
	cs := candidates(weights...)
	p := picker(t, balance.PolicyLeastRequest, cs, nil)
	for range 60 {
		cs[p.Pick(&balance.Request{})].InFlight.Add(1)
	}
	for i, w := range weights {
		if got := cs[i].InFlight.Load(); math.Abs(float64(got)-float64(10*w)) > 2 {
			t.Errorf("candidate %d has %d of 60 in flight, want %d within 2", i, got, 10*w)
		}
	}
}

var policies = []string{
	balance.PolicyWeighted, balance.PolicyRoundRobin, balance.PolicyRandom, balance.PolicyLeastRequest,
	balance.PolicyPeakEWMA, balance.PolicyIPHash, balance.PolicyMaglev,
}

var request = &balance.Request{Path: "/", Client: netip.MustParseAddr("203.0.113.7"), Key: "user-1"}

func many(n int) []balance.Candidate {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = i%7 + 1
	}
	return candidates(weights...)
}

func TestPick_allocates_nothing(t *testing.T) {
	for _, policy := range policies {
		for _, n := range []int{10, 100} {
			p := picker(t, policy, many(n), nil)
			if got := testing.AllocsPerRun(100, func() { p.Pick(request) }); got != 0 {
				t.Errorf("%s of %d allocates %v times a pick, want 0", policy, n, got)
			}
		}
	}
}
