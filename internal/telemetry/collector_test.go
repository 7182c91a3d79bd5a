package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/histogram"
	"github.com/ballast-lb/ballast/proxy"
)

func sourcesOf(pools ...proxy.PoolReport) Sources {
	return Sources{
		Report: func() proxy.Report { return proxy.Report{Pools: pools} },
		Engine: func() containers.EngineStatus {
			return containers.EngineStatus{Connected: true, SyncDuration: 250 * time.Millisecond}
		},
		Fleet: func() map[string]Fleet { return map[string]Fleet{"web": {Desired: 4}} },
	}
}

func observed(durations ...time.Duration) histogram.Snapshot {
	var h histogram.Histogram
	for _, d := range durations {
		h.Record(d)
	}
	return h.Snapshot()
}

// busySources makes a sample of every metric.
func busySources() Sources {
	a, b := backend("web-a"), backend("web-b")
	a.Weight, a.InFlight = 3, 2
	a.Statuses = []proxy.StatusCount{{Status: 200, Count: 9}, {Status: 500, Count: 1}}
	a.Durations = observed(3*time.Millisecond, 5*time.Millisecond)
	b.State, b.Healthy = containers.StateUnhealthy, false
	return sourcesOf(proxy.PoolReport{
		Name: "web", Retries: 5, Rejected: map[string]uint64{"no-backend": 7}, Backends: []proxy.BackendReport{a, b},
	})
}

func TestCollector(t *testing.T) {
	want := `
# HELP loadbalancer_backend_connections Requests in flight at a backend.
# TYPE loadbalancer_backend_connections gauge
loadbalancer_backend_connections{backend="web-a",pool="web"} 2
loadbalancer_backend_connections{backend="web-b",pool="web"} 0
# HELP loadbalancer_backend_up 1 if a backend may be given requests, else 0.
# TYPE loadbalancer_backend_up gauge
loadbalancer_backend_up{backend="web-a",pool="web"} 1
loadbalancer_backend_up{backend="web-b",pool="web"} 0
# HELP loadbalancer_backend_weight Weight of a backend; 0 drains it.
# TYPE loadbalancer_backend_weight gauge
loadbalancer_backend_weight{backend="web-a",pool="web"} 3
loadbalancer_backend_weight{backend="web-b",pool="web"} 1
# HELP loadbalancer_engine_sync_seconds Time that the last list of containers and its inspections took.
# TYPE loadbalancer_engine_sync_seconds gauge
loadbalancer_engine_sync_seconds 0.25
# HELP loadbalancer_engine_up 1 while the engine answers, else 0.
# TYPE loadbalancer_engine_up gauge
loadbalancer_engine_up 1
# HELP loadbalancer_pool_backends Backends of a pool in each state.
# TYPE loadbalancer_pool_backends gauge
loadbalancer_pool_backends{pool="web",state="draining"} 0
loadbalancer_pool_backends{pool="web",state="ejected"} 0
loadbalancer_pool_backends{pool="web",state="paused"} 0
loadbalancer_pool_backends{pool="web",state="ready"} 1
loadbalancer_pool_backends{pool="web",state="starting"} 0
loadbalancer_pool_backends{pool="web",state="stopped"} 0
loadbalancer_pool_backends{pool="web",state="unhealthy"} 1
loadbalancer_pool_backends{pool="web",state="warm"} 0
# HELP loadbalancer_pool_desired_replicas Replicas that a pool should run.
# TYPE loadbalancer_pool_desired_replicas gauge
loadbalancer_pool_desired_replicas{pool="web"} 4
# HELP loadbalancer_rejected_total Requests that Ballast answered itself, by the slug of X-Ballast-Error.
# TYPE loadbalancer_rejected_total counter
loadbalancer_rejected_total{pool="web",reason="no-backend"} 7
# HELP loadbalancer_requests_total Responses of a backend, by status code.
# TYPE loadbalancer_requests_total counter
loadbalancer_requests_total{backend="web-a",pool="web",status="200"} 9
loadbalancer_requests_total{backend="web-a",pool="web",status="500"} 1
# HELP loadbalancer_retries_total Extra attempts on another backend.
# TYPE loadbalancer_retries_total counter
loadbalancer_retries_total{pool="web"} 5
`
	var names []string
	for line := range strings.SplitSeq(want, "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "TYPE" {
			names = append(names, f[2])
		}
	}
	if err := testutil.CollectAndCompare(NewCollector(busySources()), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestCollector_Durations(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(NewCollector(busySources()))
	gathered, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range gathered {
		if f.GetName() != "loadbalancer_request_duration_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 2 || h.GetSampleSum() < 0.0079 || h.GetSampleSum() > 0.0081 {
			t.Errorf("count %d, sum %g, want 2 and 0.008", h.GetSampleCount(), h.GetSampleSum())
		}
		for _, b := range h.GetBucket() {
			// 3 ms and 5 ms lie on either side of the bound 4.096 ms.
			want := uint64(2)
			switch {
			case b.GetUpperBound() < 0.003:
				want = 0
			case b.GetUpperBound() < 0.005:
				want = 1
			}
			if b.GetCumulativeCount() != want {
				t.Errorf("le %g: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
			}
		}
		if n := len(h.GetBucket()); n < 10 || n > 30 {
			t.Errorf("%d buckets, want a number that a scrape of 50 backends can bear", n)
		}
		return
	}
	t.Fatal("no durations gathered")
}

// A container that restarts is there twice for a while, under one name.
func TestCollector_SameNameTwice(t *testing.T) {
	older, newer := backend("web-a"), backend("web-a")
	newer.StartedAt = older.StartedAt + 1
	older.State, older.InFlight, older.Statuses = containers.StateDraining, 3, []proxy.StatusCount{{Status: 200, Count: 100}}
	newer.InFlight, newer.Statuses = 1, []proxy.StatusCount{{Status: 200, Count: 2}}
	want := `
# HELP loadbalancer_backend_connections Requests in flight at a backend.
# TYPE loadbalancer_backend_connections gauge
loadbalancer_backend_connections{backend="web-a",pool="web"} 4
# HELP loadbalancer_backend_up 1 if a backend may be given requests, else 0.
# TYPE loadbalancer_backend_up gauge
loadbalancer_backend_up{backend="web-a",pool="web"} 1
# HELP loadbalancer_requests_total Responses of a backend, by status code.
# TYPE loadbalancer_requests_total counter
loadbalancer_requests_total{backend="web-a",pool="web",status="200"} 2
`
	for name, order := range map[string][]proxy.BackendReport{
		"older first": {older, newer}, "newer first": {newer, older},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCollector(sourcesOf(proxy.PoolReport{Name: "web", Backends: order}))
			err := testutil.CollectAndCompare(c, strings.NewReader(want),
				"loadbalancer_backend_connections", "loadbalancer_backend_up", "loadbalancer_requests_total")
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCollector_SeriesEndWithTheirBackend(t *testing.T) {
	pool := proxy.PoolReport{Name: "web", Backends: []proxy.BackendReport{backend("web-a"), backend("web-b")}}
	s := sourcesOf()
	s.Fleet = nil
	s.Report = func() proxy.Report { return proxy.Report{Pools: []proxy.PoolReport{pool}} }
	c := NewCollector(s)
	if n := testutil.CollectAndCount(c, "loadbalancer_backend_up"); n != 2 {
		t.Fatalf("series = %d, want 2", n)
	}
	pool.Backends = pool.Backends[:1]
	if n := testutil.CollectAndCount(c, "loadbalancer_backend_up"); n != 1 {
		t.Errorf("series after a backend left = %d, want 1", n)
	}
}

func TestCollector_BadBytesInANameDoNotStopTheScrape(t *testing.T) {
	b := backend("web-\xff")
	b.Statuses = []proxy.StatusCount{{Status: 200, Count: 1}}
	c := NewCollector(sourcesOf(proxy.PoolReport{Name: "p\xfe", Backends: []proxy.BackendReport{b}}))
	if n := testutil.CollectAndCount(c, "loadbalancer_requests_total"); n != 1 {
		t.Errorf("series = %d, want 1", n)
	}
}

func TestLint(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newMetrics(t, reg)
	m.ScaleAction("web", "scale-out")
	m.ContainerReady("web", "create", time.Second)
	reg.MustRegister(NewCollector(busySources()))
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
