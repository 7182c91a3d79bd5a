package app

import (
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// Pools that come and go leave no series behind, whether somebody scrapes or not.
func TestApp_series_end_with_their_pool(t *testing.T) {
	r := start(t)
	come := func(pool string) string {
		e := r.app.engine
		id, err := e.Create(t.Context(), engine.Spec{Name: pool + "-a", Template: "web-a", Labels: map[string]string{
			"ballast.enable": "true", "ballast.pool": pool, "ballast.queue.timeout": "100ms",
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		r.until(pool+" serves", func() bool { return r.servesIn(pool) })
		if r.gathered("loadbalancer_container_ready_seconds", pool) {
			t.Errorf("how long it took is told of a container of pool %s that somebody else started, by whose clock?", pool)
		}
		r.app.metrics.ScaleAction(pool, "create")
		r.app.metrics.ContainerReady(pool, "create", time.Second)
		return id
	}
	leave := func(pool, id string) {
		if err := r.app.engine.Remove(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
		r.until(pool+" is forgotten", func() bool { return r.app.core.Pool(pool) == nil })
	}

	leave("one", come("one"))
	two := come("two")
	for _, name := range []string{"loadbalancer_container_ready_seconds", "loadbalancer_scale_actions_total"} {
		if r.gathered(name, "one") {
			t.Errorf("%s is there of a pool that is gone, when another has come", name)
		}
		if !r.gathered(name, "two") {
			t.Errorf("%s is not there of a pool that is", name)
		}
	}
	leave("two", two)
	for _, path := range []string{"/prometheus", "/metrics"} {
		r.app.metrics.ScaleAction("two", "remove") // What was under way may end later than its pool.
		if _, body := r.get(path, "Accept", "text/plain"); strings.Contains(body, `pool="two"`) || !strings.Contains(body, `pool="default"`) {
			t.Errorf("GET %s has a series of a pool that is gone, or none of one that is:\n%s", path, body)
		}
	}
}

func (r *running) servesIn(pool string) bool {
	p := r.app.core.Pool(pool)
	if p == nil {
		return false
	}
	for _, state := range p.Members() {
		if state == containers.StateReady {
			return true
		}
	}
	return false
}

// gathered says whether a metric has a series of a pool, without a scrape.
func (r *running) gathered(name, pool string) bool {
	r.t.Helper()
	families, err := r.app.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "pool" && l.GetValue() == pool {
					return true
				}
			}
		}
	}
	return false
}
