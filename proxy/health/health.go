// Package health checks backends actively: a connection attempt or an HTTP request at an
// interval, with fall and rise counts. It knows no HTTP itself: a Checker does one check.
package health

import (
	"context"
	"net/netip"
	"time"
)

// Target is one backend to check.
type Target[K comparable] struct {
	// Key tells targets apart; a new key starts as unproven.
	Key     K
	Address netip.AddrPort
	Check   Check
}

// Check says how a backend is checked.
type Check struct {
	// Scheme and Path make it an HTTP request; an empty Path makes it a connection attempt.
	Scheme, Path      string
	Interval, Timeout time.Duration
	// StatusMin to StatusMax, inclusive, pass.
	StatusMin, StatusMax int
	// MaxLatency fails a slower check; 0 is off.
	MaxLatency time.Duration
	// Fall failures in a row make a healthy backend unhealthy, Rise passes in a row the reverse.
	// The very first pass of a new backend is enough to make it healthy.
	Fall, Rise int
}

// Checker does one check; a nil error passes it. The error's text is shown to people.
type Checker interface {
	Check(ctx context.Context, address netip.AddrPort, check Check) error
}

// Result is a change of a backend's health, or of the reason why it is not healthy.
type Result[K comparable] struct {
	Key     K
	Healthy bool
	// Reason says what failed; empty if Healthy.
	Reason string
}

// Checked is one check.
type Checked struct {
	// Time is when it ended, Took how long it took.
	Time time.Time
	Took time.Duration
	// Reason says what failed; empty if it passed.
	Reason string
}
