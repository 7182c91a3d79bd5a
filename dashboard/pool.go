package dashboard

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// pipsShown is up to how many replicas are drawn one by one.
const pipsShown = 32

type poolView struct {
	// ID is unique in the page, and the pool's as long as it lives: by it the browser knows which one to change.
	ID, Name string
	Path     string
	// Detail shows all settings, on the pool's own page.
	Detail bool
	// Why is the decision that has led to its size; nil if there was none.
	Why      *whyView
	Ready    string
	Replicas string
	Blocked  string
	// Routes are the first of those that lead to it, RoutesLeft how many more there are.
	Routes     []routeView
	RoutesLeft string
	// Panic says that requests go to backends that are not ready as well.
	Panic bool
	// Pips are the replicas, one by one: "ready", "starting", "other", then "room" up to the maximum.
	Pips  []string
	Stats []tile
	// Rejected are Ballast's own answers, by slug; Denied is how many retries the budget did not allow.
	Rejected []tile
	Denied   string
	Features []string
	Settings []setting
	Warnings []string
	Backends []backendView
}

func newPoolView(p telemetry.PoolDoc, d telemetry.Document, shares map[backendKey]float64) poolView {
	v := poolView{
		ID: "pool-" + url.PathEscape(p.Name), Name: p.Name, Path: poolPath(p.Name), Why: newWhyView(d.Time, p),
		Ready: count(p.Replicas.Ready), Replicas: replicas(p.Replicas), Blocked: p.Replicas.Blocked,
		Panic:    p.Panic,
		Pips:     pips(p),
		Stats:    poolStats(p),
		Rejected: rejections(p.Rejected),
		Features: poolFeatures(p),
		Settings: poolSettings(p),
		Warnings: append([]string(nil), p.Warnings...),
	}
	v.Routes, v.RoutesLeft = routes(p.Routes)
	if p.RetriesDenied > 0 {
		v.Denied = count(p.RetriesDenied)
	}
	for _, c := range d.Containers {
		if !c.Routed || c.Pool != p.Name {
			continue
		}
		for _, w := range c.Warnings {
			v.Warnings = append(v.Warnings, c.Name+": "+w)
		}
	}
	planned := p.Shares()
	slow := slowest(p.Backends)
	for i, b := range p.Backends {
		actual, known := shares[keyOf(p.Name, b)]
		share := newShareView(actual, known)
		if planned[i] > 0 {
			share.plan(planned[i])
		}
		w := newBackendView(d.Time, p.Settings.Breaker, b, share)
		if i == slow {
			w.Slow = "p95 of " + w.P95 + " is the most by far"
		}
		v.Backends = append(v.Backends, w)
	}
	return v
}

// whyView is the last decision of a pool.
type whyView struct{ What, Icon, Time, Machine, Ago, Reason string }

func newWhyView(now time.Time, p telemetry.PoolDoc) *whyView {
	d := p.LastDecision
	if d == nil {
		return nil
	}
	action, _, icon := actionLook(d.Action)
	v := &whyView{Icon: icon, Time: clock(d.Time), Machine: d.Time.UTC().Format(time.RFC3339), Ago: ago(now, d.Time), Reason: d.Reason}
	switch {
	case d.DryRun:
		v.What = fmt.Sprintf("Dry run: %s to %d", strings.ToLower(action), d.To)
	case d.Action == autoscale.ActionRefuse:
		v.What = fmt.Sprintf("Stays at %d", d.From)
	default:
		v.What = fmt.Sprintf("%s from %d to %d", action, d.From, d.To)
	}
	return v
}

const (
	// A backend is slow if its p95 is so many times, and so many milliseconds, above the median of the others.
	slowTimes, slowMS = 2, 5
)

// slowest is the index of the ready backend that is much slower than the others; -1 if none is.
func slowest(all []telemetry.BackendDoc) int {
	slow := -1
	var others []float64
	for i, b := range all {
		if b.State != containers.StateReady || b.Latency.P95 == 0 {
			continue
		}
		if slow < 0 || b.Latency.P95 > all[slow].Latency.P95 {
			slow = i
		}
		others = append(others, b.Latency.P95)
	}
	if len(others) < 2 {
		return -1
	}
	slices.Sort(others)
	others = others[:len(others)-1]
	median := others[len(others)/2]
	if p95 := all[slow].Latency.P95; p95 < slowTimes*median || p95 < median+slowMS {
		return -1
	}
	return slow
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
	if r.Warming > 0 {
		text += fmt.Sprintf(" · %d more to be warm", r.Warming)
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

// poolStats are a row of eight, and four of the queue where requests may wait or have waited.
func poolStats(p telemetry.PoolDoc) []tile {
	stats := []tile{
		{Label: "Requests/s", Value: rate(p.RequestsPerSecond)},
		{Label: "In flight", Value: count(p.InFlight)},
		{Label: "p50", Value: latency(p.Latency.P50)},
		{Label: "p95", Value: latency(p.Latency.P95)},
		{Label: "p99", Value: latency(p.Latency.P99)},
		{Label: "Requests", Value: count(p.Requests)},
		{Label: "Retries", Value: count(p.Retries)},
		{Label: "Errors", Value: count(p.Errors), Bad: p.Errors > 0},
	}
	if p.Settings.Concurrency == 0 && p.Held == 0 && p.Queued == 0 {
		return stats
	}
	return append(stats,
		tile{Label: "Waiting", Value: count(p.Queued)},
		tile{Label: "Held p50", Value: latency(p.Hold.P50)},
		tile{Label: "Held p95", Value: latency(p.Hold.P95)},
		tile{Label: "Held p99", Value: latency(p.Hold.P99)})
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
