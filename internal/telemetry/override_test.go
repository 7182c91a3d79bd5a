package telemetry

import (
	"testing"

	"github.com/ballast-lb/ballast/containers/autoscale"
)

// What is told of a pool's limits is what the autoscaler goes by.
func TestPoolDoc_override_limits(t *testing.T) {
	set := func(n int) *autoscale.Setting { return &autoscale.Setting{N: n} }
	for _, tt := range []struct {
		name             string
		min, max         int
		o                autoscale.Override
		wantMin, wantMax int
	}{
		{"both set", 1, 6, autoscale.Override{Min: set(2), Max: set(9)}, 2, 9},
		{"a minimum above the maximum", 1, 3, autoscale.Override{Min: set(5)}, 3, 3},
		{"a maximum below the minimum", 5, 6, autoscale.Override{Max: set(3)}, 3, 3},
		{"where nothing scales", 1, 0, autoscale.Override{Min: set(2), Max: set(9)}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := PoolDoc{}
			p.Replicas.Min, p.Replicas.Max = tt.min, tt.max
			p.override(OverrideDoc{Override: tt.o})
			if p.Replicas.Min != tt.wantMin || p.Replicas.Max != tt.wantMax || p.Override == nil {
				t.Errorf("limits = %d to %d, want %d to %d", p.Replicas.Min, p.Replicas.Max, tt.wantMin, tt.wantMax)
			}
		})
	}
}
