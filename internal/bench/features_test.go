package main

import (
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/config"
)

// What Ballast does not know is an error there, and so it is found here, without Docker.
func TestPlans_are_configurations(t *testing.T) {
	plans := map[string]ballastPlan{
		ballastBare: barePlan(), ballastFull: fullPlan("peak-ewma"), ballastTrusting: trustingPlan(),
		ballastLeast: fullPlan("least-request"), ballastWeighted: policyPlan("weighted"),
	}
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			s := site{work: t.TempDir()}
			dir, err := s.configure(p.pools)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"--config", dir + "/ballast.yaml", "--traffic.listen", ":8000"}
			for _, f := range p.flags {
				args = append(args, strings.ReplaceAll(f, "DIR", dir))
			}
			c, err := config.Load(config.Sources{Args: args})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(c.Pools); got != len(p.pools) {
				t.Errorf("it has %d pools, want %d", got, len(p.pools))
			}
		})
	}
}

func TestFullPlan_has_all_routes(t *testing.T) {
	p := fullPlan("peak-ewma")
	routes := map[string]bool{}
	for _, settings := range p.pools {
		for host := range strings.SplitSeq(settings["host"], ",") {
			routes[host+settings["path"]] = true
		}
	}
	if len(routes) != 10_000 {
		t.Errorf("there are %d routes, want 10000", len(routes))
	}
	if served := servedHost + p.path; !routes[served] || p.pools[servedPool]["path"] != p.path {
		t.Errorf("%s leads to no route of the pool %s", served, servedPool)
	}
	for key := range p.pools[servedPool] {
		if strings.HasPrefix(key, string(containers.DefaultPrefix)) {
			t.Errorf("setting %s has a prefix", key)
		}
	}
}
