package dashboard

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// pipsShown is up to how many replicas are drawn one by one.
const pipsShown = 32

type poolView struct {
	// ID is unique in the page, and the pool's as long as it lives: by it the browser knows which one to change.
	ID, Name string
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
		ID: "pool-" + url.PathEscape(p.Name), Name: p.Name,
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
	for i, b := range p.Backends {
		actual, known := shares[keyOf(p.Name, b)]
		share := newShareView(actual, known)
		if planned[i] > 0 {
			share.plan(planned[i])
		}
		v.Backends = append(v.Backends, newBackendView(d.Time, p.Settings.Breaker, b, share))
	}
	return v
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
