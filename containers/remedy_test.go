package containers

import (
	"testing"

	"github.com/ballast-lb/ballast/engine"
)

func TestBuild_remedies(t *testing.T) {
	tests := []struct {
		name string
		in   engine.Container
		want string
	}{
		{"routed", container("a"), ""},
		{"exited", changed(container("a"), func(c *engine.Container) { c.State = engine.StateExited }), "run: docker start a"},
		{"restarting", changed(container("a"), func(c *engine.Container) { c.State = engine.StateRestarting }), "if it does not stay up, run: docker logs a"},
		{"removing", changed(container("a"), func(c *engine.Container) { c.State = engine.StateRemoving }), ""},
		{"no port", changed(container("a"), func(c *engine.Container) { c.Ports = nil }), "recreate it with the label ballast.port=<port> of its server"},
		{"a value like a remedy", container("a", "port=1; run: rm -rf /"), "mend the label and recreate a: the labels of a container can't be changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := Build(input(tt.in)).Entries[0]
			if e.Remedy != tt.want {
				t.Errorf("remedy = %q, want %q; the reason is %q", e.Remedy, tt.want, e.Reason)
			}
		})
	}
}
