package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxSlots and maxReplicas bound what a simulation keeps.
const (
	maxSlots    = 10_000
	maxReplicas = 10_000
	// maxRequests is what can be waited for; a run takes some minutes then.
	maxRequests = 1e9
)

// Config is what is simulated.
type Config struct {
	Trace *Trace
	// Policy is one of Policies.
	Policy string
	// Slots is how many requests a replica serves at once, Service how long it takes for one on average.
	Slots   int
	Service time.Duration
	// Boot is how long a replica takes to serve once it was started.
	Boot time.Duration
	// Min and Max count replicas; Warm clones are kept beside them, by the policy ballast alone.
	Min, Max, Warm int
	// Idle is how long nothing must be requested before a pool with Min 0 runs nothing.
	Idle time.Duration
	// HoldDown is how long demand must stay low before the policy ballast gives up replicas, and within which a
	// reversal counts as a flap.
	HoldDown time.Duration
	// RPS and Latency are further targets of the policy ballast; 0 is off.
	RPS     int
	Latency time.Duration
	// SLO is what a request is to be answered within, the time that it is held included.
	SLO time.Duration
	// QueueTimeout is how long a request is held before it fails, QueueSize how many are held before the next
	// fails at once; 0 is any number.
	QueueTimeout time.Duration
	QueueSize    int
	// Seed decides all that is random: the same configuration does the same.
	Seed uint64
}

// Default is a pool whose backends serve ten requests at once.
func Default() Config {
	return Config{
		Policy: "ballast", Slots: 10, Service: 100 * time.Millisecond, Boot: 2 * time.Second,
		Min: 1, Max: 50, Idle: 30 * time.Second, HoldDown: time.Minute,
		SLO: 500 * time.Millisecond, QueueTimeout: 30 * time.Second, Seed: 1,
	}
}

// check returns all that is wrong.
func (c *Config) check() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.Trace == nil || len(c.Trace.Requests) == 0, "the trace is empty")
	wrong(c.Trace != nil && c.Trace.Total() > maxRequests, "the trace has more than %.0e requests: scale it down", maxRequests)
	wrong(!slices.Contains(Policies(), c.Policy), "policy %q must be one of %s", c.Policy, strings.Join(Policies(), ", "))
	wrong(c.Slots < 1 || c.Slots > maxSlots, "slots %d must be 1 to %d", c.Slots, maxSlots)
	wrong(c.Max < 1 || c.Max > maxReplicas, "max %d must be 1 to %d", c.Max, maxReplicas)
	wrong(c.Min < 0 || c.Min > c.Max, "min %d must be 0 to max, which is %d", c.Min, c.Max)
	wrong(c.Warm < 0 || c.Warm > maxReplicas, "warm %d must be 0 to %d", c.Warm, maxReplicas)
	wrong(c.QueueSize < 0, "queue size %d must not be negative", c.QueueSize)
	wrong(c.RPS < 0, "rps %d must not be negative", c.RPS)
	for _, d := range []struct {
		name  string
		is    time.Duration
		least time.Duration
	}{
		{"service time", c.Service, time.Microsecond},
		{"boot", c.Boot, 0},
		{"idle", c.Idle, 0},
		{"hold-down", c.HoldDown, 0},
		{"latency", c.Latency, 0},
		{"SLO", c.SLO, time.Microsecond},
		{"queue timeout", c.QueueTimeout, time.Millisecond},
	} {
		wrong(d.is < d.least || d.is > 24*time.Hour, "%s %s must be %s to 24h", d.name, d.is, d.least)
	}
	return errors.Join(errs...)
}
