package dashboard

import (
	"math"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// counted is a document whose pool's backends a and b have had so many requests.
func counted(after time.Duration, a, b uint64) telemetry.Document {
	return telemetry.Document{Time: noon.Add(after), Pools: []telemetry.PoolDoc{{
		Name: "web", Backends: []telemetry.BackendDoc{{ID: "a", Requests: a}, {ID: "b", Requests: b}},
	}}}
}

func TestShares(t *testing.T) {
	type step struct {
		after time.Duration
		a, b  uint64
	}
	tests := []struct {
		name  string
		steps []step
		// want is the share of b at the last step; negative if it is not known.
		want float64
	}{
		{"no traffic, no share", []step{{0, 0, 0}}, -1},
		{"at first since they began", []step{{0, 90, 10}}, 0.1},
		{"then of late", []step{{0, 1000, 0}, {12 * time.Second, 1050, 50}}, 0.5},
		{"not from the last moment alone", []step{{0, 1000, 0}, {5 * time.Second, 1090, 10}}, 10. / 1100},
		{"further back where late requests are few", []step{
			{0, 1000, 0}, {20 * time.Second, 1060, 60}, {40 * time.Second, 1061, 60},
		}, 60. / 121},
		{"since they began where all are few", []step{{0, 800, 200}, {20 * time.Second, 801, 200}}, 200. / 1001},
		{"what is older than a minute is forgotten", []step{
			{0, 0, 1000}, {70 * time.Second, 1000, 1000}, {90 * time.Second, 1100, 1000},
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s shares
			var got map[backendKey]float64
			var last telemetry.Document
			for _, x := range tt.steps {
				last = counted(x.after, x.a, x.b)
				got = s.observe(last)
			}
			share, known := got[keyOf("web", last.Pools[0].Backends[1])]
			if known != (tt.want >= 0) {
				t.Fatalf("known = %t, want %t", known, tt.want >= 0)
			}
			if known && math.Abs(share-tt.want) > 1e-9 {
				t.Errorf("share = %g, want %g", share, tt.want)
			}
		})
	}
}

func TestShares_MemoryIsBounded(t *testing.T) {
	var s shares
	for i := range 10_000 {
		s.observe(counted(time.Duration(i)*10*time.Millisecond, uint64(i), 0))
	}
	if n := len(s.samples); n < 50 || n > 61 {
		t.Errorf("samples kept = %d, want one a second for a minute", n)
	}
}
