package telemetry

import (
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/proxy"
)

// Document is everything Ballast tells of itself at one moment. Its JSON is the answer to
// GET /metrics; fields are added to it, never renamed. Lists are never null.
type Document struct {
	Version  string `json:"version"`
	Instance string `json:"instance"`
	// Time is when the document was made, Uptime how long Ballast had run by then.
	Time   time.Time `json:"time"`
	Uptime float64   `json:"uptime_seconds"`
	Config ConfigDoc `json:"config"`
	Engine EngineDoc `json:"engine"`
	Totals Totals    `json:"totals"`
	Pools  []PoolDoc `json:"pools"`
	// Rejected counts, as PoolDoc's does, the answers to requests that reached no pool.
	Rejected map[string]uint64 `json:"rejected"`
	// Containers are all labelled containers, routed or not, by name, without what NewContainers adds; Decisions
	// the newest first, which are an answer of their own.
	Containers []ContainerDoc       `json:"-"`
	Decisions  []autoscale.Decision `json:"-"`
}

// ConfigDoc tells how it stands with the configuration.
type ConfigDoc struct {
	// File is the path of its file; empty if there is none.
	File string `json:"file"`
	// Loaded is when what is in force was read; Failed, with Error, when it could not be read again since, null if it could.
	Loaded *time.Time `json:"loaded"`
	Failed *time.Time `json:"failed"`
	Error  string     `json:"error,omitempty"`
	// Pending are the keys whose new values need a new start.
	Pending []string `json:"pending"`
}

// EngineDoc tells how Ballast stands with the engine.
type EngineDoc struct {
	Kind      string `json:"kind"`
	Version   string `json:"version"`
	Connected bool   `json:"connected"`
	// Since is when Connected last changed, LastSync when the last list succeeded; null if never.
	Since    *time.Time `json:"since"`
	LastSync *time.Time `json:"last_sync"`
	// SyncMS is how long that list took, in milliseconds.
	SyncMS float64 `json:"sync_ms"`
	// Error is the last failure while not connected.
	Error string `json:"error,omitempty"`
}

// Totals are sums over all pools.
type Totals struct {
	Requests          uint64  `json:"requests"`
	Errors            uint64  `json:"errors"`
	InFlight          int64   `json:"in_flight"`
	Queued            int64   `json:"queued"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	// Backends counts all, Ready those that may be given requests.
	Backends int `json:"backends"`
	Ready    int `json:"ready"`
}

// PoolDoc is one pool with its counters since it began.
type PoolDoc struct {
	Name     string      `json:"name"`
	Policy   string      `json:"policy"`
	Settings SettingsDoc `json:"settings"`
	Replicas Replicas    `json:"replicas"`
	// Routes lead to the pool, in order of precedence.
	Routes []RouteDoc `json:"routes"`
	// Panic says that fewer than half of the backends are available, so requests go to those that are not as well.
	Panic bool `json:"panic"`
	// InFlight counts the Queued too, which wait for a free backend.
	InFlight int64 `json:"in_flight"`
	Queued   int64 `json:"queued"`
	// Held is how many requests have waited, and Hold how long, since the pool began.
	Held     uint64    `json:"held"`
	Hold     LatencyMS `json:"hold_ms"`
	Requests uint64    `json:"requests"`
	Errors   uint64    `json:"errors"`
	Retries  uint64    `json:"retries"`
	// RetriesDenied counts extra attempts that the budget did not allow.
	RetriesDenied uint64 `json:"retries_denied"`
	// Rejected counts Ballast's own answers by the slug of X-Ballast-Error.
	Rejected map[string]uint64 `json:"rejected"`
	// RequestsPerSecond is the mean of the last 10 seconds, Latency of the last 60.
	RequestsPerSecond float64             `json:"requests_per_second"`
	Latency           LatencyMS           `json:"latency_ms"`
	Warnings          []string            `json:"warnings"`
	LastDecision      *autoscale.Decision `json:"last_decision,omitempty"`
	// Override is what people have set by hand; it is left out if that is nothing.
	Override *OverrideDoc `json:"override,omitempty"`
	Backends []BackendDoc `json:"backends"`
}

// OverrideDoc is what people have set by hand for a pool, and who, and when.
type OverrideDoc struct {
	autoscale.Override
	// Drained are the backends that were taken out of rotation.
	Drained []DrainedDoc `json:"drained,omitempty"`
}

// DrainedDoc is a backend that somebody took out of rotation.
type DrainedDoc struct {
	// ID is as that of a BackendDoc.
	ID   string `json:"id"`
	Name string `json:"name"`
	autoscale.Mark
}

// Replicas counts a pool's backends, those that Ballast did not make too.
type Replicas struct {
	// Max 0 means that the pool never scales. What is set by hand counts in both.
	Min      int `json:"min"`
	Max      int `json:"max"`
	Desired  int `json:"desired"`
	Ready    int `json:"ready"`
	Starting int `json:"starting"`
	Warm     int `json:"warm"`
	// Warming is how many clones boot to be warm; they are no replicas, and their backends are out of rotation.
	Warming int `json:"warming"`
	// Blocked says why no clone can be made at present.
	Blocked string `json:"blocked,omitempty"`
	// Stale is how many clones were made from an older image or configuration and are being replaced; StaleHeld says why they
	// are not at present.
	Stale     int    `json:"stale,omitempty"`
	StaleHeld string `json:"stale_held,omitempty"`
}

// RouteDoc is what leads to a pool.
type RouteDoc struct {
	// Host is empty if any will do, and may begin with "*."; Path is a prefix, "/" for all.
	Host string `json:"host"`
	Path string `json:"path"`
	// Strip says that Path is removed before a request is forwarded.
	Strip bool `json:"strip"`
}

// BackendDoc is one backend with its counters since it began.
type BackendDoc struct {
	// ID is the first 12 characters of the container's.
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Address string           `json:"address"`
	Network string           `json:"network"`
	Weight  int              `json:"weight"`
	State   containers.State `json:"state"`
	// Reason says why State is not ready.
	Reason    string    `json:"reason,omitempty"`
	Healthy   bool      `json:"healthy"`
	Clone     bool      `json:"clone"`
	StartedAt time.Time `json:"started_at"`
	InFlight  int64     `json:"in_flight"`
	Requests  uint64    `json:"requests"`
	Errors    uint64    `json:"errors"`
	Latency   LatencyMS `json:"latency_ms"`
	// Breaker is how the backend stands with its requests.
	Breaker BreakerDoc `json:"breaker"`
}

// BreakerDoc tells whether a backend's failures have taken it out of rotation.
type BreakerDoc struct {
	// State is "closed" (it gets requests), "open" (it is ejected) or "half-open" (it is on trial after an ejection).
	State proxy.BreakerState `json:"state"`
	// Failures is how many of its requests have failed in a row, Ejections how often that ejected it since it began.
	Failures  int    `json:"failures"`
	Ejections uint64 `json:"ejections"`
	// Until is when the ejection ends; null if there is none.
	Until *time.Time `json:"until"`
}

// LatencyMS is quantiles of durations in milliseconds, rounded to 0.001; zeros when there was none.
type LatencyMS struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// ContainerDoc is one container and what became of it. Its environment and labels but those under Ballast's
// prefix are left out: they may hold secrets.
type ContainerDoc struct {
	// ID is the first 12 characters of FullID.
	ID     string `json:"id"`
	FullID string `json:"full_id"`
	Name   string `json:"name"`
	Image  string `json:"image"`
	Pool   string `json:"pool"`
	State  string `json:"state"`
	// Enabled says that it asks to be managed, Routed that it is a backend of its pool.
	Enabled bool `json:"enabled"`
	Routed  bool `json:"routed"`
	// Reason says why it is not routed, or why it gets no requests though it is ready, and what to do. Remedy is that alone, and for one that is routed what to do
	// to get it ready; empty if there is nothing to do.
	Reason   string    `json:"reason,omitempty"`
	Remedy   string    `json:"remedy,omitempty"`
	Warnings []string  `json:"warnings"`
	Clone    *CloneDoc `json:"clone"`
	// Backend is how it stands as a backend; null if it is none.
	Backend *StandingDoc `json:"backend"`
	// Labels are what its labels were read as.
	Labels []LabelDoc `json:"labels"`
}

// StandingDoc is how a backend stands, with what the data path knows of it.
type StandingDoc struct {
	State containers.State `json:"state"`
	// Reason says why State is not ready.
	Reason string `json:"reason,omitempty"`
}

// LabelDoc is a label under Ballast's prefix.
type LabelDoc struct {
	Key string `json:"key"`
	// Value is as written; null if the container does not have the label, and Read is its default.
	Value *string `json:"value"`
	// Read is what it was read as, Refused why it has no effect.
	Read    string `json:"read"`
	Default bool   `json:"default"`
	Refused string `json:"refused,omitempty"`
}

// CloneDoc is what the ownership labels of a clone say.
type CloneDoc struct {
	Owner    string `json:"owner"`
	Template string `json:"template"`
	Slot     int    `json:"slot"`
	// Revision is a hash of what it was made from. Stale says that others would be made from something else now, and in what
	// they would differ.
	Revision string `json:"revision,omitempty"`
	Stale    string `json:"stale,omitempty"`
}
