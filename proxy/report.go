package proxy

import (
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/histogram"
)

// Report is the data path's counters at one moment, for people and programs that watch.
type Report struct {
	// Pools by name, ascending.
	Pools []PoolReport
}

// PoolReport is what one pool did.
type PoolReport struct {
	Name     string
	Settings containers.Settings
	Warnings []string
	// InFlight is requests accepted and not yet answered whole.
	InFlight int64
	// Busy is the integral of InFlight over time, in request-seconds since the pool began.
	Busy float64
	// Requests and Errors count requests whole (answers 5xx, ours or a backend's, are errors; a
	// client that left is not); Retries counts extra attempts.
	Requests, Errors, Retries uint64
	// RequestsPerSecond is the mean of the last 10 seconds.
	RequestsPerSecond float64
	// Latency is of the last 60 seconds.
	Latency Latency
	// Rejected counts answers of our own, by reason (the slug of X-Ballast-Error).
	Rejected map[string]uint64
	// Backends by container name, ascending.
	Backends []BackendReport
}

// BackendReport is what one backend did.
type BackendReport struct {
	containers.Backend
	// State is the engine's and the checks' view together; it hides Backend's own, which is
	// only the engine's. Reason says why it is not ready.
	State  containers.State
	Reason string
	// Healthy is the last verdict of the checks.
	Healthy          bool
	InFlight         int64
	Requests, Errors uint64
	Latency          Latency
	// Statuses counts responses by status code, ascending; codes that never came are left out.
	Statuses []StatusCount
	// Durations is the distribution of request durations since the backend began.
	Durations histogram.Snapshot
}

// StatusCount is how often a status code was answered.
type StatusCount struct {
	Status int
	Count  uint64
}

// Latency is quantiles of request durations; zeros when there was no request.
type Latency struct{ P50, P95, P99 time.Duration }
