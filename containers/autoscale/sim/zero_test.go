package sim

import (
	"fmt"
	"testing"
	"time"
)

// After a minute of requests nothing comes for ten: who goes to zero, and when.
func TestPolicies_go_to_zero(t *testing.T) {
	tests := []struct {
		policy      string
		min         int
		least, most time.Duration // After the last request; 0 is never.
	}{
		{"ballast", 0, 30 * time.Second, 32 * time.Second},
		// The stable window of 60 s must be empty, and then the grace of 30 s over.
		{"kpa", 0, 90 * time.Second, 95 * time.Second},
		// The last look before the cooldown, every 15 s.
		{"keda", 0, 300 * time.Second, 316 * time.Second},
		{"hpa", 0, 0, 0},
		{"classic", 0, 0, 0},
		{"ballast", 1, 0, 0},
		{"kpa", 1, 0, 0},
		{"keda", 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s_min_%d", tt.policy, tt.min), func(t *testing.T) {
			c := Default()
			c.Policy, c.Min = tt.policy, tt.min
			c.Trace = perSecond(11*time.Minute, func(s int) float64 {
				if s < 60 {
					return 5
				}
				return 0
			})
			r := simulate(t, c)
			zero := time.Duration(0)
			for i, slots := range r.Curve.Capacity {
				if at := time.Duration(float64(i) * r.Curve.Width * float64(time.Second)); at > time.Minute && slots == 0 {
					zero = at - time.Minute
					break
				}
			}
			if zero < tt.least || zero > tt.most {
				t.Errorf("min %d: nothing runs %s after the last request, want %s to %s", tt.min, zero, tt.least, tt.most)
			}
		})
	}
}

// From zero the first request waits for what the policy takes to notice, the engine and the boot.
func TestPolicies_come_from_zero(t *testing.T) {
	for policy, notices := range map[string]struct{ least, most time.Duration }{
		"ballast": {0, heldEvery}, "kpa": {0, 0}, "keda": {kedaPush, kedaPush},
	} {
		c := Default()
		c.Policy, c.Min, c.HoldDown = policy, 0, 0
		c.Trace = perSecond(11*time.Minute, func(s int) float64 {
			if s < 30 || s > 640 {
				return 5
			}
			return 0
		})
		r := simulate(t, c)
		if r.Wake == nil {
			t.Errorf("%s: never woken", policy)
		} else if *r.Wake < notices.least.Seconds() || *r.Wake > notices.most.Seconds() {
			t.Errorf("%s: woken after %v s, want %s to %s", policy, *r.Wake, notices.least, notices.most)
		}
	}
}
