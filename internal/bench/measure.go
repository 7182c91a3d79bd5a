package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// metric names a figure and its unit, as in the JSON document.
type metric string

const (
	perSecond metric = "requests_per_second"
	// cpu is the processor time that the balancer's process took per request.
	cpu metric = "cpu_us_per_request"
	// busy is the share of the balancers' core: well under 100, load and backends are the limit.
	busy metric = "core_busy_percent"
	p50  metric = "p50_us"
	p99  metric = "p99_us"
	// slowShare is how many of the requests got to the backend that is slow.
	slowShare metric = "slow_share_percent"
	// lookup is how long the table of routes takes.
	lookup metric = "ns_per_lookup"
	// rss is how much the resident memory grew per idle connection.
	rss metric = "rss_kb_per_connection"
)

// title is the metric for people, with its unit.
func (m metric) title() string {
	return map[metric]string{
		perSecond: "requests/s", cpu: "CPU us/request", busy: "core %", p50: "p50 us", p99: "p99 us", rss: "KB/connection",
		slowShare: "slow %", lookup: "ns/lookup",
	}[m]
}

// ratioTitle is what two subjects are compared by; ratios have no unit.
func (m metric) ratioTitle() string {
	short, _, _ := strings.Cut(m.title(), " ")
	return short
}

// sample is what one turn gave.
type sample map[metric]float64

// result is what one subject did, a sample per round.
type result struct {
	Name   string   `json:"name"`
	Rounds []sample `json:"rounds"`
}

// values are those of one metric by round, empty if it was not measured.
func (r result) values(m metric) []float64 {
	var values []float64
	for _, s := range r.Rounds {
		if v, ok := s[m]; ok {
			values = append(values, v)
		}
	}
	return values
}

// subject is what is measured; pid 0 has no processor time of interest.
type subject struct {
	name, url string
	// headers are sent with each request, as "Name: value".
	headers []string
	pid     int
}

// measure puts each subject under load, in turns.
func measure(ctx context.Context, s settings, sc scenario, subjects []subject) ([]result, error) {
	results := make([]result, len(subjects))
	for i, t := range subjects {
		results[i].Name = t.name
		// Fills connection pools and caches, and does not count.
		if _, err := measureOnce(ctx, s, sc, t, time.Second); err != nil {
			return nil, fmt.Errorf("warm up %s: %w", t.name, err)
		}
	}
	for round := range s.rounds {
		for turn := range subjects {
			// Another one begins each round: nobody always comes after the same neighbour's load.
			i := (turn + round) % len(subjects)
			duration := s.duration
			if subjects[i].pid == 0 {
				duration = time.Second // no verdict depends on it
			}
			got, err := measureOnce(ctx, s, sc, subjects[i], duration)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", subjects[i].name, err)
			}
			results[i].Rounds = append(results[i].Rounds, got)
		}
	}
	return results, nil
}

func measureOnce(ctx context.Context, s settings, sc scenario, t subject, duration time.Duration) (sample, error) {
	before, err := cpuTimeOf(t)
	if err != nil {
		return nil, err
	}
	l, err := makeLoad(ctx, loadOrder{
		url: t.url, headers: t.headers, connections: sc.connections, streams: sc.streams, closes: sc.closes,
		rate: sc.rate, duration: duration, builtin: s.builtin || sc.builtin,
	})
	if err != nil {
		return nil, err
	}
	after, err := cpuTimeOf(t)
	if err != nil {
		return nil, err
	}
	if l.requests == 0 || l.failed > 0 {
		return nil, fmt.Errorf("%d of %d requests failed", l.failed, l.requests)
	}
	got := sample{
		perSecond: float64(l.requests) / l.took.Seconds(),
		p50:       micros(l.p50),
		p99:       micros(l.p99),
	}
	if t.pid != 0 {
		got[cpu] = micros(after-before) / float64(l.requests)
		got[busy] = 100 * (after - before).Seconds() / l.took.Seconds()
	}
	if sc.rate > 0 {
		got[slowShare] = 100 * float64(l.slow) / float64(l.requests)
	}
	return got, nil
}

func cpuTimeOf(t subject) (time.Duration, error) {
	if t.pid == 0 {
		return 0, nil
	}
	return child.CPUTime(t.pid)
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
