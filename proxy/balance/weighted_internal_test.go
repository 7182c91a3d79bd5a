package balance

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plain is nginx's algorithm as it is written, to compare with.
func plain(weights []int) []uint32 {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	current := make([]int, len(weights))
	picks := make([]uint32, sum)
	for n := range picks {
		best := 0
		for i, w := range weights {
			current[i] += w
			if current[i] > current[best] {
				best = i
			}
		}
		current[best] -= sum
		picks[n] = uint32(best)
	}
	return picks
}

func TestSchedule_is_that_of_nginx(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 20).Draw(t, "weights")
		if diff := cmp.Diff(plain(weights), schedule(weights)); diff != "" {
			t.Fatalf("schedule(%v) differs (-want +got):\n%s", weights, diff)
		}
	})
}

func TestReduce(t *testing.T) {
	tests := []struct {
		name     string
		in, want []int
	}{
		{"divides by the greatest common divisor", []int{6, 4, 2}, []int{3, 2, 1}},
		{"keeps what has none", []int{3, 2, 1}, []int{3, 2, 1}},
		{"makes equal ones 1", []int{256, 256}, []int{1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, reduce(tt.in)); diff != "" {
				t.Errorf("reduce(%v) differs (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestReduce_bounds_the_cost_of_huge_sets(t *testing.T) {
	weights := make([]int, 2560)
	for i := range weights {
		weights[i] = i%256 + 1
	}
	start := time.Now()
	scaled := reduce(weights)
	picks := schedule(scaled)
	t.Logf("%d picks built in %s", len(picks), time.Since(start))
	// Rounding up of the lightest to 1 can exceed the limit by no more than one pick each.
	if limit := buildLimit/256 + len(weights); len(picks) > limit {
		t.Errorf("the schedule has %d picks, want at most %d", len(picks), limit)
	}
	unit := float64(sumOf(weights)) / float64(sumOf(scaled))
	for i, w := range weights {
		if off := math.Abs(float64(scaled[i])*unit - float64(w)); off > unit {
			t.Fatalf("weight %d became %d units of %.2f: off by %.2f", w, scaled[i], unit, off)
		}
	}
}

func sumOf(weights []int) (sum int) {
	for _, w := range weights {
		sum += w
	}
	return sum
}
