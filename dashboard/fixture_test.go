package dashboard

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/histogram"
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

// settings fills in what every pool has.
func settings(s containers.Settings) containers.Settings {
	s.Timeout, s.ConnectTimeout, s.IdleTimeout = 30*time.Second, 2*time.Second, time.Minute
	s.DrainTimeout, s.Scale.HoldDown = 30*time.Second, time.Minute
	s.Health.Timeout, s.Health.StatusMin, s.Health.StatusMax = 2*time.Second, 200, 399
	s.Health.Fall, s.Health.Rise = 3, 2
	return s
}

func holds(waits ...time.Duration) histogram.Snapshot {
	var h histogram.Histogram
	for _, w := range waits {
		h.Record(w)
	}
	return h.Snapshot()
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
			Settings: settings(containers.Settings{
				Policy: "least-request", Route: containers.Route{Hosts: "reports.shop.example", Path: "/v2"},
				Health: containers.HealthCheck{Interval: 10 * time.Second},
			}),
			Routes:   []proxy.Route{{Host: "reports.shop.example", Path: "/v2"}},
			Requests: 1_204, RequestsPerSecond: 0.4, Latency: proxy.Latency{P50: 84 * time.Millisecond, P95: 612 * time.Millisecond, P99: 1340 * time.Millisecond},
			Backends: []proxy.BackendReport{x},
		},
		{
			Name: "shop",
			Settings: settings(containers.Settings{
				Policy: "weighted", Concurrency: 20, Retries: 1, Breaker: 5,
				Queue:  containers.Queue{Size: 1024, Timeout: 30 * time.Second},
				Route:  containers.Route{Hosts: "*.shop.example,shop.example"},
				Sticky: containers.Sticky{Enabled: true, TTL: time.Hour, Cookie: "ballast_affinity"},
				Health: containers.HealthCheck{Path: "/healthz", Interval: 10 * time.Second},
				Scale:  containers.Scale{Min: 3, Max: 8, Requests: containers.Rate{Count: 20, Interval: 15 * time.Second}},
			}),
			Routes: []proxy.Route{{Host: "shop.example", Path: "/"}, {Host: "*.shop.example", Path: "/"}},
			Queued: 3, Holds: holds(40*time.Millisecond, 90*time.Millisecond, 1200*time.Millisecond),
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
			Reason: "412 req/s x 0.15 s = 61.8 busy slots + 18.9 headroom = 80.7, 20 per backend -> 5 backends; 3 ready, 1 starting: start 1",
			Inputs: autoscale.Inputs{Ready: 3, Starting: 1, Rate: 412, ServiceSeconds: 0.15, BusySlots: 61.8, Headroom: 18.9, Concurrency: 20, Max: 8},
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

// troubled is a catch-all pool that is in panic, with a breaker in each of its states.
func troubled() telemetry.Input {
	in := input()
	a, b, c := member(3, "web-a", 3, 61_204), member(4, "web-b", 2, 40_790), member(5, "web-c", 1, 20_411)
	d, e := member(6, "web-d", 1, 8_114), member(7, "web-e", 1, 1_800)
	a.State, a.Reason, a.Errors = containers.StateEjected, "5 requests in a row failed; it gets none for 60 s", 412
	a.Breaker = proxy.Breaker{State: proxy.BreakerOpen, Failures: 5, Ejections: 2, Until: noon.Add(44 * time.Second)}
	b.Breaker = proxy.Breaker{State: proxy.BreakerHalfOpen, Failures: 4, Ejections: 1}
	c.Breaker, c.Errors = proxy.Breaker{State: proxy.BreakerClosed, Failures: 12}, 19
	c.State, c.Healthy, c.Reason = containers.StateUnhealthy, false, "GET /healthz answered 503 three times in a row"
	d.Breaker, d.Errors = proxy.Breaker{State: proxy.BreakerClosed, Failures: 2}, 2
	e.State, e.Healthy, e.Reason = containers.StateUnhealthy, false, "GET /healthz: connection refused"
	e.Breaker = proxy.Breaker{State: proxy.BreakerOpen, Failures: 5, Ejections: 1, Until: noon.Add(200 * time.Second)}
	in.Report = proxy.Report{Pools: []proxy.PoolReport{
		{
			Name: "default",
			Settings: settings(containers.Settings{
				Policy: "maglev", Hash: containers.Hash{Source: containers.HashHeader, Name: "x-tenant"}, Breaker: 5, Concurrency: 50,
				Queue:     containers.Queue{Size: 100, Timeout: 5 * time.Second},
				SlowStart: 30 * time.Second, Retries: 2,
				RateLimit: containers.RateLimit{Rate: containers.Rate{Count: 100, Interval: time.Second}, Burst: 200},
				Health:    containers.HealthCheck{Path: "/healthz", Interval: 10 * time.Second, MaxLatency: 800 * time.Millisecond},
				Route:     containers.Route{Path: "/api", Strip: true},
			}),
			Routes: []proxy.Route{{Path: "/api", Strip: true}, {Path: "/"}},
			Panic:  true, Queued: 17, Holds: holds(300*time.Millisecond, 2*time.Second, 5*time.Second),
			Warnings: []string{"route *.shop.example/ is that of pool shop and is asked for by pool default as well, which does not get it: change the host or path of one"},
			InFlight: 217, Requests: 132_319, Errors: 433, Retries: 96, RetriesDenied: 38, RequestsPerSecond: 214.2,
			Rejected: map[string]uint64{"queue-full": 61, "queue-timeout": 12, "rate-limited": 1_904},
			Latency:  proxy.Latency{P50: 24 * time.Millisecond, P95: 380 * time.Millisecond, P99: 5 * time.Second},
			Backends: []proxy.BackendReport{a, b, c, d, e},
		},
		{Name: "left-over", Settings: settings(containers.Settings{
			Policy: "peak-ewma", Breaker: 5, Retries: 1, Health: containers.HealthCheck{Interval: 10 * time.Second},
		})},
	}}
	return in
}
