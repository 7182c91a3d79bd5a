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

// Sample is what Decide is told about one pool at one moment.
type Sample struct {
	// Ready replicas serve; Starting ones were asked for and do not serve yet. Both count
	// containers that Ballast made and those it did not.
	Ready, Starting int
	// Unhealthy replicas run and fail their checks: they count towards Max, and not towards what serves.
	Unhealthy int
	// Originals is how many of all replicas this Ballast did not make, and so never removes.
	Originals int
	// Clones are those that could be removed.
	Clones []Clone
	// InFlight is the number of requests being served now.
	InFlight int
	// Busy is the integral of InFlight over time, in request-seconds since any fixed moment: the
	// difference of two samples over their distance in time is the mean in between.
	Busy float64
	// Requests counts all requests since any fixed moment.
	Requests uint64
	// Stale says that the engine cannot be reached, so that Ready and Starting may be wrong.
	Stale bool
	// Blocked says why nothing can be created at present; empty if something can.
	Blocked string
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
	// Requests more than this within Interval ask for one more (the classic rule); 0 is off.
	Requests int
	Interval time.Duration
	// HoldDown is how long the demand must stay low before replicas are removed.
	HoldDown time.Duration
	// DryRun decides without acting.
	DryRun bool
}

// Action is what a decision does.
type Action string

// The actions of a decision.
const (
	ActionScaleOut Action = "scale-out"
	ActionScaleIn  Action = "scale-in"
	// ActionRefuse wanted to act and must not; the reason says why.
	ActionRefuse Action = "refuse"
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
	// Victims are the IDs of the clones to remove, least busy first.
	Victims []string `json:"victims,omitempty"`
	DryRun  bool     `json:"dry_run,omitempty"`
	Inputs  Inputs   `json:"inputs"`
}

// Inputs are the numbers that a decision was made from.
type Inputs struct {
	Ready       int     `json:"ready"`
	Starting    int     `json:"starting"`
	Unhealthy   int     `json:"unhealthy"`
	Originals   int     `json:"originals"`
	InFlight    int     `json:"in_flight"`
	Busy1s      float64 `json:"busy_1s"`
	Busy6s      float64 `json:"busy_6s"`
	Requests    uint64  `json:"requests_in_interval"`
	Concurrency int     `json:"concurrency"`
	Min         int     `json:"min"`
	Max         int     `json:"max"`
}

// Actuator carries decisions out. Bring asks that a pool run n replicas in all, and returns at
// once; victims are the clones to give up first if that is fewer than now. Asking again for the
// same is harmless.
type Actuator interface {
	Bring(ctx context.Context, pool string, n int, victims []string)
}
