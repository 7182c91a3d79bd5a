package dashboard

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// pipsShown is up to how many replicas are drawn one by one.
const pipsShown = 32

type poolView struct {
	// ID is unique in the page, whatever the pool's name.
	ID, Name string
	Ready    string
	Replicas string
	Blocked  string
	// Pips are the replicas, one by one: "ready", "starting", "other", then "room" up to the maximum.
	Pips  []string
	Stats []tile
	// Rejected are Ballast's own answers, by slug.
	Rejected []tile
	Features []string
	Warnings []string
	Backends []backendView
}

type backendView struct {
	ID, Name, Address   string
	State, Icon, Reason string
	Clone               bool
	Weight              string
	Share               shareView
	InFlight, Requests  string
	Errors, P50, P95    string
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

func newPoolView(i int, p telemetry.PoolDoc, d telemetry.Document, shares map[backendKey]float64) poolView {
	v := poolView{
		ID: fmt.Sprintf("pool-%d", i), Name: p.Name,
		Ready: count(p.Replicas.Ready), Replicas: replicas(p.Replicas), Blocked: p.Replicas.Blocked,
		Pips:     pips(p),
		Stats:    poolStats(p),
		Rejected: rejections(p.Rejected),
		Features: poolFeatures(p),
		Warnings: append([]string(nil), p.Warnings...),
	}
	for _, c := range d.Containers {
		if !c.Routed || c.Pool != p.Name {
			continue
		}
		for _, w := range c.Warnings {
			v.Warnings = append(v.Warnings, c.Name+": "+w)
		}
	}
	sum := plannedSum(p)
	for _, b := range p.Backends {
		actual, known := shares[keyOf(p.Name, b)]
		share := newShareView(actual, known)
		if n := planned(p.Policy, b); sum > 0 && b.State == containers.StateReady && n > 0 {
			share.plan(n / sum)
		}
		v.Backends = append(v.Backends, newBackendView(b, share))
	}
	return v
}

func newBackendView(b telemetry.BackendDoc, share shareView) backendView {
	return backendView{
		ID: b.ID, Name: b.Name, Address: b.Address,
		State: string(b.State), Icon: stateIcon(b.State), Reason: b.Reason,
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

// planned is a backend's part by its pool's policy, in any unit; 0 if the policy goes by load.
func planned(policy string, b telemetry.BackendDoc) float64 {
	switch policy {
	case "weighted", "random":
		return float64(b.Weight)
	case "round-robin":
		return 1
	}
	return 0
}

// plannedSum is over the backends that are given traffic.
func plannedSum(p telemetry.PoolDoc) float64 {
	var sum float64
	for _, b := range p.Backends {
		if b.State == containers.StateReady {
			sum += planned(p.Policy, b)
		}
	}
	return sum
}

func replicas(r telemetry.Replicas) string {
	text := "of " + count(r.Desired) + " wanted"
	if r.Max > 0 {
		text += fmt.Sprintf(" · min %d · max %d", r.Min, r.Max)
	}
	if r.Starting > 0 {
		text += fmt.Sprintf(" · %d starting", r.Starting)
	}
	if r.Warm > 0 {
		text += fmt.Sprintf(" · %d warm", r.Warm)
	}
	return text
}

func pips(p telemetry.PoolDoc) []string {
	size := max(len(p.Backends), p.Replicas.Desired, p.Replicas.Max)
	if size == 0 || size > pipsShown {
		return nil
	}
	out := make([]string, 0, size)
	for range p.Replicas.Ready {
		out = append(out, "ready")
	}
	for range p.Replicas.Starting {
		out = append(out, "starting")
	}
	for len(out) < len(p.Backends) {
		out = append(out, "other")
	}
	for len(out) < size {
		out = append(out, "room")
	}
	return out
}

func poolStats(p telemetry.PoolDoc) []tile {
	return []tile{
		{Label: "Requests/s", Value: rate(p.RequestsPerSecond)},
		{Label: "In flight", Value: count(p.InFlight)},
		{Label: "p50", Value: latency(p.Latency.P50)},
		{Label: "p95", Value: latency(p.Latency.P95)},
		{Label: "p99", Value: latency(p.Latency.P99)},
		{Label: "Requests", Value: count(p.Requests)},
		{Label: "Retries", Value: count(p.Retries)},
		{Label: "Errors", Value: count(p.Errors), Bad: p.Errors > 0},
	}
}

// rejections lists Ballast's own answers by their slug.
func rejections(rejected map[string]uint64) []tile {
	var out []tile
	for _, slug := range slices.Sorted(maps.Keys(rejected)) {
		if rejected[slug] > 0 {
			out = append(out, tile{Label: slug, Value: count(rejected[slug])})
		}
	}
	return out
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
