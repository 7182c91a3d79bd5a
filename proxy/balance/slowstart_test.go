package balance_test

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

func TestRamp(t *testing.T) {
	const window = 10 * time.Second
	tests := []struct {
		name        string
		weight      int
		age, window time.Duration
		want        int
	}{
		{"begins with a tenth", 1, 0, window, 2},
		{"of any weight", 256, 0, window, 512},
		{"a tenth until a tenth of the window has passed", 1, time.Second, window, 2},
		{"a step of 5 %", 1, 1500 * time.Millisecond, window, 3},
		{"rounds down", 1, 1999 * time.Millisecond, window, 3},
		{"half way", 4, 5 * time.Second, window, 40},
		{"is not there before the end", 1, window - 1, window, 19},
		{"the whole at the end", 3, window, window, 60},
		{"and after it", 3, time.Hour, window, 60},
		{"no window", 3, 0, 0, 60},
		{"a window below 0", 3, -time.Hour, -time.Minute, 60},
		{"began in the future", 2, -time.Hour, window, 4},
		{"the longest window", 1, 5 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := balance.Ramp(tt.weight, tt.age, tt.window); got != tt.want {
				t.Errorf("Ramp(%d, %s, %s) = %d, want %d", tt.weight, tt.age, tt.window, got, tt.want)
			}
		})
	}
}

// A pool's picker is built anew at each step: there are few of them, whatever a backend weighs.
func TestRamp_has_19_steps(t *testing.T) {
	const window = 10 * time.Second
	for _, weight := range []int{1, 7, 256} {
		last, steps := 0, 0
		for age := time.Duration(0); age <= window; age += time.Millisecond {
			got := balance.Ramp(weight, age, window)
			if got < last {
				t.Fatalf("Ramp(%d, %s) = %d, less than %d before", weight, age, got, last)
			}
			if got != last {
				steps++
			}
			last = got
		}
		if steps != 19 {
			t.Errorf("weight %d ramps in %d steps, want 19", weight, steps)
		}
	}
}
