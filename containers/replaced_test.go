package containers

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func TestBuild_what_compose_replaces(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	never := time.Time{}
	replica := func(name string, state engine.State, started time.Time, more ...string) engine.Container {
		return changed(container(name), func(c *engine.Container) {
			c.State, c.StartedAt = state, started
			c.Labels["com.docker.compose.project"], c.Labels["com.docker.compose.service"] = "shop", "web"
			c.Labels["com.docker.compose.container-number"], c.Labels["com.docker.compose.oneoff"] = "1", "False"
			for i := 0; i < len(more); i += 2 {
				c.Labels["com.docker.compose."+more[i]] = more[i+1]
			}
		})
	}
	tests := []struct {
		name     string
		new      engine.Container
		old      engine.State
		template string
		reason   string
	}{
		{"by what was not started yet", replica("web", engine.StateCreated, never), engine.StateExited, "web", "is replaced by web"},
		{"by what runs", replica("web", engine.StateRunning, began.Add(time.Hour)), engine.StateExited, "web", "is replaced by web"},
		{"by what has ended as well", replica("web", engine.StateExited, began.Add(time.Hour)), engine.StateExited, "web", "is replaced by web"},
		{"not yet", replica("web", engine.StateCreated, never), engine.StateRunning, "0f3a_web", ""},
		{"not by an older one", replica("web", engine.StateExited, began.Add(-time.Hour)), engine.StateExited, "0f3a_web", "is exited (code 0); run: docker start 0f3a_web"},
		{"not by another replica", replica("web", engine.StateCreated, never, "container-number", "2"), engine.StateExited, "0f3a_web", "is exited (code 0); run: docker start 0f3a_web"},
		{"not by a run", replica("web", engine.StateCreated, never, "oneoff", "True"), engine.StateExited, "0f3a_web", "is exited (code 0); run: docker start 0f3a_web"},
		{"not without Compose", replica("web", engine.StateCreated, never, "project", ""), engine.StateExited, "0f3a_web", "is exited (code 0); run: docker start 0f3a_web"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Build(input(tt.new, replica("0f3a_web", tt.old, began)))
			old := s.Entries[0]
			if wants := tt.reason == "is replaced by web"; old.Replaced != wants || old.Reason != tt.reason {
				t.Errorf("replaced = %t, reason %q, want %t, %q", old.Replaced, old.Reason, wants, tt.reason)
			}
			for _, e := range s.Entries {
				if e.Container.ID == s.Pools[0].Template && e.Container.Name != tt.template {
					t.Errorf("the template is %s, want %s", e.Container.Name, tt.template)
				}
			}
		})
	}
}
