// Package autoscale decides how many replicas each pool should run, and says why.
//
// Decide is pure: the clock and the counters come in, a Decision with its reason goes out. The
// Scaler feeds it and hands what it decides to an Actuator. The package knows no engine and no
// HTTP: it is given numbers.
package autoscale

import (
	"context"
	"time"
)

// Sample is what Decide is told about one pool at one moment. Counters and integrals are since any fixed moment: their
// differences count.
type Sample struct {
	// Ready replicas serve; Starting ones were asked for and do not serve yet: created, woken or started. Both count
	// containers that Ballast made and those it did not.
	Ready, Starting int
	// StartingFor is how long the oldest of Starting has been.
	StartingFor time.Duration
	// Unhealthy replicas run and fail their checks, or get no requests for another reason: they count towards Max, and not towards what serves.
	Unhealthy int
	// Aside is how many of those were taken out of rotation by hand.
	Aside int
	// Originals is how many of all replicas this Ballast did not make. It gives them up only to reach zero.
	Originals int
	// Clones are those that could be given up.
	Clones []Clone
	// Warm clones are paused and can be woken; Draining ones can be taken back. Neither is among the replicas.
	Warm, Draining int
	// WakeTakes and StartTakes are how long it has lately taken from waking a clone, or creating one, until it served;
	// 0 if that is not known.
	WakeTakes, StartTakes time.Duration

	// InFlight is the number of requests in the pool now, Queued those of them that are held, Ignored those that do not
	// count in Requests.
	InFlight, Queued, Ignored int
	// Watching is how many look at the waiting page: they wait for a replica as well.
	Watching int
	// Busy is the integral over time of the requests that backends were serving, in request-seconds.
	Busy float64
	// Requests counts all that came, but for those that may not wake a pool, and what was refused whoever could serve it.
	Requests uint64
	// Served counts those that a backend answered, or had when their client left, Service is how many seconds they took; what
	// they were held is left out.
	Served  uint64
	Service float64
	// P95 is what 95 of 100 requests of the last seconds were answered within; 0 if it is not known.
	P95 time.Duration
	// CPUUse and MemoryUse are the means of what replicas use of their limits, in percent, and Measured how many of the
	// ready ones they are of, those that have just started left out; 0 if nothing recent is known.
	CPUUse, MemoryUse float64
	Measured          int

	// Keeps says that nothing may be given up at present.
	Keeps bool
	// Stale says that the engine cannot be reached, so that Ready and Starting may be wrong; StaleFor since when.
	Stale    bool
	StaleFor time.Duration
	// Blocked says why nothing can be created at present; empty if something can. Open says that starting one
	// has failed so often that those who wait are to be told, also while the next trial is under way, Unfit that nothing
	// can be created until somebody changes what is to be.
	Blocked     string
	Open, Unfit bool
}

// Clone is a replica that Ballast made.
type Clone struct {
	ID       string
	Name     string
	InFlight int
}

// Policy is what a pool is to be scaled by.
type Policy struct {
	// Min and Max count all replicas; Max 0 never scales.
	Min, Max int
	// Concurrency is the number of requests one replica serves at once; without it (0) requests
	// in flight ask for nothing.
	Concurrency int
	// RPS is how many requests per second one replica is to get; 0 is off.
	RPS int
	// Latency is what 95 of 100 requests are to be answered within; 0 is off.
	Latency time.Duration
	// CPU and Memory are how many percent of its limit one replica is to use; 0 is off.
	CPU, Memory int
	// Requests more than this within Interval ask for one more (the classic rule); 0 is off.
	Requests int
	Interval time.Duration
	// Idle is how long nothing must be requested before a pool with Min 0 has no replica any more.
	Idle time.Duration
	// HoldDown is how long the demand must stay low before replicas are removed.
	HoldDown time.Duration
	// DryRun decides without acting.
	DryRun bool

	// Hand is how many replicas there must be at least because HandBy said so; 0 is off.
	Hand   int
	HandBy string
	// MinBy and MaxBy name who set Min and Max, empty if they are as configured; PausedBy who made this a dry run.
	MinBy, MaxBy, PausedBy string
	// MinMeant is what Min would be if that were not more than Max; 0 if it is not.
	MinMeant int
}

// Action is what a decision does.
type Action string

// The actions of a decision.
const (
	ActionScaleOut Action = "scale-out"
	ActionScaleIn  Action = "scale-in"
	// ActionRefuse wanted to act and must not; the reason says why.
	ActionRefuse Action = "refuse"
	// ActionSet is something that somebody did by hand and that moved no replicas; the reason says what.
	ActionSet Action = "set"
)

// Decision is one act of the autoscaler, or a refusal to act, with its inputs and its reason.
type Decision struct {
	Time   time.Time `json:"time"`
	Pool   string    `json:"pool"`
	Action Action    `json:"action"`
	// From and To are numbers of replicas.
	From int `json:"from"`
	To   int `json:"to"`
	// Reason is a sentence whose numbers a person can check by hand.
	Reason string `json:"reason"`
	// By is who did it by hand; empty if it was the autoscaler.
	By string `json:"by,omitempty"`
	// Victims are the IDs of the clones to remove, least busy first.
	Victims []string `json:"victims,omitempty"`
	DryRun  bool     `json:"dry_run,omitempty"`
	Inputs  Inputs   `json:"inputs"`
}

// Inputs are the numbers that a decision was made from.
type Inputs struct {
	Ready     int `json:"ready"`
	Starting  int `json:"starting"`
	Unhealthy int `json:"unhealthy"`
	Originals int `json:"originals"`
	Warm      int `json:"warm"`
	Draining  int `json:"draining"`
	InFlight  int `json:"in_flight"`
	Queued    int `json:"queued"`
	// Rate is requests per second, ServiceSeconds what one takes at a backend.
	Rate           float64 `json:"requests_per_second"`
	ServiceSeconds float64 `json:"service_seconds"`
	// BusySlots, Headroom and Backlog are slots, of which a backend has Concurrency.
	BusySlots float64 `json:"busy_slots"`
	Headroom  float64 `json:"headroom"`
	Backlog   float64 `json:"backlog"`
	// CapacityInSeconds is how long it takes until the next capacity serves.
	CapacityInSeconds float64 `json:"capacity_in_seconds"`
	// Requests are those of the classic rule's interval.
	Requests        uint64  `json:"requests_in_interval"`
	P95Milliseconds float64 `json:"p95_ms"`
	CPU             float64 `json:"cpu_percent"`
	Memory          float64 `json:"memory_percent"`
	Concurrency     int     `json:"concurrency"`
	Min             int     `json:"min"`
	Max             int     `json:"max"`
}

// Actuator carries decisions out. Bring asks that a pool run n replicas in all, and returns at
// once; victims are the clones to give up first if that is fewer than now. Asking again for the
// same is harmless.
type Actuator interface {
	Bring(ctx context.Context, pool string, n int, victims []string)
}
