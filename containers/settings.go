package containers

import (
	"strings"
	"time"
)

// Settings are a pool's, read from the labels of its members and from the configuration, which wins.
// They are comparable.
type Settings struct {
	Route Route
	// Policy is weighted, round-robin, random, least-request, peak-ewma, ip-hash or maglev.
	Policy string
	// Hash is for maglev.
	Hash   Hash
	Sticky Sticky
	Health HealthCheck
	// Breaker is how many failures in a row eject a backend; 0 is off.
	Breaker int
	// SlowStart is how long a new backend's weight grows to the whole; 0 is off.
	SlowStart time.Duration
	// Concurrency is how many requests one backend serves at once, the target of scaling as well; more
	// wait in the queue. 0 is no limit.
	Concurrency int
	// Queue has no effect without Concurrency, unless the pool scales: then requests wait while there is no backend.
	Queue     Queue
	RateLimit RateLimit
	// Timeout is how long a backend may take to its response headers, ConnectTimeout to accept a
	// connection; IdleTimeout is how long a body may stand still.
	Timeout, ConnectTimeout, IdleTimeout time.Duration
	// Retries are extra attempts on other backends for requests of which nothing was processed for sure:
	// not connected, or idempotent and unanswered.
	Retries int
	Scale   Scale
	// DrainTimeout is the longest wait for requests in flight before a backend is stopped.
	DrainTimeout time.Duration
}

// Route says which requests are the pool's.
type Route struct {
	// Hosts are separated by commas, ascending, each once: lower case, without port and without the dot at
	// the end, IPv6 without brackets. "*." before one stands for every name below it. Empty is any.
	Hosts string
	// Path is "/" or a prefix such as "/api", without the slash at the end; empty if it was not set, which
	// is any.
	Path string
	// Strip removes Path from requests before they are forwarded.
	Strip bool
}

// HostList returns the hosts one by one; none if any will do.
func (r Route) HostList() []string {
	if r.Hosts == "" {
		return nil
	}
	return strings.Split(r.Hosts, ",")
}

// What requests can be placed by.
const (
	HashIP     = "ip"
	HashPath   = "path"
	HashHeader = "header"
	HashCookie = "cookie"
)

// Hash is what requests are placed by.
type Hash struct {
	// Source is HashIP, HashPath, HashHeader or HashCookie.
	Source string
	// Name is the header's, in lower case, or the cookie's, as written.
	Name string
}

// Queue is where requests wait for a free backend.
type Queue struct {
	// Size is how many may wait, Timeout how long each may.
	Size    int
	Timeout time.Duration
}

// RateLimit bounds the requests of one client.
type RateLimit struct {
	// Rate is what is allowed on average; a zero Count is off.
	Rate Rate
	// Burst is how many may come at once. In a snapshot it is at least 1 if there is a limit: where it was
	// not set, it is the Count of Rate.
	Burst int
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
	// RPS is how many requests per second one replica is to get, Latency the p95 that is aimed at, CPU and Memory
	// how many percent of its limit one is to use; 0 is off.
	RPS         int
	Latency     time.Duration
	CPU, Memory int
	// Warm is how many paused clones are kept ready.
	Warm int
	// Idle is how long a pool with Min 0 goes without a request before its last replica is stopped.
	Idle time.Duration
	// HoldDown is how long demand must stay low before replicas are removed.
	HoldDown time.Duration
	// DryRun decides and explains without acting.
	DryRun bool
	// WaitPage gives browsers that would wait long a page that follows and reloads.
	WaitPage bool
	// IgnoreAgents are patterns of User-Agents, separated by commas, whose requests never wake a pool: lower case,
	// "*" stands for anything, and each is looked for anywhere in the field.
	IgnoreAgents string
}

// Rate is a number of requests per interval, written "20/15s".
type Rate struct {
	Count    int
	Interval time.Duration
}
