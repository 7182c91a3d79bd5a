package dashboard

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func connected() containers.EngineStatus {
	return containers.EngineStatus{
		Kind: "docker", Version: "20.10.24", Connected: true,
		Since: noon.Add(-time.Hour), LastSync: noon.Add(-3 * time.Second), SyncDuration: 40 * time.Millisecond,
	}
}

func input() telemetry.Input {
	return telemetry.Input{
		Version: "0.1.0", Instance: "harbour-1", Started: noon.Add(-26*time.Hour - 5*time.Minute), Now: noon, Engine: connected(),
	}
}

// member is a backend that has had requests; n tells it apart.
func member(n byte, name string, weight int, requests uint64) proxy.BackendReport {
	ms := time.Duration(n) * time.Millisecond
	return proxy.BackendReport{
		Backend: containers.Backend{
			Identity: containers.Identity{
				Container: string('a'+rune(n%6)) + "4f2a9c0d11e85e3b77aa", StartedAt: noon.Add(-time.Hour).UnixNano(), Network: "bridge",
				Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 18, 0, n}), 8080),
			},
			Name: name, Weight: weight, Scheme: "http",
		},
		State: containers.StateReady, Healthy: true,
		InFlight: int64(n), Requests: requests,
		Latency: proxy.Latency{P50: 900*time.Microsecond + ms, P95: 2 * ms, P99: 5 * ms},
	}
}

// busy is a realistic Ballast: three originals and two clones, one of them unhealthy and one
// starting; a small second pool; containers that are left out; decisions of each kind.
func busy() telemetry.Input {
	in := input()
	a, b, c := member(3, "shop-a", 3, 61_204), member(4, "shop-b", 2, 40_790), member(5, "shop-c", 1, 20_411)
	d, e := member(6, "ballast-shop-1", 1, 8_114), member(7, "ballast-shop-2", 1, 0)
	c.State, c.Healthy, c.Errors, c.InFlight = containers.StateUnhealthy, false, 37, 0
	c.Reason = "GET /healthz answered 503 three times in a row, last 4 s ago"
	d.Clone, e.Clone = true, true
	e.State, e.Healthy, e.InFlight, e.Latency = containers.StateStarting, false, 0, proxy.Latency{}
	e.Reason = "waiting for its first passed check"
	x := member(9, "reports", 1, 1_204)
	x.InFlight = 0
	in.Report = proxy.Report{Pools: []proxy.PoolReport{
		{
			Name: "reports",
			Settings: containers.Settings{
				Policy: "least-request", Timeout: 30 * time.Second, Health: containers.HealthCheck{Interval: 10 * time.Second},
			},
			Requests: 1_204, RequestsPerSecond: 0.4, Latency: proxy.Latency{P50: 84 * time.Millisecond, P95: 612 * time.Millisecond, P99: 1340 * time.Millisecond},
			Backends: []proxy.BackendReport{x},
		},
		{
			Name: "shop",
			Settings: containers.Settings{
				Policy: "weighted", Concurrency: 20, Retries: 1, Timeout: 30 * time.Second,
				Sticky: containers.Sticky{Enabled: true, TTL: time.Hour, Cookie: "ballast_affinity"},
				Health: containers.HealthCheck{Path: "/healthz", Interval: 10 * time.Second},
				Scale:  containers.Scale{Min: 3, Max: 8, Requests: containers.Rate{Count: 20, Interval: 15 * time.Second}},
			},
			Warnings: []string{"ballast.policy differs: shop-a says weighted, shop-c says random; weighted is used"},
			InFlight: 13, Requests: 130_542, Errors: 37, Retries: 12, RequestsPerSecond: 412.6,
			Rejected: map[string]uint64{"no-backend": 3, "timeout": 1},
			Latency:  proxy.Latency{P50: 1240 * time.Microsecond, P95: 3800 * time.Microsecond, P99: 12400 * time.Microsecond},
			Backends: []proxy.BackendReport{d, e, a, b, c},
		},
	}}
	in.Fleet = map[string]telemetry.Fleet{"shop": {Desired: 5}}
	in.Entries = []containers.Entry{
		{
			Container: engine.Container{Summary: engine.Summary{
				ID: "9e1b7700aa5532c1ffee", Name: "shop-old", Image: "registry.example/shop:1.9", State: engine.StateRunning,
			}},
			Pool:   "shop",
			Reason: "it exposes ports 8080 and 9090; say which one with the label ballast.port=8080",
		},
		{
			Container: engine.Container{Summary: engine.Summary{
				ID: "77aa00bb11cc22dd33ee", Name: "worker", Image: "worker:2", State: engine.StateExited,
			}},
			Reason: "label ballast.pool is \"../x\": a pool's name is made of a-z, 0-9 and -",
		},
		{
			Container: engine.Container{Summary: engine.Summary{ID: "c4f2a9c0d11e85e3", Name: "shop-a", State: engine.StateRunning}},
			Pool:      "shop", Routed: true, Warnings: []string{"label ballast.wieght is not known and has no effect"},
		},
	}
	in.Decisions = []autoscale.Decision{
		{
			Time: noon.Add(-4 * time.Second), Pool: "shop", Action: autoscale.ActionScaleOut, From: 4, To: 5,
			Reason: "58.4 requests in flight over 1 s need 4.2 replicas at 70 % of 20 each; 4 run or start",
		},
		{
			Time: noon.Add(-2 * time.Minute), Pool: "shop", Action: autoscale.ActionRefuse, From: 4, To: 4,
			Reason: "5 replicas wanted, but the limit of 50 containers on this host is reached",
		},
		{
			Time: noon.Add(-19 * time.Minute), Pool: "shop", Action: autoscale.ActionScaleIn, From: 6, To: 4, DryRun: true,
			Reason: "at most 3.1 replicas were needed in the last 60 s",
		},
	}
	return in
}
