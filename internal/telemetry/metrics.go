package telemetry

import (
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the counters that nobody else keeps. It is safe for concurrent use.
type Metrics struct {
	scaleActions   *prometheus.CounterVec
	containerReady *prometheus.HistogramVec
	engineErrors   *prometheus.CounterVec

	mu sync.Mutex
	// pools are those that scaleActions and containerReady have series of.
	pools map[string]bool
}

// NewMetrics registers with reg the counters it returns, the Go runtime's and the process's
// metrics, and what build this is. The data path's metrics come from NewCollector.
func NewMetrics(reg prometheus.Registerer, version string) (*Metrics, error) {
	m := &Metrics{
		pools:          make(map[string]bool),
		scaleActions:   counterVec(scaleActions),
		engineErrors:   counterVec(engineErrors),
		containerReady: histogramVec(containerReady, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
	}
	for _, op := range engineOps {
		m.engineErrors.WithLabelValues(op)
	}
	build := families[buildInfo]
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: build.Name, Help: build.Help}, build.Labels)
	info.WithLabelValues(utf8(version), runtime.Version()).Set(1)

	var errs []error
	for _, c := range []prometheus.Collector{
		m.scaleActions, m.containerReady, m.engineErrors, info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// ScaleAction counts a decision; action is what it did, such as "scale-out".
func (m *Metrics) ScaleAction(pool, action string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pools[pool] = true
	m.scaleActions.WithLabelValues(utf8(pool), action).Inc()
}

// ContainerReady tells how long a container took to be ready after Ballast brought it up, and how
// that was done: "create", "start" or "unpause".
func (m *Metrics) ContainerReady(pool, how string, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pools[pool] = true
	m.containerReady.WithLabelValues(utf8(pool), how).Observe(took.Seconds())
}

// Keep ends the series of all pools but those that are there. It must be called when pools may have gone, and before a
// scrape: what was done for a pool may be counted when it has gone already. there must not call m.
func (m *Metrics) Keep(there func(pool string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for pool := range m.pools {
		if there(pool) {
			continue
		}
		of := prometheus.Labels{"pool": utf8(pool)}
		m.scaleActions.DeletePartialMatch(of)
		m.containerReady.DeletePartialMatch(of)
		delete(m.pools, pool)
	}
}

// Handler serves what g gathers as Prometheus text, or as OpenMetrics to a client that asks for it.
func Handler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

func counterVec(name string) *prometheus.CounterVec {
	f := families[name]
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
}

func histogramVec(name string, buckets ...float64) *prometheus.HistogramVec {
	f := families[name]
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets}, f.Labels)
}
