package app

import (
	"testing"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

func TestUnstarted(t *testing.T) {
	entry := func(pool string, state engine.State, clone *containers.Clone) containers.Entry {
		return containers.Entry{Pool: pool, Clone: clone, Container: engine.Container{Summary: engine.Summary{State: state}}}
	}
	tests := []struct {
		name     string
		backends int
		entries  []containers.Entry
		want     bool
	}{
		{"created, not started", 0, []containers.Entry{entry("web", engine.StateCreated, nil)}, true},
		{"another pool's runs", 0, []containers.Entry{entry("web", engine.StateCreated, nil), entry("api", engine.StateRunning, nil)}, true},
		{"one of two is a backend", 1, []containers.Entry{entry("web", engine.StateCreated, nil), entry("web", engine.StateRunning, nil)}, false},
		{"stopped, as from zero", 0, []containers.Entry{entry("web", engine.StateExited, nil)}, false},
		{"a clone is coming", 0, []containers.Entry{entry("web", engine.StateCreated, nil), entry("web", engine.StateCreated, &containers.Clone{})}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &containers.Pool{Name: "web", Backends: make([]containers.Backend, tt.backends)}
			if got := unstarted(&containers.Snapshot{Entries: tt.entries}, p); got != tt.want {
				t.Errorf("unstarted() = %v, want %v", got, tt.want)
			}
		})
	}
}
