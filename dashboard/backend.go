package dashboard

import (
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

type backendView struct {
	ID, Name, Address string
	Path              string
	// Slow says that it is much slower than the others of its pool, and how slow.
	Slow                string
	State, Icon, Reason string
	// Breaker says in short how it stands with its requests, Ejected how often they had it ejected.
	Breaker, Ejected   string
	Clone              bool
	Weight             string
	Share              shareView
	InFlight, Requests string
	Errors, P50, P95   string
	// Failing says that it answered with errors.
	Failing bool
}

// shareView is a backend's part of its pool's traffic.
type shareView struct {
	// Actual and Expected are for people, Fill and Mark the same in hundredths of a drawing's width.
	Actual, Expected string
	Fill, Mark       string
	// Known says that there was traffic; Planned that the policy has a share in mind for it.
	Known, Planned bool
}

// newBackendView draws a backend of a pool whose breaker has that limit.
func newBackendView(now time.Time, limit int, b telemetry.BackendDoc, share shareView) backendView {
	return backendView{
		ID: b.ID, Name: b.Name, Address: b.Address, Path: containerPath(b.Name),
		State: string(b.State), Icon: stateIcon(b.State), Reason: reason(now, limit, b),
		Breaker: breaker(b.Breaker, limit), Ejected: ejected(b.Breaker.Ejections),
		Clone: b.Clone, Weight: count(b.Weight), Share: share,
		InFlight: count(b.InFlight), Requests: count(b.Requests), Errors: count(b.Errors),
		P50: latency(b.Latency.P50), P95: latency(b.Latency.P95),
		Failing: b.Errors > 0,
	}
}

func newShareView(actual float64, known bool) shareView {
	if !known {
		return shareView{Actual: none, Fill: "0"}
	}
	return shareView{Known: true, Actual: percent(actual), Fill: fmt.Sprintf("%.1f", actual*100)}
}

func (s *shareView) plan(share float64) {
	// The mark's line is drawn on both sides of its place; at the very end half would be cut off.
	s.Planned, s.Expected, s.Mark = true, percent(share), fmt.Sprintf("%.1f", min(share*100, 99.5))
}

// breaker says in short how a breaker stands that opens at limit failures in a row.
func breaker(b telemetry.BreakerDoc, limit int) string {
	switch {
	case b.State != proxy.BreakerClosed:
		return "breaker " + string(b.State)
	case limit == 0:
		return "breaker off"
	case b.Failures > 0:
		return fmt.Sprintf("breaker at %s of %d", count(b.Failures), limit)
	}
	return "breaker closed"
}

func ejected(times uint64) string {
	switch times {
	case 0:
		return ""
	case 1:
		return "ejected once"
	}
	return "ejected " + count(times) + " times"
}

// reason says why a backend is not ready, until when if that is known, and what stands against one that is.
func reason(now time.Time, limit int, b telemetry.BackendDoc) string {
	k := b.Breaker
	ends := k.Until != nil && k.Until.After(now)
	switch {
	case ends && b.State == containers.StateEjected:
		return join(b.Reason, "until "+due(now, *k.Until))
	case ends:
		return join(b.Reason, "ejected until "+due(now, *k.Until))
	case b.State != containers.StateReady:
		return b.Reason
	case k.State == proxy.BreakerHalfOpen:
		return join(b.Reason, "on trial after an ejection: a failure ejects it again, a success puts it back")
	case limit > 0 && k.Failures >= limit:
		return join(b.Reason, count(k.Failures)+" requests in a row failed; it is not ejected, as no more than half of a pool ever is")
	}
	return b.Reason
}

// due is the time of day of t, and how far off it is.
func due(now, t time.Time) string {
	text := clock(t) + " UTC"
	if left := t.Sub(now); left >= time.Second {
		text += ", " + length(left) + " from now"
	}
	return text
}

// join puts two statements into one.
func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// stateIcon names the drawing that goes with a state, so that its colour is not all that tells.
func stateIcon(s containers.State) string {
	switch s {
	case containers.StateReady:
		return "check"
	case containers.StateStarting:
		return "clock"
	case containers.StateUnhealthy, containers.StateEjected:
		return "cross"
	case containers.StateDraining:
		return "down"
	case containers.StatePaused, containers.StateWarm:
		return "pause"
	case containers.StateStopped:
		return "stop"
	}
	return "dot"
}
