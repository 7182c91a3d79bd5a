package telemetry

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Family describes one metric, for the code that makes it and for the reference page.
type Family struct {
	Name string
	// Kind is counter, gauge or histogram.
	Kind   string
	Labels []string
	Help   string
}

// Families are all metrics that Ballast makes itself, by name. The Go runtime's and the process's
// stand beside them under their usual names.
func Families() []Family {
	return slices.SortedFunc(maps.Values(families), func(a, b Family) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// The keys of families, each the name of a metric without its prefix.
const (
	requestsTotal      = "requests_total"
	backendConnections = "backend_connections"
	requestDuration    = "request_duration_seconds"
	backendUp          = "backend_up"
	backendWeight      = "backend_weight"
	poolBackends       = "pool_backends"
	poolDesired        = "pool_desired_replicas"
	poolPanic          = "pool_panic"
	poolQueueDepth     = "pool_queue_depth"
	poolHold           = "pool_hold_seconds"
	breakerState       = "breaker_state"
	ejectionsTotal     = "ejections_total"
	retriesTotal       = "retries_total"
	retriesDenied      = "retries_denied_total"
	rejectedTotal      = "rejected_total"
	configValid        = "config_valid"
	engineUp           = "engine_up"
	engineSync         = "engine_sync_seconds"
	engineErrors       = "engine_errors_total"
	scaleActions       = "scale_actions_total"
	containerReady     = "container_ready_seconds"
	buildInfo          = "build_info"
)

var families = func() map[string]Family {
	perBackend := []string{"pool", "backend"}
	m := make(map[string]Family)
	add := func(name, kind, help string, labels ...string) {
		m[name] = Family{Name: "loadbalancer_" + name, Kind: kind, Labels: labels, Help: help}
	}
	add(requestsTotal, "counter", "Responses of a backend, by status code.", "pool", "backend", "status")
	add(backendConnections, "gauge", "Requests in flight at a backend.", perBackend...)
	add(requestDuration, "histogram", "Time from the last attempt at a backend to the end of its answer.", perBackend...)
	add(backendUp, "gauge", "1 if a backend is ready and its weight is not 0, else 0.", perBackend...)
	add(backendWeight, "gauge", "Weight of a backend; 0 drains it.", perBackend...)
	add(poolBackends, "gauge", "Backends of a pool in each state.", "pool", "state")
	add(poolDesired, "gauge", "Replicas that a pool should run.", "pool")
	add(poolPanic, "gauge", "1 while requests go to all backends, for fewer than half are available; else 0.", "pool")
	add(poolQueueDepth, "gauge", "Requests that wait for a free backend.", "pool")
	add(poolHold, "histogram", "Time that requests waited for a free backend; those that did not wait are left out.", "pool")
	add(breakerState, "gauge", "Breaker of a backend: 0 closed, 1 half-open (on trial after an ejection), 2 open (ejected).", perBackend...)
	add(ejectionsTotal, "counter", "Times that failures in a row ejected a backend.", perBackend...)
	add(retriesTotal, "counter", "Extra attempts on another backend.", "pool")
	add(retriesDenied, "counter", "Extra attempts that the retry budget did not allow.", "pool")
	add(rejectedTotal, "counter", "Requests that Ballast answered itself, by the slug of X-Ballast-Error; pool is empty where none was reached, and bad-head is a head that can't be read.", "pool", "reason")
	add(configValid, "gauge", "1 if the configuration could be read when it was last read, else 0: what was in force before stays.")
	add(engineUp, "gauge", "1 while the engine answers, else 0.")
	add(engineSync, "gauge", "Time that the last list of containers and its inspections took.")
	add(engineErrors, "counter", "Calls to the engine that failed; those that Ballast gave up are left out.", "op")
	add(scaleActions, "counter", "What was done to the clones of a pool: create, remove, or fail (one that was no use).", "pool", "action")
	add(containerReady, "histogram", "Time until a container that Ballast brought up was ready, by how.", "pool", "how")
	add(buildInfo, "gauge", "Always 1; the labels tell what runs.", "version", "goversion")
	return m
}()

func desc(name string) *prometheus.Desc {
	f := families[name]
	return prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
}
