//go:build docker

package e2e

import "time"

// testHeals has a clone and originals go deaf: the clone is replaced, and the original restarted that asks for it.
func (h *host) testHeals() {
	cloned, plain, healed, restarted := h.name+"-cloned", h.name+"-plain", h.name+"-healed", h.name+"-restarted"
	h.members(cloned, labels{"heal": "true", "health.interval": "500ms", "scale.min": "2", "scale.max": "2"}, nil, "1")
	first, second := "ballast-"+cloned+"-1", "ballast-"+cloned+"-2"
	h.waitPool(cloned, "a clone serves", 30*time.Second, func(p pool) bool { return p.state(first) == "ready" })
	// In this order: who is left alone has been sick for longest.
	since := map[string]string{}
	deafen := func(of, heal string) {
		name := h.members(of, labels{"heal": heal, "health.interval": "500ms"}, nil, "1")[0]
		since[of] = h.docker("inspect", "--format", "{{.State.StartedAt}}", name)
		h.deafen(of, name)
		h.waitPool(of, "it is unhealthy", 10*time.Second, func(p pool) bool { return p.state(name) == "unhealthy" })
	}
	deafen(plain, "") // Without the label.
	deafen(healed, "true")
	deafen(restarted, "restart")
	h.deafen(cloned, first)

	began := time.Now()
	again := func(of string) string {
		return h.docker("inspect", "--format", "{{.State.StartedAt}}", h.name+"-"+of+"-1")
	}
	h.waitPool(restarted, "it serves again", time.Minute, func(p pool) bool { return p.state(h.name+"-"+restarted+"-1") == "ready" })
	h.t.Logf("a sick original serves again after %s", time.Since(began))
	if again(restarted) == since[restarted] {
		h.t.Error("it serves again and was not restarted")
	}
	h.waitPool(cloned, "another clone serves in its place", time.Minute, func(p pool) bool {
		return p.state(second) == "ready" && p.state(first) == "" && p.Replicas.Ready == 2
	})
	h.t.Logf("a sick clone was replaced after %s", time.Since(began))
	for _, of := range []string{plain, healed} {
		if again(of) != since[of] {
			h.t.Errorf("%s was restarted, and did not ask for it", of)
		}
	}
	h.prometheus(
		`loadbalancer_scale_actions_total{action="heal",pool="`+cloned+`"} 1`,
		`loadbalancer_scale_actions_total{action="heal",pool="`+restarted+`"} 1`,
	)
}
