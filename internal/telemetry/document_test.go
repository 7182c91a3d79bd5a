package telemetry

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/proxy"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// backend is a ready backend of weight 1.
func backend(name string) proxy.BackendReport {
	return proxy.BackendReport{
		Backend: containers.Backend{
			Identity: containers.Identity{
				Container: "4f2a9c0d11e85e3b77aa", StartedAt: noon.UnixNano(), Network: "bridge",
				Address: netip.MustParseAddrPort("172.18.0.3:8080"),
			},
			Name: name, Weight: 1, Scheme: "http",
		},
		State: containers.StateReady, Healthy: true,
	}
}

func TestNewDocument_JSON(t *testing.T) {
	b := backend("web-a")
	b.Weight, b.Requests = 3, 3
	b.Latency = proxy.Latency{P50: 1100 * time.Microsecond, P95: 1900 * time.Microsecond, P99: 2000123 * time.Nanosecond}
	b.Breaker = proxy.Breaker{State: proxy.BreakerOpen, Failures: 5, Ejections: 2, Until: noon.Add(30 * time.Second)}
	d := NewDocument(Input{
		Version: "1.0.0", Instance: "host-1", Started: noon.Add(-12300 * time.Millisecond), Now: noon,
		Engine: containers.EngineStatus{Kind: "docker", Version: "20.10.24", Connected: true, LastSync: noon, Error: "old"},
		Report: proxy.Report{Pools: []proxy.PoolReport{{
			Name:     "default",
			Settings: containers.Settings{Policy: "weighted", Scale: containers.Scale{Min: 1, Max: 6}},
			Requests: 6, Errors: 1, InFlight: 2, RequestsPerSecond: 0.40004,
			Retries: 4, RetriesDenied: 3, Queued: 1, Holds: observed(300 * time.Millisecond), Panic: true,
			Routes:   []proxy.Route{{Host: "*.shop.example", Path: "/api", Strip: true}, {Path: "/"}},
			Latency:  proxy.Latency{P50: 1200 * time.Microsecond},
			Backends: []proxy.BackendReport{b},
		}}, Rejected: map[string]uint64{"not-found": 3}},
		Fleet: map[string]Fleet{"default": {Desired: 3}},
	})
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"version": "1.0.0", "instance": "host-1", "uptime_seconds": 12.3,
		"engine":   map[string]any{"kind": "docker", "version": "20.10.24", "connected": true, "last_sync": "2026-01-02T12:00:00Z"},
		"totals":   map[string]any{"requests": 6., "errors": 1., "in_flight": 2., "queued": 1.},
		"rejected": map[string]any{"not-found": 3.},
		"pools": []any{map[string]any{
			"name": "default", "policy": "weighted",
			"replicas":  map[string]any{"min": 1., "max": 6., "desired": 3., "ready": 1., "warm": 0.},
			"in_flight": 2., "queued": 1., "requests": 6., "errors": 1., "requests_per_second": 0.4,
			"latency_ms": map[string]any{"p50": 1.2, "p95": 0., "p99": 0.}, "warnings": []any{},
			"retries": 4., "retries_denied": 3., "panic": true, "held": 1.,
			// The bucket's middle: a histogram knows no more.
			"hold_ms": map[string]any{"p50": 299.008, "p95": 299.008, "p99": 299.008},
			"routes": []any{
				map[string]any{"host": "*.shop.example", "path": "/api", "strip": true},
				map[string]any{"host": "", "path": "/", "strip": false},
			},
			"backends": []any{map[string]any{
				"id": "4f2a9c0d11e8", "name": "web-a", "address": "172.18.0.3:8080", "weight": 3., "state": "ready",
				"healthy": true, "clone": false, "in_flight": 0., "requests": 3., "errors": 0.,
				"latency_ms": map[string]any{"p50": 1.1, "p95": 1.9, "p99": 2.},
				"breaker":    map[string]any{"state": "open", "failures": 5., "ejections": 2., "until": "2026-01-02T12:00:30Z"},
			}},
		}},
	}
	// Fields may be added to the document, so only those that are promised are compared.
	if diff := cmp.Diff(any(want), only(got, want)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

// only leaves of got what want has as well.
func only(got, want any) any {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		out := make(map[string]any)
		for k, v := range w {
			if x, ok := g[k]; ok {
				out[k] = only(x, v)
			}
		}
		return out
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			return got
		}
		out := []any{}
		for i := range w {
			out = append(out, only(g[i], w[i]))
		}
		return out
	}
	return got
}

func TestNewDocument_EmptyListsAreNotNull(t *testing.T) {
	d := NewDocument(Input{Report: proxy.Report{Pools: []proxy.PoolReport{{Name: "default"}}}})
	for name, v := range map[string]any{
		"containers": d.Containers, "decisions": d.Decisions,
		"warnings": d.Pools[0].Warnings, "backends": d.Pools[0].Backends,
		"routes": d.Pools[0].Routes, "hosts": d.Pools[0].Settings.Hosts,
		"pools": NewDocument(Input{}).Pools,
	} {
		if raw, _ := json.Marshal(v); string(raw) != "[]" {
			t.Errorf("%s = %s, want []", name, raw)
		}
	}
	raw, _ := json.Marshal(d.Engine)
	if want := `{"kind":"","version":"","connected":false,"since":null,"last_sync":null,"sync_ms":0}`; string(raw) != want {
		t.Errorf("engine = %s, want %s", raw, want)
	}
}

func TestNewDocument_Replicas(t *testing.T) {
	in := func(states ...containers.State) []proxy.BackendReport {
		var bs []proxy.BackendReport
		for _, s := range states {
			b := backend("b")
			b.State = s
			bs = append(bs, b)
		}
		return bs
	}
	tests := []struct {
		name     string
		backends []proxy.BackendReport
		fleet    map[string]Fleet
		want     Replicas
	}{
		{
			name:     "nobody scales it: it wants what it has, without what leaves",
			backends: in("ready", "ready", "unhealthy", "starting", "draining", "stopped"),
			want:     Replicas{Desired: 4, Ready: 2, Starting: 1},
		},
		{
			name:     "the fleet's word counts",
			backends: in("ready", "starting", "warm"),
			fleet:    map[string]Fleet{"p": {Desired: 7, Blocked: "no template", Stale: 2, StaleHeld: "too busy"}},
			want:     Replicas{Desired: 7, Ready: 1, Starting: 1, Warm: 1, Blocked: "no template", Stale: 2, StaleHeld: "too busy"},
		},
		{
			name:     "another pool's word does not",
			backends: in("ready"),
			fleet:    map[string]Fleet{"q": {Desired: 7}},
			want:     Replicas{Desired: 1, Ready: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDocument(Input{
				Report: proxy.Report{Pools: []proxy.PoolReport{{Name: "p", Backends: tt.backends}}}, Fleet: tt.fleet,
			})
			if diff := cmp.Diff(tt.want, d.Pools[0].Replicas); diff != "" {
				t.Errorf("replicas (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewDocument_Decisions(t *testing.T) {
	in := []autoscale.Decision{
		{Time: noon, Pool: "a", To: 1},
		{Time: noon.Add(2 * time.Second), Pool: "b", To: 2},
		{Time: noon.Add(time.Second), Pool: "a", To: 3},
	}
	d := NewDocument(Input{
		Decisions: in,
		Report:    proxy.Report{Pools: []proxy.PoolReport{{Name: "a"}, {Name: "c"}}},
	})
	if got := []int{d.Decisions[0].To, d.Decisions[1].To, d.Decisions[2].To}; !cmp.Equal(got, []int{2, 3, 1}) {
		t.Errorf("order = %v, want the newest first", got)
	}
	if in[0].To != 1 {
		t.Error("NewDocument sorted its caller's slice")
	}
	if last := d.Pools[0].LastDecision; last == nil || last.To != 3 {
		t.Errorf("last decision of a = %+v, want the one to 3", last)
	}
	if last := d.Pools[1].LastDecision; last != nil {
		t.Errorf("last decision of c = %+v, want none", last)
	}
}

func TestNewDocument_Containers(t *testing.T) {
	d := NewDocument(Input{Entries: []containers.Entry{
		{
			Container: engine.Container{Summary: engine.Summary{
				ID: "0123456789abcdef", Name: "web", Image: "web:1", State: engine.StateRunning,
				Labels: map[string]string{"secret": "hush"},
			}},
			Pool: "default", Reason: "two ports", Warnings: []string{"typo"},
			Clone: &containers.Clone{Owner: "me", Template: "web-a", Slot: 2, Revision: "0123456789ab"}, Stale: "made from an older image",
		},
		{Container: engine.Container{Summary: engine.Summary{ID: "short"}}, Routed: true},
	}})
	want := []ContainerDoc{
		{
			ID: "0123456789ab", FullID: "0123456789abcdef", Name: "web", Image: "web:1", Pool: "default",
			State: "running", Enabled: true, Reason: "two ports", Warnings: []string{"typo"}, Labels: []LabelDoc{},
			Clone: &CloneDoc{Owner: "me", Template: "web-a", Slot: 2, Revision: "0123456789ab", Stale: "made from an older image"},
		},
		{ID: "short", FullID: "short", Enabled: true, Routed: true, Warnings: []string{}, Labels: []LabelDoc{}},
	}
	if diff := cmp.Diff(want, d.Containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}

func TestNewDocument_override(t *testing.T) {
	anna := autoscale.Mark{By: "anna", At: noon}
	report := func(name string) proxy.PoolReport {
		return proxy.PoolReport{Name: name, Settings: containers.Settings{Scale: containers.Scale{Min: 1, Max: 6}}}
	}
	d := NewDocument(Input{
		Now: noon, Report: proxy.Report{Pools: []proxy.PoolReport{report("api"), report("web")}},
		Overrides: map[string]OverrideDoc{"api": {}, "web": {
			Override: autoscale.Override{
				Paused: &anna, Min: &autoscale.Setting{N: 2, Mark: anna}, Max: &autoscale.Setting{N: 9, Mark: anna},
				Replicas: &autoscale.Held{Setting: autoscale.Setting{N: 4, Mark: anna}},
			},
			Drained: []DrainedDoc{{ID: "4f2a9c0d11e8", Name: "web-a", Mark: anna}},
		}},
	})
	if d.Pools[0].Override != nil || d.Pools[0].Replicas.Max != 6 {
		t.Errorf("pool without an override = %+v", d.Pools[0])
	}
	if r := d.Pools[1].Replicas; r.Min != 2 || r.Max != 9 {
		t.Errorf("min and max = %d and %d, want those that were set", r.Min, r.Max)
	}
	got, err := json.Marshal(d.Pools[1].Override)
	const by = `"by":"anna","at":"2026-01-02T12:00:00Z"}`
	want := `{"paused":{` + by + `,"replicas":{"n":4,"by":"anna","at":"2026-01-02T12:00:00Z","until":null},"min":{"n":2,` + by +
		`,"max":{"n":9,` + by + `,"drained":[{"id":"4f2a9c0d11e8","name":"web-a",` + by + `]}`
	if err != nil || string(got) != want {
		t.Errorf("override = %s, %v, want\n%s", got, err, want)
	}
}
