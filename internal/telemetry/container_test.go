package telemetry

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/health"
)

func TestNewContainerDetail(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	b := backend("web")
	in := Input{
		Prefix: "ballast",
		Entries: []containers.Entry{
			{Container: engine.Container{Summary: engine.Summary{ID: b.Container, Name: "web"}, Health: engine.HealthHealthy, HealthOutput: "fine"}, Pool: "web", Routed: true},
			{Container: engine.Container{Summary: engine.Summary{ID: "2", Name: "old"}, Health: engine.HealthUnhealthy, HealthOutput: "ill"}, Pool: "web", Reason: "is exited"},
		},
		Report: proxy.Report{Pools: []proxy.PoolReport{{Name: "other"}, {Name: "web", Backends: []proxy.BackendReport{b}}}},
	}
	changes := []history.Change{{Time: noon, To: containers.StateReady}}
	past := Past{
		Checked: func(got proxy.BackendReport) (health.Checked, bool) {
			return health.Checked{Time: noon, Took: 1500 * time.Microsecond, Reason: "refused"}, got.Identity == b.Identity
		},
		History: func(id string) []history.Change {
			if id == "2" {
				return nil
			}
			return changes
		},
	}
	all := NewContainers(in)
	numbers := backendDoc(b)
	want := []ContainerDetail{
		{
			ContainerDoc: all[0], History: []history.Change{},
			Checks: ChecksDoc{Engine: &EngineCheckDoc{Status: engine.HealthUnhealthy, Output: "ill"}},
		},
		{
			ContainerDoc: all[1], History: changes, Numbers: &numbers,
			Checks: ChecksDoc{
				Active: &CheckDoc{Time: noon, TookMS: 1.5, Reason: "refused"},
				Engine: &EngineCheckDoc{Status: engine.HealthHealthy},
			},
		},
	}
	for i, c := range all {
		if diff := cmp.Diff(want[i], NewContainerDetail(in, past, c)); diff != "" {
			t.Errorf("detail of %s (-want +got):\n%s", c.Name, diff)
		}
	}
	gone := NewContainerDetail(in, past, GoneContainer(history.Left{ID: "9", Name: "new", Pool: "web", Image: "i", Time: noon}))
	if gone.State != "gone" || gone.Routed || gone.Pool != "web" || len(gone.History) != 1 || gone.Labels == nil ||
		gone.Reason != "the engine has it no more, since 2026-01-02T12:00:00Z" {
		t.Errorf("detail of one that is gone = %+v", gone)
	}
}
