package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	tests := []struct {
		list string
		want []string
	}{
		{"", scenarioNames()},
		{"idle", []string{"idle"}},
		{"10k,small", []string{"small", "10k"}},
		{"small,small", []string{"small"}},
	}
	for _, tt := range tests {
		chosen, err := choose(tt.list)
		var got []string
		for _, sc := range chosen {
			got = append(got, sc.name)
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("choose(%q) error = %v (-want +got):\n%s", tt.list, err, diff)
		}
	}
	for _, bad := range []string{"huge", "small,", ","} {
		if _, err := choose(bad); err == nil {
			t.Errorf("choose(%q) error = nil, want one", bad)
		}
	}
}

func TestTargets_are_measured(t *testing.T) {
	for _, target := range targets {
		chosen, err := choose(target.scenario)
		if err != nil {
			t.Fatal(err)
		}
		sc := chosen[0]
		if !sc.has(target.subject) || target.peer != "" && !sc.has(target.peer) || !slices.Contains(sc.metrics(), target.metric) {
			t.Errorf("scenario %s does not measure the target %+v", sc.name, target)
		}
	}
}

func TestScenarios_measure_what_there_is(t *testing.T) {
	for _, sc := range scenarios {
		for _, name := range sc.subjects {
			isKind := slices.ContainsFunc(balancers, func(k kind) bool { return k.name == name })
			if !isKind && name != direct && !slices.Contains(lookupCases(), name) {
				t.Errorf("scenario %s: nobody makes its subject %q", sc.name, name)
			}
		}
	}
}
