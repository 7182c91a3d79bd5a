package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
			tt.want.Scenario, tt.want.Subject, tt.want.Metric, tt.want.Peer, tt.want.AtMost = "10k", ballast, cpu, haproxy, 1
			if diff := cmp.Diff([]verdict{tt.want}, judge(tt.scenario, tt.results)); diff != "" {
				t.Errorf("judge() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudge_without_a_peer(t *testing.T) {
	want := []verdict{{Scenario: "idle", Subject: ballast, Metric: rss, AtMost: 10, Verdict: "met", Median: 6, Lowest: 5, Highest: 11}}
	if diff := cmp.Diff(want, judge("idle", []result{rounds(ballast, rss, 11, 5, 6)})); diff != "" {
		t.Errorf("judge() (-want +got):\n%s", diff)
	}
}

func TestJudge_of_another_subject(t *testing.T) {
	results := []result{rounds(ballastBare, cpu, 20, 20), rounds(ballastFull, cpu, 22, 23), rounds(ballastLeast, cpu, 21, 19)}
	want := []verdict{
		{Scenario: "features", Subject: ballastFull, Metric: cpu, Peer: ballastBare, AtMost: 1.1, Verdict: "missed", Median: 1.125, Lowest: 1.1, Highest: 1.15},
		{Scenario: "features", Subject: ballastTrusting, Metric: cpu, Peer: ballastBare, AtMost: 1.1, Verdict: notMeasured},
		{Scenario: "features", Subject: ballastLeast, Metric: cpu, Peer: ballastBare, AtMost: 1.1, Verdict: "met", Median: 1, Lowest: 0.95, Highest: 1.05},
	}
	if diff := cmp.Diff(want, judge("features", results), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("judge() (-want +got):\n%s", diff)
	}
}

func TestJudge_tells_what_has_no_limit(t *testing.T) {
	want := []verdict{
		{Scenario: "h2", Subject: ballast, Metric: cpu, Peer: haproxy, Verdict: "told", Median: 3, Lowest: 3, Highest: 3},
		{Scenario: "h2", Subject: ballast, Metric: cpu, Peer: nginx, Verdict: notMeasured},
	}
	if diff := cmp.Diff(want, judge("h2", []result{rounds(ballast, cpu, 30), rounds(haproxy, cpu, 10)})); diff != "" {
		t.Errorf("judge() (-want +got):\n%s", diff)
	}
}

func TestJudge_of_shares(t *testing.T) {
	tests := []struct {
		share float64
		want  string
	}{{0, "met"}, {0.15, "met"}, {0.16, "missed"}}
	for _, tt := range tests {
		got := judge("slow-backend", []result{rounds(ballastPeakEWMA, slowShare, tt.share)})[0]
		if got.Verdict != tt.want || got.Median != tt.share {
			t.Errorf("a share of %g %%: verdict = %+v, want %s", tt.share, got, tt.want)
		}
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
