package dashboard

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

func poolOf(s containers.Settings) telemetry.PoolDoc {
	in := input()
	in.Report.Pools = []proxy.PoolReport{{Settings: settings(s)}}
	return telemetry.NewDocument(in).Pools[0]
}

func TestPoolSettings(t *testing.T) {
	tests := []struct {
		name string
		in   containers.Settings
		want []setting
	}{
		{
			"least",
			containers.Settings{Policy: "weighted", Health: containers.HealthCheck{Interval: 10 * time.Second}},
			[]setting{
				{"host", "any"},
				{"path", "any"},
				{"strip-path", "false"},
				{"policy", "weighted"},
				{"sticky", "false"},
				{"health.path", "not set"},
				{"health.interval", "10s"},
				{"health.timeout", "2s"},
				{"health.max-latency", "off"},
				{"health.fall", "3"},
				{"health.rise", "2"},
				{"breaker", "0"},
				{"slow-start", "0s"},
				{"concurrency", "0"},
				{"rate-limit", "off"},
				{"timeout", "30s"},
				{"timeout.connect", "2s"},
				{"timeout.idle", "1m"},
				{"retries", "0"},
				{"scale.max", "0"},
				{"drain.timeout", "30s"},
			},
		},
		{
			"most",
			containers.Settings{
				Route:  containers.Route{Hosts: "*.shop.example,shop.example", Path: "/api", Strip: true},
				Policy: "maglev", Hash: containers.Hash{Source: containers.HashCookie, Name: "cart"},
				Sticky:  containers.Sticky{Enabled: true, TTL: time.Hour, Cookie: "who"},
				Health:  containers.HealthCheck{Path: "/up", Interval: 5 * time.Second, MaxLatency: 800 * time.Millisecond},
				Breaker: 5, SlowStart: 30 * time.Second, Concurrency: 20, Queue: containers.Queue{Size: 1024, Timeout: 15 * time.Second},
				RateLimit: containers.RateLimit{Rate: containers.Rate{Count: 100, Interval: time.Second}, Burst: 200},
				Retries:   2,
				Scale: containers.Scale{
					Min: 1, Max: 8, Image: "shop:2", Requests: containers.Rate{Count: 20, Interval: 15 * time.Second}, DryRun: true,
					RPS: 50, Latency: 250 * time.Millisecond, CPU: 70, Warm: 2,
				},
			},
			[]setting{
				{"host", "*.shop.example, shop.example"},
				{"path", "/api"},
				{"strip-path", "true"},
				{"policy", "maglev"},
				{"hash", "cookie:cart"},
				{"sticky", "true"},
				{"sticky.ttl", "1h"},
				{"sticky.cookie", "who"},
				{"health.path", "/up"},
				{"health.status", "200-399"},
				{"health.interval", "5s"},
				{"health.timeout", "2s"},
				{"health.max-latency", "0.8s"},
				{"health.fall", "3"},
				{"health.rise", "2"},
				{"breaker", "5"},
				{"slow-start", "30s"},
				{"concurrency", "20"},
				{"queue.size", "1024"},
				{"queue.timeout", "15s"},
				{"rate-limit", "100/s"},
				{"rate-limit.burst", "200"},
				{"timeout", "30s"},
				{"timeout.connect", "2s"},
				{"timeout.idle", "1m"},
				{"retries", "2"},
				{"scale.max", "8"},
				{"scale.min", "1"},
				{"scale.image", "shop:2"},
				{"scale.rps", "50"},
				{"scale.latency", "0.25s"},
				{"scale.cpu", "70 %"},
				{"scale.memory", "off"},
				{"scale.requests", "20/15s"},
				{"scale.warm", "2"},
				{"scale.hold-down", "1m"},
				{"scale.wait-page", "false"},
				{"scale.dry-run", "true"},
				{"drain.timeout", "30s"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, poolSettings(poolOf(tt.in))); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPoolFeatures(t *testing.T) {
	tests := []struct {
		name string
		in   containers.Settings
		want []string
	}{
		{
			"one of each",
			containers.Settings{Policy: "random", Breaker: 1, Retries: 1},
			[]string{"weighted random", "connection checks", "ejected at 1 failure", "fixed size", "1 retry", "30s timeout"},
		},
		{
			"a rate limit",
			containers.Settings{
				Policy:    "maglev",
				Hash:      containers.Hash{Source: containers.HashIP},
				RateLimit: containers.RateLimit{Rate: containers.Rate{Count: 20, Interval: 15 * time.Second}, Burst: 1500},
			},
			[]string{"maglev by ip", "connection checks", "no breaker", "fixed size", "20/15s per client, 1,500 at once", "no retries", "30s timeout"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, poolFeatures(poolOf(tt.in))); diff != "" {
				t.Errorf("features (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	if shown, left := routes(nil); shown != nil || left != "" {
		t.Errorf("routes(nil) = %v, %q, want nothing", shown, left)
	}
	shown, left := routes([]telemetry.RouteDoc{{Host: "a.example", Path: "/"}, {Path: "/api", Strip: true}, {Path: "/"}})
	want := []routeView{{Host: "a.example", Path: "/"}, {Path: "/api", AnyHost: true, Strip: true}, {Path: "/", AnyHost: true, Rest: true}}
	if diff := cmp.Diff(want, shown); diff != "" || left != "" {
		t.Errorf("left %q, routes (-want +got):\n%s", left, diff)
	}
	var many []telemetry.RouteDoc
	for i := range routesShown + 3 {
		many = append(many, telemetry.RouteDoc{Host: fmt.Sprintf("h%d.example", i), Path: "/"})
	}
	if shown, left := routes(many); len(shown) != routesShown || left != "3" {
		t.Errorf("%d routes shown and %s left of %d, want %d and 3", len(shown), left, len(many), routesShown)
	}
}
