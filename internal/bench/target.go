package main

import (
	"fmt"
	"slices"
)

// target is what a subject, which is ours, shall reach in a scenario: a metric of its own, as a multiple
// of a peer's, or as it is where there is no peer. Without atMost it is told and not judged.
type target struct {
	scenario string
	subject  string
	metric   metric
	peer     string
	atMost   float64
}

var targets = []target{
	{"small", ballast, cpu, haproxy, 1},
	{"small", ballast, cpu, nginx, 1},
	{"small", ballast, cpu, reverseProxy, 0.35},
	{"small", ballast, p50, nginx, 1},
	{"small", ballast, p99, nginx, 1},
	{"small-1000", ballast, p50, nginx, 1},
	{"small-1000", ballast, p99, nginx, 1},
	{"10k", ballast, cpu, haproxy, 1},
	{"1m", ballast, cpu, haproxySplice, 0.9},
	{"connect", ballast, cpu, nginx, 1.1},
	{"idle", ballast, rss, "", 10},
	{"features", ballastFull, cpu, ballastBare, 1.1},
	{"features", ballastTrusting, cpu, ballastBare, 1.1},
	{"features", ballastLeast, cpu, ballastBare, 1.1},
	{"tls", ballast, cpu, haproxy, 0},
	{"tls", ballast, cpu, nginx, 0},
	{"tls-connect", ballast, cpu, haproxy, 0},
	{"tls-connect", ballast, cpu, nginx, 0},
	{"h2", ballast, cpu, haproxy, 0},
	{"h2", ballast, cpu, nginx, 0},
	{"slow-backend", ballastPeakEWMA, slowShare, "", 0.15},
	{"slow-backend", ballastWeighted, slowShare, "", 0},
	{"routes", lookupDeep, lookup, "", 300},
	{"routes", lookupShort, lookup, "", 300},
	{"routes", lookupWildcard, lookup, "", 300},
	{"routes", lookupNoHost, lookup, "", 300},
	{"routes", lookupNoPath, lookup, "", 300},
}

// notMeasured is the verdict without figures.
const notMeasured = "not measured"

// verdict is how a target was met. The figures are over the rounds, each compared with the peer's
// in the same round, for what else the machine does changes from round to round.
type verdict struct {
	Scenario string  `json:"scenario"`
	Subject  string  `json:"subject"`
	Metric   metric  `json:"metric"`
	Peer     string  `json:"peer,omitempty"`
	AtMost   float64 `json:"at_most"`
	// Verdict is met, missed, told (there is no AtMost) or not measured; then the figures are zero.
	Verdict string  `json:"verdict"`
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// compared names what was; only one that is not Ballast as it comes is named first.
func (v verdict) compared() string {
	what := v.Metric.title()
	if v.Peer != "" {
		what = fmt.Sprintf("%s / %s", v.Metric.ratioTitle(), v.Peer)
	}
	if v.Subject != ballast {
		what = v.Subject + ": " + what
	}
	return what
}

// judge compares what was measured with the scenario's targets.
func judge(name string, results []result) []verdict {
	var verdicts []verdict
	for _, t := range targets {
		if t.scenario != name {
			continue
		}
		v := verdict{Scenario: name, Subject: t.subject, Metric: t.metric, Peer: t.peer, AtMost: t.atMost, Verdict: notMeasured}
		if values := t.values(results); len(values) > 0 {
			v.Median, v.Lowest, v.Highest = median(values), slices.Min(values), slices.Max(values)
			v.Verdict = t.verdictOn(v.Median)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (t target) verdictOn(value float64) string {
	switch {
	case t.atMost == 0:
		return "told"
	case value <= t.atMost:
		return "met"
	default:
		return "missed"
	}
}

// values are the ratios, or the values where there is no peer, by round; empty if one side is missing.
func (t target) values(results []result) []float64 {
	ours := valuesOf(results, t.subject, t.metric)
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
