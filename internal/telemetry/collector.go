package telemetry

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/histogram"
	"github.com/ballast-lb/ballast/proxy"
)

// Sources are asked at every scrape.
type Sources struct {
	Report func() proxy.Report
	Engine func() containers.EngineStatus
	// Fleet tells of the pools that are scaled; nil if none is.
	Fleet func() map[string]Fleet
	// Config tells of the configuration; nil if it is never read again.
	Config func() ConfigStatus
}

// backendStates are all values of the label state, so that each has a series, at 0 too.
var backendStates = []containers.State{
	containers.StateStarting, containers.StateReady, containers.StateUnhealthy, containers.StateEjected,
	containers.StateDraining, containers.StatePaused, containers.StateWarm, containers.StateStopped,
}

// collector makes its metrics anew from the sources at every scrape, so the series of a pool or a
// backend end with it.
type collector struct {
	sources Sources
	descs   map[string]*prometheus.Desc
}

// NewCollector collects the metrics of the data path and of the engine's status.
func NewCollector(s Sources) prometheus.Collector {
	c := &collector{sources: s, descs: make(map[string]*prometheus.Desc)}
	for _, name := range []string{
		requestsTotal, backendConnections, requestDuration, backendUp, backendWeight,
		poolBackends, poolDesired, poolPanic, poolQueueDepth, poolHold, breakerState, ejectionsTotal,
		retriesTotal, retriesDenied, rejectedTotal, engineUp, engineSync, configValid,
	} {
		c.descs[name] = desc(name)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	engine := c.sources.Engine()
	c.gauge(ch, configValid, truth(c.sources.Config == nil || c.sources.Config().Error == ""))
	c.gauge(ch, engineUp, truth(engine.Connected))
	c.gauge(ch, engineSync, engine.SyncDuration.Seconds())

	var fleet map[string]Fleet
	if c.sources.Fleet != nil {
		fleet = c.sources.Fleet()
	}
	report := c.sources.Report()
	for reason, n := range report.Rejected {
		c.counter(ch, rejectedTotal, n, "", reason)
	}
	for _, p := range report.Pools {
		c.pool(ch, p, fleet)
		for _, b := range oneEach(p.Backends) {
			c.backend(ch, p.Name, b)
		}
	}
}

func (c *collector) pool(ch chan<- prometheus.Metric, p proxy.PoolReport, fleet map[string]Fleet) {
	doc := poolDoc(p)
	doc.fleet(fleet)
	c.gauge(ch, poolDesired, float64(doc.Replicas.Desired), p.Name)
	c.gauge(ch, poolPanic, truth(p.Panic), p.Name)
	c.gauge(ch, poolQueueDepth, float64(p.Queued), p.Name)
	c.histogram(ch, poolHold, p.Holds, p.Name)
	c.counter(ch, retriesTotal, p.Retries, p.Name)
	c.counter(ch, retriesDenied, p.RetriesDenied, p.Name)
	for reason, n := range p.Rejected {
		c.counter(ch, rejectedTotal, n, p.Name, reason)
	}
	states := make(map[containers.State]int)
	for _, b := range p.Backends {
		states[b.State]++
	}
	for _, s := range backendStates {
		c.gauge(ch, poolBackends, float64(states[s]), p.Name, string(s))
	}
}

func (c *collector) backend(ch chan<- prometheus.Metric, pool string, b proxy.BackendReport) {
	for _, s := range b.Statuses {
		c.counter(ch, requestsTotal, s.Count, pool, b.Name, strconv.Itoa(s.Status))
	}
	c.gauge(ch, backendConnections, float64(b.InFlight), pool, b.Name)
	c.gauge(ch, backendUp, truth(b.State == containers.StateReady && b.Weight > 0), pool, b.Name)
	c.gauge(ch, backendWeight, float64(b.Weight), pool, b.Name)
	c.gauge(ch, breakerState, breakerValue(b.Breaker.State), pool, b.Name)
	c.counter(ch, ejectionsTotal, b.Breaker.Ejections, pool, b.Name)
	c.histogram(ch, requestDuration, b.Durations, pool, b.Name)
}

func (c *collector) gauge(ch chan<- prometheus.Metric, name string, v float64, labels ...string) {
	c.send(ch, name, prometheus.GaugeValue, v, labels)
}

func (c *collector) counter(ch chan<- prometheus.Metric, name string, v uint64, labels ...string) {
	c.send(ch, name, prometheus.CounterValue, float64(v), labels)
}

func (c *collector) send(ch chan<- prometheus.Metric, name string, kind prometheus.ValueType, v float64, labels []string) {
	ch <- prometheus.MustNewConstMetric(c.descs[name], kind, v, values(labels)...)
}

func (c *collector) histogram(ch chan<- prometheus.Metric, name string, s histogram.Snapshot, labels ...string) {
	cumulative := s.Cumulative()
	buckets := make(map[float64]uint64, len(cumulative))
	for i, bound := range histogram.Bounds() {
		buckets[bound.Seconds()] = cumulative[i]
	}
	ch <- prometheus.MustNewConstHistogram(c.descs[name], s.Count, s.Sum.Seconds(), buckets, values(labels)...)
}

// breakerValue grows with how much stands in the way of requests.
func breakerValue(s proxy.BreakerState) float64 {
	switch s {
	case proxy.BreakerHalfOpen:
		return 1
	case proxy.BreakerOpen:
		return 2
	default:
		return 0
	}
}

// oneEach leaves one backend per name. A container that restarted is there twice while requests to
// its former self finish: the newer one's counters stand, as they would after the older has gone
// (Prometheus takes that for the restart that it is), and what is in flight is of both.
func oneEach(backends []proxy.BackendReport) []proxy.BackendReport {
	sorted := slices.SortedStableFunc(slices.Values(backends), func(a, b proxy.BackendReport) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.StartedAt, a.StartedAt))
	})
	var one []proxy.BackendReport
	for _, b := range sorted {
		if n := len(one); n > 0 && one[n-1].Name == b.Name {
			one[n-1].InFlight += b.InFlight
			continue
		}
		one = append(one, b)
	}
	return one
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// values makes labels ones that Prometheus takes, in place.
func values(labels []string) []string {
	for i := range labels {
		labels[i] = utf8(labels[i])
	}
	return labels
}

// utf8 makes s a label value that Prometheus takes.
func utf8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
