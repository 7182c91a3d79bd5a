package telemetry

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// fullSettings has something in every field.
func fullSettings() containers.Settings {
	return containers.Settings{
		Route:  containers.Route{Hosts: "*.shop.example,shop.example", Path: "/api", Strip: true},
		Policy: "maglev", Hash: containers.Hash{Source: containers.HashHeader, Name: "x-tenant"},
		Sticky: containers.Sticky{Enabled: true, TTL: time.Hour, Cookie: "c"},
		Health: containers.HealthCheck{
			Path: "/up", Interval: 10 * time.Second, Timeout: 2 * time.Second, StatusMin: 200, StatusMax: 399,
			MaxLatency: 800 * time.Millisecond, Fall: 3, Rise: 2,
		},
		Breaker: 5, SlowStart: 30 * time.Second, Concurrency: 20,
		Queue:     containers.Queue{Size: 1024, Timeout: 15 * time.Second},
		RateLimit: containers.RateLimit{Rate: containers.Rate{Count: 100, Interval: time.Second}, Burst: 200},
		Timeout:   30 * time.Second, ConnectTimeout: 1500 * time.Millisecond, IdleTimeout: time.Minute,
		Retries: 1,
		Scale: containers.Scale{
			Min: 1, Max: 8, Image: "shop:2", Requests: containers.Rate{Count: 20, Interval: time.Minute}, HoldDown: time.Minute, DryRun: true,
			RPS: 50, Latency: 250 * time.Millisecond, CPU: 70, Memory: 80, Warm: 2, Idle: 5 * time.Minute,
			WaitPage: true, IgnoreAgents: "kube-probe",
		},
		DrainTimeout: time.Minute,
	}
}

func settingsOf(s containers.Settings) SettingsDoc {
	return NewDocument(Input{Report: proxy.Report{Pools: []proxy.PoolReport{{Settings: s}}}}).Pools[0].Settings
}

func TestNewDocument_Settings(t *testing.T) {
	want := SettingsDoc{
		Hosts: []string{"*.shop.example", "shop.example"}, Path: "/api", StripPath: true,
		Hash: "header:x-tenant", Sticky: true, StickyTTL: 3600, StickyCookie: "c",
		HealthPath: "/up", HealthInterval: 10, HealthTimeout: 2, HealthStatus: "200-399", HealthMaxLatency: 0.8,
		HealthFall: 3, HealthRise: 2, Breaker: 5, SlowStart: 30,
		Concurrency: 20, QueueSize: 1024, QueueTimeout: 15, RateLimit: "100/s", RateLimitBurst: 200,
		Retries: 1, Timeout: 30, ConnectTimeout: 1.5, IdleTimeout: 60, DrainTimeout: 60,
		ScaleRequests: "20/1m", ScaleImage: "shop:2", HoldDown: 60, DryRun: true,
		ScaleRPS: 50, ScaleLatency: 0.25, ScaleCPU: 70, ScaleMemory: 80, ScaleWarm: 2, ScaleIdle: 300,
		WaitPage: true, IgnoreAgents: "kube-probe",
	}
	got := settingsOf(fullSettings())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	// A field that is new and forgotten above would compare as equal.
	v := reflect.ValueOf(got)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not filled in", v.Type().Field(i).Name)
		}
	}
}

// What is off must not look as if it were on.
func TestNewDocument_SettingsOff(t *testing.T) {
	s := fullSettings()
	s.Sticky.Enabled, s.RateLimit.Rate.Count, s.Scale.Requests.Count = false, 0, 0
	got := settingsOf(s)
	if got.StickyTTL != 0 || got.StickyCookie != "" || got.RateLimit != "" || got.RateLimitBurst != 0 || got.ScaleRequests != "" {
		t.Errorf("settings = %+v, want none of sticky sessions, rate limit and rule", got)
	}
}

func TestSettingLabels(t *testing.T) {
	for want, got := range map[string]string{
		"ip":          hashLabel(containers.Hash{Source: containers.HashIP}),
		"cookie:cart": hashLabel(containers.Hash{Source: containers.HashCookie, Name: "cart"}),
		"204":         statusLabel(204, 204),
		"200-299":     statusLabel(200, 299),
		"":            statusLabel(0, 0),
		"100/s":       rateLabel(containers.Rate{Count: 100, Interval: time.Second}),
		"20/15s":      rateLabel(containers.Rate{Count: 20, Interval: 15 * time.Second}),
		"7/500ms":     rateLabel(containers.Rate{Count: 7, Interval: 500 * time.Millisecond}),
	} {
		if got != want {
			t.Errorf("label = %q, want %q", got, want)
		}
	}
}

func TestLabel(t *testing.T) {
	for in, want := range map[time.Duration]string{
		15 * time.Second: "15s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h",
		90 * time.Minute: "1h30m", 500 * time.Millisecond: "500ms", 10 * time.Minute: "10m", 0: "0s",
	} {
		if got := label(in); got != want {
			t.Errorf("label(%d) = %s, want %s", in, got, want)
		}
	}
}
