package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rounds are a subject's results with one metric.
func rounds(name string, m metric, values ...float64) result {
	r := result{Name: name}
	for _, v := range values {
		r.Rounds = append(r.Rounds, sample{m: v})
	}
	return r
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name, scenario string
		results        []result
		want           verdict
	}{
		{
			// The medians' ratio would be 20/20.
			"compares within a round", "10k",
			[]result{rounds(ballast, cpu, 10, 20, 40), rounds(haproxy, cpu, 20, 50, 20)},
			verdict{Verdict: "met", Median: 0.5, Lowest: 0.4, Highest: 2},
		},
		{
			"more than the limit", "10k",
			[]result{rounds(haproxy, cpu, 10), rounds(ballast, cpu, 10.1)},
			verdict{Verdict: "missed", Median: 1.01, Lowest: 1.01, Highest: 1.01},
		},
		{
			"just the limit", "10k",
			[]result{rounds(haproxy, cpu, 10), rounds(ballast, cpu, 10)},
			verdict{Verdict: "met", Median: 1, Lowest: 1, Highest: 1},
		},
		{
			"without its peer", "10k",
			[]result{rounds(ballast, cpu, 10)},
			verdict{Verdict: "not measured"},
		},
		{
			"another metric", "10k",
			[]result{rounds(haproxy, p50, 10), rounds(ballast, p50, 10)},
			verdict{Verdict: "not measured"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Scenario, tt.want.Metric, tt.want.Peer, tt.want.AtMost = "10k", cpu, haproxy, 1
			if diff := cmp.Diff([]verdict{tt.want}, judge(tt.scenario, tt.results)); diff != "" {
				t.Errorf("judge() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudge_without_a_peer(t *testing.T) {
	want := []verdict{{Scenario: "idle", Metric: rss, AtMost: 10, Verdict: "met", Median: 6, Lowest: 5, Highest: 11}}
	if diff := cmp.Diff(want, judge("idle", []result{rounds(ballast, rss, 11, 5, 6)})); diff != "" {
		t.Errorf("judge() (-want +got):\n%s", diff)
	}
}

func TestJudge_has_a_verdict_per_target(t *testing.T) {
	var got []string
	for _, sc := range scenarios {
		for _, v := range judge(sc.name, nil) {
			got = append(got, v.Verdict)
		}
	}
	if want := slices.Repeat([]string{"not measured"}, len(targets)); !slices.Equal(got, want) {
		t.Errorf("verdicts = %q, want %q", got, want)
	}
}
