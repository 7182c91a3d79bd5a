package dashboard

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

func TestNewBackendView_Breaker(t *testing.T) {
	soon, past := noon.Add(90*time.Second), noon
	type shown struct{ Breaker, Ejected, Reason string }
	tests := []struct {
		name    string
		state   containers.State
		reason  string
		limit   int
		breaker telemetry.BreakerDoc
		want    shown
	}{
		{"nothing failed", "ready", "", 5, telemetry.BreakerDoc{State: "closed"}, shown{Breaker: "breaker closed"}},
		{"some failed", "ready", "", 5, telemetry.BreakerDoc{State: "closed", Failures: 4}, shown{Breaker: "breaker at 4 of 5"}},
		{"it is off", "ready", "", 0, telemetry.BreakerDoc{State: "closed", Failures: 9}, shown{Breaker: "breaker off"}},
		{
			"too many others are ejected", "ready", "", 5,
			telemetry.BreakerDoc{State: "closed", Failures: 1250},
			shown{"breaker at 1,250 of 5", "", "1,250 requests in a row failed; it is not ejected, as no more than half of a pool ever is"},
		},
		{
			"ejected", "ejected", "5 requests in a row failed", 5,
			telemetry.BreakerDoc{State: "open", Failures: 5, Ejections: 1, Until: &soon},
			shown{"breaker open", "ejected once", "5 requests in a row failed; until 12:01:30 UTC, 1 min 30 s from now"},
		},
		{
			"ejected, and turned off since", "ejected", "", 0,
			telemetry.BreakerDoc{State: "open", Ejections: 1, Until: &soon},
			shown{"breaker open", "ejected once", "until 12:01:30 UTC, 1 min 30 s from now"},
		},
		{
			"ejected and sick", "unhealthy", "connection refused", 5,
			telemetry.BreakerDoc{State: "open", Ejections: 1000, Until: &soon},
			shown{"breaker open", "ejected 1,000 times", "connection refused; ejected until 12:01:30 UTC, 1 min 30 s from now"},
		},
		{
			"its ejection ends now", "ejected", "5 requests in a row failed", 5,
			telemetry.BreakerDoc{State: "open", Ejections: 1, Until: &past},
			shown{"breaker open", "ejected once", "5 requests in a row failed"},
		},
		{
			"on trial", "ready", "", 5,
			telemetry.BreakerDoc{State: "half-open", Failures: 4, Ejections: 2},
			shown{"breaker half-open", "ejected 2 times", "on trial after an ejection: a failure ejects it again, a success puts it back"},
		},
		{
			"sick while on trial", "unhealthy", "connection refused", 5,
			telemetry.BreakerDoc{State: "half-open", Failures: 4, Ejections: 2},
			shown{"breaker half-open", "ejected 2 times", "connection refused"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := newBackendView(noon, tt.limit, telemetry.BackendDoc{State: tt.state, Reason: tt.reason, Breaker: tt.breaker}, shareView{})
			if diff := cmp.Diff(tt.want, shown{v.Breaker, v.Ejected, v.Reason}); diff != "" {
				t.Errorf("backend (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDue(t *testing.T) {
	for in, want := range map[time.Duration]string{
		30 * time.Second: "12:00:30 UTC, 30 s from now", 500 * time.Millisecond: "12:00:00 UTC", 5 * time.Minute: "12:05:00 UTC, 5 min from now",
	} {
		if got := due(noon, noon.Add(in)); got != want {
			t.Errorf("due(%s) = %q, want %q", in, got, want)
		}
	}
}

func TestNewPoolView_PlansNoSharesInPanic(t *testing.T) {
	in := busy()
	for _, panics := range []bool{false, true} {
		in.Report.Pools[1].Panic = panics
		d := telemetry.NewDocument(in)
		v := newPoolView(d.Pools[1], d, nil)
		if got := v.Backends[0].Share.Planned; got == panics {
			t.Errorf("panic %t: share planned = %t", panics, got)
		}
	}
}

func TestPoolStats_Queue(t *testing.T) {
	tests := []struct {
		name string
		in   proxy.PoolReport
		want int
	}{
		{"no limit", proxy.PoolReport{}, 8},
		{"limit", proxy.PoolReport{Settings: containers.Settings{Concurrency: 1}}, 12},
		{"limit was taken away while some wait", proxy.PoolReport{Queued: 1}, 12},
		{"limit was taken away after some waited", proxy.PoolReport{Holds: holds(time.Second)}, 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input()
			in.Report.Pools = []proxy.PoolReport{tt.in}
			if got := len(poolStats(telemetry.NewDocument(in).Pools[0])); got != tt.want {
				t.Errorf("%d numbers, want %d", got, tt.want)
			}
		})
	}
}
