package containers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

// TestBuild_settings has what the members of pool "default" and its configuration make together.
func TestBuild_settings(t *testing.T) {
	type pool struct {
		Settings Settings
		Template string
		Warnings []string
	}
	with := func(change func(*Settings)) Settings {
		s := DefaultSettings()
		change(&s)
		return s
	}
	stopped := func(c engine.Container) engine.Container {
		c.State = engine.StateExited
		return c
	}
	clone := func(slot string, labels ...string) engine.Container {
		return container("ballast-default-"+slot, append([]string{"clone=true", "owner=lb", "template=web-a", "slot=" + slot}, labels...)...)
	}
	tests := []struct {
		name       string
		configured map[string]string
		members    []engine.Container
		want       pool
	}{
		{"defaults", nil, []engine.Container{container("a")}, pool{DefaultSettings(), "id-a", nil}},
		{
			"one member sets all", nil,
			[]engine.Container{container("a"), container("b",
				"host=Shop.example, *.shop.example", "path=/api/", "strip-path=true", "policy=maglev", "hash=header:X-Tenant",
				"breaker=3", "slow-start=30s", "queue.size=10", "queue.timeout=1s", "rate-limit=100/s", "rate-limit.burst=20", "timeout.idle=5m",
				"sticky=true", "sticky.ttl=5m", "sticky.cookie=srv",
				"health.path=/up", "health.interval=1s", "health.timeout=500ms", "health.status=204", "health.max-latency=400ms", "health.fall=2", "health.rise=1",
				"concurrency=7", "timeout=5s", "timeout.connect=1s", "retries=3",
				"scale.min=2", "scale.max=9", "scale.image=web:2", "scale.requests=20/15s", "scale.hold-down=15s", "scale.dry-run=true", "drain.timeout=10s",
				"scale.rps=50", "scale.latency=250ms", "scale.cpu=70", "scale.memory=80", "scale.warm=2", "scale.wait-page=true")},
			pool{Settings{
				Route:  Route{Hosts: "*.shop.example,shop.example", Path: "/api", Strip: true},
				Policy: "maglev", Hash: Hash{HashHeader, "x-tenant"}, Breaker: 3, SlowStart: 30 * time.Second,
				Queue: Queue{10, time.Second}, RateLimit: RateLimit{Rate{100, time.Second}, 20},
				Sticky: Sticky{true, 5 * time.Minute, "srv"},
				Health: HealthCheck{
					Path: "/up", Interval: time.Second, Timeout: 500 * time.Millisecond, StatusMin: 204, StatusMax: 204,
					MaxLatency: 400 * time.Millisecond, Fall: 2, Rise: 1,
				},
				Concurrency: 7, Timeout: 5 * time.Second, ConnectTimeout: time.Second, IdleTimeout: 5 * time.Minute, Retries: 3,
				Scale: Scale{
					Min: 2, Max: 9, Image: "web:2", Requests: Rate{20, 15 * time.Second}, HoldDown: 15 * time.Second, DryRun: true,
					RPS: 50, Latency: 250 * time.Millisecond, CPU: 70, Memory: 80, Warm: 2, Idle: 5 * time.Minute, WaitPage: true,
				},
				DrainTimeout: 10 * time.Second,
			}, "id-a", nil},
		},
		{
			"the lowest name that sets it wins", nil,
			[]engine.Container{container("c", "retries=3"), container("a"), container("b", "retries=2"), container("d", "retries=4")},
			pool{
				with(func(s *Settings) { s.Retries = 2 }), "id-a",
				[]string{`ballast.retries: b says "2" and c says "3" (and 1 more disagree); b wins, having the lowest name`},
			},
		},
		{
			"the same written in another way is no disagreement", nil,
			[]engine.Container{container("a", "timeout=60s"), container("b", "timeout=1m")},
			pool{with(func(s *Settings) { s.Timeout = time.Minute }), "id-a", nil},
		},
		{
			"hosts in another order, and rates in other words, are no disagreement", nil,
			[]engine.Container{container("a", "host=a,B", "rate-limit=60/m", "path=/x/"), container("b", "host=b,a.,a", "rate-limit=60/1m", "path=/x")},
			pool{with(func(s *Settings) {
				s.Route, s.RateLimit = Route{Hosts: "a,b", Path: "/x"}, RateLimit{Rate{60, time.Minute}, 60}
			}), "id-a", nil},
		},
		{
			"a limit without a burst has that of its count", nil,
			[]engine.Container{container("a", "rate-limit=20/15s")},
			pool{with(func(s *Settings) { s.RateLimit = RateLimit{Rate{20, 15 * time.Second}, 20} }), "id-a", nil},
		},
		{
			"the configuration wins in silence",
			map[string]string{"retries": "5", "scale.max": "3"},
			[]engine.Container{container("a", "retries=3"), container("b", "retries=2", "concurrency=4")},
			pool{with(func(s *Settings) { s.Retries, s.Scale.Max, s.Concurrency = 5, 3, 4 }), "id-a", nil},
		},
		{
			"stopped members keep their say", nil,
			[]engine.Container{stopped(container("a", "retries=3")), container("b")},
			pool{with(func(s *Settings) { s.Retries = 3 }), "id-b", nil},
		},
		{
			"bad labels have no say", nil,
			[]engine.Container{container("a", "retries=3", "weight=x"), container("b", "retries=2")},
			pool{with(func(s *Settings) { s.Retries = 2 }), "id-b", nil},
		},
		{
			"clones have no say beside originals", nil,
			[]engine.Container{clone("1", "retries=3"), container("web-a", "retries=2")},
			pool{with(func(s *Settings) { s.Retries = 2 }), "id-web-a", nil},
		},
		{
			"clones alone keep the settings, without a template", nil,
			[]engine.Container{clone("1", "retries=3"), clone("2")},
			pool{with(func(s *Settings) { s.Retries = 3 }), "", nil},
		},
		{
			"the template asked for", nil,
			[]engine.Container{container("a"), container("b", "scale.template=true"), container("c", "scale.template=true")},
			pool{DefaultSettings(), "id-b", []string{"ballast.scale.template=true on b and c; clones are made from b, having the lowest name"}},
		},
		{
			"a stopped template", nil,
			[]engine.Container{container("a"), stopped(container("b", "scale.template=true"))},
			pool{DefaultSettings(), "id-b", nil},
		},
		{
			"a clone asks in vain to be the template", nil,
			[]engine.Container{clone("1", "scale.template=true"), container("web-a")},
			pool{DefaultSettings(), "id-web-a", nil},
		},
		{
			"scaling has a concurrency", nil,
			[]engine.Container{container("a", "scale.max=3")},
			pool{with(func(s *Settings) { s.Scale.Max, s.Concurrency = 3, 20 }), "id-a", nil},
		},
		{
			"scaling by nothing", nil,
			[]engine.Container{container("a", "scale.max=3", "concurrency=0")},
			pool{with(func(s *Settings) { s.Scale.Max = 3 }), "id-a", []string{"ballast.concurrency=0 and no ballast.scale.rps: there is nothing to scale by"}},
		},
		{
			"scaling by the classic rule alone", nil,
			[]engine.Container{container("a", "scale.max=3", "concurrency=0", "scale.requests=20/15s")},
			pool{with(func(s *Settings) { s.Scale.Max, s.Scale.Requests = 3, Rate{20, 15 * time.Second} }), "id-a", nil},
		},
		{
			"fewest above most, of two containers", nil,
			[]engine.Container{container("a", "scale.min=5"), container("b", "scale.max=3")},
			pool{
				with(func(s *Settings) { s.Scale.Min, s.Scale.Max, s.Concurrency = 3, 3, 20 }), "id-a",
				[]string{"ballast.scale.min=5 is above ballast.scale.max=3; 3 is used for both"},
			},
		},
		{
			"more originals than the most", nil,
			[]engine.Container{container("a", "scale.max=1"), container("b")},
			pool{
				with(func(s *Settings) { s.Scale.Max, s.Concurrency = 1, 20 }), "id-a",
				[]string{"ballast.scale.max=1, but 2 containers that Ballast did not make serve already; it will make none"},
			},
		},
		{
			"settings without effect", nil,
			[]engine.Container{container("a", "scale.min=2", "sticky.ttl=5m", "health.status=200")},
			pool{with(func(s *Settings) { s.Scale.Min, s.Sticky.TTL, s.Health.StatusMax = 2, 5*time.Minute, 200 }), "id-a", []string{
				"ballast.scale.min has no effect without ballast.scale.max",
				"ballast.sticky.ttl has no effect without ballast.sticky=true",
				"ballast.health.status has no effect without ballast.health.path",
			}},
		},
		{
			"settings of traffic without effect", nil,
			[]engine.Container{container("a", "strip-path=true", "hash=path", "policy=ip-hash", "queue.size=5", "queue.timeout=5s", "rate-limit.burst=5")},
			pool{with(func(s *Settings) {
				s.Route.Strip, s.Hash.Source, s.Policy, s.Queue, s.RateLimit.Burst = true, HashPath, "ip-hash", Queue{5, 5 * time.Second}, 5
			}), "id-a", []string{
				"ballast.strip-path has no effect without ballast.path",
				"ballast.hash has no effect without ballast.policy=maglev",
				"ballast.queue.size has no effect without ballast.concurrency or scale.max",
				"ballast.queue.timeout has no effect without ballast.concurrency or scale.max",
				"ballast.rate-limit.burst has no effect without ballast.rate-limit",
			}},
		},
		{
			"nothing to strip, nowhere to wait", nil,
			[]engine.Container{container("a", "strip-path=true", "path=/", "concurrency=3", "queue.size=0", "queue.timeout=5s")},
			pool{with(func(s *Settings) {
				s.Route, s.Concurrency, s.Queue = Route{Path: "/", Strip: true}, 3, Queue{0, 5 * time.Second}
			}), "id-a", []string{
				"ballast.strip-path has no effect without ballast.path longer than /",
				"ballast.queue.timeout has no effect without ballast.queue.size above 0",
			}},
		},
		{
			"a pool that scales has a queue", nil,
			[]engine.Container{container("a", "scale.max=3", "queue.size=5")},
			pool{with(func(s *Settings) { s.Scale.Max, s.Concurrency, s.Queue.Size = 3, 20, 5 }), "id-a", nil},
		},
		{
			"who is ignored does not wait in a pool that scales, whatever its minimum", nil,
			[]engine.Container{container("a", "scale.max=3", "scale.min=1", "scale.ignore-agents=bot", "scale.idle=1m")},
			pool{with(func(s *Settings) {
				s.Scale.Min, s.Scale.Max, s.Scale.IgnoreAgents, s.Scale.Idle, s.Concurrency = 1, 3, "bot", time.Minute, 20
			}), "id-a", []string{"ballast.scale.idle has no effect without ballast.scale.min=0 and scale.max"}},
		},
		{
			"a configuration that was not validated",
			map[string]string{"retries": "x", "weight": "3", "foo": ""},
			[]engine.Container{container("a", "retries=2")},
			pool{with(func(s *Settings) { s.Retries = 2 }), "id-a", nil},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input(tt.members...)
			in.Pools = PoolConfig{"default": tt.configured}
			p := Build(in).Pools[0]
			if diff := cmp.Diff(tt.want, pool{p.Settings, p.Template, p.Warnings}); diff != "" {
				t.Errorf("pool differs (-want +got):\n%s", diff)
			}
		})
	}
}
