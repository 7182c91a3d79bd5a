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
	a.Breaker = proxy.Breaker{State: proxy.BreakerHalfOpen, Failures: 4, Ejections: 2}
	b.State, b.Healthy = containers.StateUnhealthy, false
	b.Breaker = proxy.Breaker{State: proxy.BreakerClosed}
	e := backend("web-c")
	e.State = containers.StateEjected
	e.Breaker = proxy.Breaker{State: proxy.BreakerOpen, Failures: 5, Ejections: 1, Until: noon}
	s := sourcesOf(proxy.PoolReport{
		Name: "web", Retries: 5, RetriesDenied: 2, Queued: 3, Panic: true,
		Holds:    observed(3*time.Millisecond, 5*time.Millisecond),
		Rejected: map[string]uint64{"no-backend": 7, "queue-full": 4}, Backends: []proxy.BackendReport{a, b, e},
	})
	pools := s.Report().Pools
	s.Report = func() proxy.Report { return proxy.Report{Pools: pools, Rejected: map[string]uint64{"not-found": 3}} }
	return s
}

func TestCollector(t *testing.T) {
	want := `
# HELP loadbalancer_backend_connections Requests in flight at a backend.
# TYPE loadbalancer_backend_connections gauge
loadbalancer_backend_connections{backend="web-a",pool="web"} 2
loadbalancer_backend_connections{backend="web-b",pool="web"} 0
loadbalancer_backend_connections{backend="web-c",pool="web"} 0
# HELP loadbalancer_backend_up 1 if a backend is ready and its weight is not 0, else 0.
# TYPE loadbalancer_backend_up gauge
loadbalancer_backend_up{backend="web-a",pool="web"} 1
loadbalancer_backend_up{backend="web-b",pool="web"} 0
loadbalancer_backend_up{backend="web-c",pool="web"} 0
# HELP loadbalancer_backend_weight Weight of a backend; 0 drains it.
# TYPE loadbalancer_backend_weight gauge
loadbalancer_backend_weight{backend="web-a",pool="web"} 3
loadbalancer_backend_weight{backend="web-b",pool="web"} 1
loadbalancer_backend_weight{backend="web-c",pool="web"} 1
# HELP loadbalancer_breaker_state Breaker of a backend: 0 closed, 1 half-open (on trial after an ejection), 2 open (ejected).
# TYPE loadbalancer_breaker_state gauge
loadbalancer_breaker_state{backend="web-a",pool="web"} 1
loadbalancer_breaker_state{backend="web-b",pool="web"} 0
loadbalancer_breaker_state{backend="web-c",pool="web"} 2
# HELP loadbalancer_ejections_total Times that failures in a row ejected a backend.
# TYPE loadbalancer_ejections_total counter
loadbalancer_ejections_total{backend="web-a",pool="web"} 2
loadbalancer_ejections_total{backend="web-b",pool="web"} 0
loadbalancer_ejections_total{backend="web-c",pool="web"} 1
# HELP loadbalancer_engine_sync_seconds Time that the last list of containers and its inspections took.
# TYPE loadbalancer_engine_sync_seconds gauge
loadbalancer_engine_sync_seconds 0.25
# HELP loadbalancer_engine_up 1 while the engine answers, else 0.
# TYPE loadbalancer_engine_up gauge
loadbalancer_engine_up 1
# HELP loadbalancer_pool_backends Backends of a pool in each state.
# TYPE loadbalancer_pool_backends gauge
loadbalancer_pool_backends{pool="web",state="draining"} 0
loadbalancer_pool_backends{pool="web",state="ejected"} 1
loadbalancer_pool_backends{pool="web",state="paused"} 0
loadbalancer_pool_backends{pool="web",state="ready"} 1
loadbalancer_pool_backends{pool="web",state="starting"} 0
loadbalancer_pool_backends{pool="web",state="stopped"} 0
loadbalancer_pool_backends{pool="web",state="unhealthy"} 1
loadbalancer_pool_backends{pool="web",state="warm"} 0
# HELP loadbalancer_pool_desired_replicas Replicas that a pool should run.
# TYPE loadbalancer_pool_desired_replicas gauge
loadbalancer_pool_desired_replicas{pool="web"} 4
# HELP loadbalancer_pool_panic 1 while requests go to all backends, for fewer than half are available; else 0.
# TYPE loadbalancer_pool_panic gauge
loadbalancer_pool_panic{pool="web"} 1
# HELP loadbalancer_pool_queue_depth Requests that wait for a free backend.
# TYPE loadbalancer_pool_queue_depth gauge
loadbalancer_pool_queue_depth{pool="web"} 3
# HELP loadbalancer_rejected_total Requests that Ballast answered itself, by the slug of X-Ballast-Error; pool is empty where none was reached, and bad-head is a head that can't be read.
# TYPE loadbalancer_rejected_total counter
loadbalancer_rejected_total{pool="",reason="not-found"} 3
loadbalancer_rejected_total{pool="web",reason="no-backend"} 7
loadbalancer_rejected_total{pool="web",reason="queue-full"} 4
# HELP loadbalancer_requests_total Responses of a backend, by status code.
# TYPE loadbalancer_requests_total counter
loadbalancer_requests_total{backend="web-a",pool="web",status="200"} 9
loadbalancer_requests_total{backend="web-a",pool="web",status="500"} 1
# HELP loadbalancer_retries_denied_total Extra attempts that the retry budget did not allow.
# TYPE loadbalancer_retries_denied_total counter
loadbalancer_retries_denied_total{pool="web"} 2
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

func TestCollector_Histograms(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(NewCollector(busySources()))
	gathered, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range gathered {
		name := f.GetName()
		if name != "loadbalancer_request_duration_seconds" && name != "loadbalancer_pool_hold_seconds" {
			continue
		}
		found++
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 2 || h.GetSampleSum() < 0.0079 || h.GetSampleSum() > 0.0081 {
			t.Errorf("%s: count %d, sum %g, want 2 and 0.008", name, h.GetSampleCount(), h.GetSampleSum())
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
				t.Errorf("%s: le %g: %d, want %d", name, b.GetUpperBound(), b.GetCumulativeCount(), want)
			}
		}
		if n := len(h.GetBucket()); n < 10 || n > 30 {
			t.Errorf("%s: %d buckets, want a number that a scrape of 50 backends can bear", name, n)
		}
	}
	if found != 2 {
		t.Fatalf("%d histograms gathered, want 2", found)
	}
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
# HELP loadbalancer_backend_up 1 if a backend is ready and its weight is not 0, else 0.
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
	for _, want := range []int{2, 1} {
		pool.Backends = pool.Backends[:want]
		for _, name := range []string{
			"loadbalancer_backend_up", "loadbalancer_breaker_state", "loadbalancer_ejections_total",
			"loadbalancer_request_duration_seconds",
		} {
			if n := testutil.CollectAndCount(c, name); n != want {
				t.Errorf("%s of %d backends: %d series", name, want, n)
			}
		}
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
