package telemetry

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/proxy"
)

func TestNewContainers(t *testing.T) {
	b := backend("web")
	b.State, b.Reason = containers.StatePaused, "is paused; run: docker unpause web"
	in := Input{
		Prefix: "ballast",
		Entries: []containers.Entry{
			{Container: engine.Container{Summary: engine.Summary{
				ID: b.Container, Name: "web", Image: "web:1", State: engine.StatePaused,
				Labels: map[string]string{"ballast.enable": "true", "ballast.pool": "web", "password": "hush"},
			}}, Pool: "web", Routed: true},
			{Container: engine.Container{Summary: engine.Summary{ID: "2", Name: "old"}}, Pool: "web", Reason: "is exited (code 1); run: docker start old", Remedy: "run: docker start old"},
		},
		Others: []containers.Other{{ID: "3", Name: "db", Image: "postgres", State: engine.StateRunning}},
		Report: proxy.Report{Pools: []proxy.PoolReport{{Name: "web", Routes: []proxy.Route{{Path: "/"}}, Backends: []proxy.BackendReport{b}}}},
	}
	got := NewContainers(in)
	enable, pool := "true", "web"
	want := []ContainerDoc{
		{
			ID: "3", FullID: "3", Name: "db", Image: "postgres", State: "running", Warnings: []string{}, Labels: []LabelDoc{},
			Reason: "does not have the label ballast.enable=true; if it is to serve, recreate it with the label ballast.enable=true",
			Remedy: "if it is to serve, recreate it with the label ballast.enable=true",
		},
		{
			ID: "2", FullID: "2", Name: "old", Pool: "web", Enabled: true, Warnings: []string{}, Labels: []LabelDoc{},
			Reason: "is exited (code 1); run: docker start old", Remedy: "run: docker start old",
		},
		{
			ID: "4f2a9c0d11e8", FullID: b.Container, Name: "web", Image: "web:1", Pool: "web", State: "paused",
			Enabled: true, Routed: true, Remedy: "run: docker unpause web", Warnings: []string{},
			Backend: &StandingDoc{State: containers.StatePaused, Reason: "is paused; run: docker unpause web"},
			Labels: []LabelDoc{
				{Key: "ballast.enable", Value: &enable, Read: "true"},
				{Key: "ballast.pool", Value: &pool, Read: "web"},
				{Key: "ballast.weight", Read: "1", Default: true},
				{Key: "ballast.scheme", Read: "http", Default: true},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	raw, err := json.Marshal(got)
	if err != nil || strings.Contains(string(raw), "hush") || strings.Contains(string(raw), "password") {
		t.Errorf("the JSON tells of a label that is not ours (%v):\n%s", err, raw)
	}
	if raw, _ := json.Marshal(NewContainers(Input{})); string(raw) != "[]" {
		t.Errorf("without containers the JSON is %s, want []", raw)
	}
}

func TestNewContainers_without_a_route(t *testing.T) {
	tests := []struct {
		name, pool string
		state      containers.State
		routes     []proxy.Route
		want       bool
	}{
		{"none leads to it", "web", containers.StateReady, nil, true},
		{"one does", "web", containers.StateReady, []proxy.Route{{Path: "/"}}, false},
		{"/lb does", "default", containers.StateReady, nil, false},
		{"another reason comes first", "web", containers.StateUnhealthy, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := backend("web")
			b.State = tt.state
			got := NewContainers(Input{
				Prefix:  "lb",
				Entries: []containers.Entry{{Container: engine.Container{Summary: engine.Summary{ID: b.Container}}, Pool: tt.pool, Routed: true}},
				Report:  proxy.Report{Pools: []proxy.PoolReport{{Name: tt.pool, Routes: tt.routes, Backends: []proxy.BackendReport{b}}}},
			})[0]
			const remedy = "set lb.host or lb.path to what no other pool has"
			if is := got.Remedy == remedy && got.Reason == "gets no requests: no route leads to its pool; "+remedy; is != tt.want {
				t.Errorf("reason %q, remedy %q: said that no route leads to it: %t, want %t", got.Reason, got.Remedy, is, tt.want)
			}
		})
	}
}

func TestPoolDoc_Shares(t *testing.T) {
	pool := func(policy string, panics bool) PoolDoc {
		return PoolDoc{Policy: policy, Panic: panics, Backends: []BackendDoc{
			{State: containers.StateReady, Weight: 3}, {State: containers.StateEjected, Weight: 5}, {State: containers.StateReady, Weight: 1},
		}}
	}
	tests := []struct {
		name string
		pool PoolDoc
		want []float64
	}{
		{"by weight", pool("weighted", false), []float64{0.75, 0, 0.25}},
		{"one after the other", pool("round-robin", false), []float64{0.5, 0, 0.5}},
		{"by load", pool("least-request", false), []float64{0, 0, 0}},
		{"in a panic", pool("weighted", true), []float64{0, 0, 0}},
		{"nobody", PoolDoc{Policy: "weighted"}, []float64{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.pool.Shares()); diff != "" {
				t.Errorf("Shares() differs (-want +got):\n%s", diff)
			}
		})
	}
}
