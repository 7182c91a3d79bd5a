package main

import (
	"fmt"
	"slices"
)

// target is what Ballast shall reach in a scenario: a metric of its own, as a multiple of a peer's,
// or as it is where there is no peer.
type target struct {
	scenario string
	metric   metric
	peer     string
	atMost   float64
}

var targets = []target{
	{"small", cpu, haproxy, 1},
	{"small", cpu, nginx, 1},
	{"small", cpu, reverseProxy, 0.35},
	{"small", p50, nginx, 1},
	{"small", p99, nginx, 1},
	{"small-1000", p50, nginx, 1},
	{"small-1000", p99, nginx, 1},
	{"10k", cpu, haproxy, 1},
	{"1m", cpu, haproxySplice, 0.9},
	{"connect", cpu, nginx, 1.1},
	{"idle", rss, "", 10},
}

// verdict is how a target was met. The figures are over the rounds, each compared with the peer's
// in the same round, for what else the machine does changes from round to round.
type verdict struct {
	Scenario string  `json:"scenario"`
	Metric   metric  `json:"metric"`
	Peer     string  `json:"peer,omitempty"`
	AtMost   float64 `json:"at_most"`
	// Verdict is met, missed or not measured; without a measurement the figures are zero.
	Verdict string  `json:"verdict"`
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// subject names what was compared.
func (v verdict) subject() string {
	if v.Peer == "" {
		return v.Metric.title()
	}
	return fmt.Sprintf("%s / %s", v.Metric.ratioTitle(), v.Peer)
}

// judge compares what was measured with the scenario's targets.
func judge(name string, results []result) []verdict {
	var verdicts []verdict
	for _, t := range targets {
		if t.scenario != name {
			continue
		}
		v := verdict{Scenario: name, Metric: t.metric, Peer: t.peer, AtMost: t.atMost, Verdict: "not measured"}
		if values := t.values(results); len(values) > 0 {
			v.Median, v.Lowest, v.Highest = median(values), slices.Min(values), slices.Max(values)
			v.Verdict = "missed"
			if v.Median <= t.atMost {
				v.Verdict = "met"
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// values are the ratios, or the values where there is no peer, by round; empty if one side is missing.
func (t target) values(results []result) []float64 {
	ours := valuesOf(results, ballast, t.metric)
	if t.peer == "" {
		return ours
	}
	theirs := valuesOf(results, t.peer, t.metric)
	var values []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] > 0 {
			values = append(values, ours[i]/theirs[i])
		}
	}
	return values
}

// valuesOf are a subject's by round, empty if it was not measured.
func valuesOf(results []result, subject string, m metric) []float64 {
	for _, r := range results {
		if r.Name == subject {
			return r.values(m)
		}
	}
	return nil
}
