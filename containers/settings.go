package containers

import "time"

// Settings are a pool's, read from the labels of its members and from the configuration, which wins.
type Settings struct {
	// Policy is weighted, round-robin, random or least-request.
	Policy string
	Sticky Sticky
	Health HealthCheck
	// Concurrency is how many requests one backend should serve at once, the target of scaling.
	// 0 means not set.
	Concurrency int
	// Timeout is how long a backend may take to its response headers, ConnectTimeout to accept a connection.
	Timeout, ConnectTimeout time.Duration
	// Retries are extra attempts on other backends after one that could not be connected to.
	Retries int
	Scale   Scale
	// DrainTimeout is the longest wait for requests in flight before a backend is stopped.
	DrainTimeout time.Duration
}

// Sticky is cookie affinity.
type Sticky struct {
	Enabled bool
	TTL     time.Duration
	Cookie  string
}

// HealthCheck is the active check of a pool's backends: an HTTP request if Path is set, else a
// connection attempt.
type HealthCheck struct {
	Path              string
	Interval, Timeout time.Duration
	// StatusMin to StatusMax, inclusive, pass.
	StatusMin, StatusMax int
	// MaxLatency fails a check that took longer; 0 is off.
	MaxLatency time.Duration
	// Fall failures in a row make a backend unhealthy, Rise passes in a row make it healthy again.
	Fall, Rise int
}

// Scale says how far and by what a pool scales.
type Scale struct {
	// Min and Max count all replicas, those that Ballast did not make too. Max 0 never scales.
	Min, Max int
	// Image replaces the template's for clones if set.
	Image string
	// Requests is the classic rule; a zero Count is off.
	Requests Rate
	// HoldDown is how long demand must stay low before replicas are removed.
	HoldDown time.Duration
	// DryRun decides and explains without acting.
	DryRun bool
}

// Rate is a number of requests per interval, written "20/15s".
type Rate struct {
	Count    int
	Interval time.Duration
}
