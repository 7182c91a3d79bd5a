package containers_test

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func TestFleet_Unfit(t *testing.T) {
	grants := func(c *engine.Container) { c.Grants.Mounts = []string{"/data:/data"} }
	tests := []struct {
		name string
		host func(h *host)
		want bool
	}{
		{"it can be cloned", func(h *host) { h.run("web-a", "ballast.scale.max=3") }, false},
		{"it can not be cloned", func(h *host) { h.run("web-a", "ballast.scale.max=3"); h.change("web-a", grants) }, true},
		{"it can not be cloned, but started", func(h *host) {
			h.run("web-a", "ballast.scale.max=3", "ballast.scale.min=0")
			h.change("web-a", grants)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *host) {
				tt.host(h)
				f, _ := h.fleet(nil)
				after(time.Second)
				if got := f.Unfit("web"); got != tt.want {
					t.Errorf("Unfit() = %v, want %v", got, tt.want)
				}
				if f.Unfit("other") {
					t.Error("a pool that is not known is unfit")
				}
			})
		})
	}
}
