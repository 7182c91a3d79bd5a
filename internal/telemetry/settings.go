package telemetry

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

// SettingsDoc is what a pool is set to, from its labels and the configuration. Times are in seconds; what has a
// unit of its own is written as its label is.
type SettingsDoc struct {
	// Hosts and Path are what the pool asks for; PoolDoc.Routes is what it got. No hosts are any host, an empty
	// Path was not set.
	Hosts     []string `json:"hosts"`
	Path      string   `json:"path,omitempty"`
	StripPath bool     `json:"strip_path"`
	// Hash is what maglev places requests by, such as "header:x-tenant".
	Hash         string  `json:"hash,omitempty"`
	Sticky       bool    `json:"sticky"`
	StickyTTL    float64 `json:"sticky_ttl_seconds"`
	StickyCookie string  `json:"sticky_cookie,omitempty"`
	// HealthPath is empty where a check is a connection attempt; HealthStatus is such as "200-399".
	HealthPath       string  `json:"health_path,omitempty"`
	HealthInterval   float64 `json:"health_interval_seconds"`
	HealthTimeout    float64 `json:"health_timeout_seconds"`
	HealthStatus     string  `json:"health_status,omitempty"`
	HealthMaxLatency float64 `json:"health_max_latency_seconds"`
	HealthFall       int     `json:"health_fall"`
	HealthRise       int     `json:"health_rise"`
	// Breaker is how many failures in a row eject a backend; 0 is off.
	Breaker     int     `json:"breaker"`
	SlowStart   float64 `json:"slow_start_seconds"`
	Concurrency int     `json:"concurrency"`
	// QueueSize and QueueTimeout have no effect without Concurrency.
	QueueSize    int     `json:"queue_size"`
	QueueTimeout float64 `json:"queue_timeout_seconds"`
	// RateLimit is per client, such as "100/s"; left out if there is none.
	RateLimit      string  `json:"rate_limit,omitempty"`
	RateLimitBurst int     `json:"rate_limit_burst"`
	Retries        int     `json:"retries"`
	Timeout        float64 `json:"timeout_seconds"`
	ConnectTimeout float64 `json:"connect_timeout_seconds"`
	IdleTimeout    float64 `json:"idle_timeout_seconds"`
	DrainTimeout   float64 `json:"drain_timeout_seconds"`
	// ScaleRequests is the classic rule as its label is written, such as "20/15s".
	ScaleRequests string `json:"scale_requests,omitempty"`
	ScaleImage    string `json:"scale_image,omitempty"`
	// ScaleRPS to ScaleMemory are targets of one replica, 0 is off: requests per second, the p95, and percent of its limits.
	ScaleRPS     int     `json:"scale_rps"`
	ScaleLatency float64 `json:"scale_latency_seconds"`
	ScaleCPU     int     `json:"scale_cpu"`
	ScaleMemory  int     `json:"scale_memory"`
	ScaleWarm    int     `json:"scale_warm"`
	// ScaleIdle has an effect only where the minimum is 0.
	ScaleIdle    float64 `json:"scale_idle_seconds"`
	HoldDown     float64 `json:"scale_hold_down_seconds"`
	DryRun       bool    `json:"scale_dry_run"`
	WaitPage     bool    `json:"scale_wait_page"`
	IgnoreAgents string  `json:"scale_ignore_agents,omitempty"`
}

func settingsDoc(s containers.Settings) SettingsDoc {
	d := SettingsDoc{
		Hosts: append([]string{}, s.Route.HostList()...), Path: s.Route.Path, StripPath: s.Route.Strip,
		Hash:             hashLabel(s.Hash),
		Sticky:           s.Sticky.Enabled,
		HealthPath:       s.Health.Path,
		HealthInterval:   seconds(s.Health.Interval),
		HealthTimeout:    seconds(s.Health.Timeout),
		HealthStatus:     statusLabel(s.Health.StatusMin, s.Health.StatusMax),
		HealthMaxLatency: seconds(s.Health.MaxLatency),
		HealthFall:       s.Health.Fall, HealthRise: s.Health.Rise,
		Breaker: s.Breaker, SlowStart: seconds(s.SlowStart),
		Concurrency: s.Concurrency,
		QueueSize:   s.Queue.Size, QueueTimeout: seconds(s.Queue.Timeout),
		RateLimit:      rateLabel(s.RateLimit.Rate),
		Retries:        s.Retries,
		Timeout:        seconds(s.Timeout),
		ConnectTimeout: seconds(s.ConnectTimeout),
		IdleTimeout:    seconds(s.IdleTimeout),
		DrainTimeout:   seconds(s.DrainTimeout),
		ScaleRequests:  rateLabel(s.Scale.Requests), ScaleImage: s.Scale.Image,
		ScaleRPS: s.Scale.RPS, ScaleLatency: seconds(s.Scale.Latency), ScaleCPU: s.Scale.CPU, ScaleMemory: s.Scale.Memory,
		ScaleWarm: s.Scale.Warm, ScaleIdle: seconds(s.Scale.Idle),
		HoldDown: seconds(s.Scale.HoldDown), DryRun: s.Scale.DryRun,
		WaitPage: s.Scale.WaitPage, IgnoreAgents: s.Scale.IgnoreAgents,
	}
	if s.Sticky.Enabled {
		d.StickyTTL, d.StickyCookie = seconds(s.Sticky.TTL), s.Sticky.Cookie
	}
	if d.RateLimit != "" {
		d.RateLimitBurst = s.RateLimit.Burst
	}
	return d
}

// hashLabel writes what maglev goes by the way its label does.
func hashLabel(h containers.Hash) string {
	if h.Name == "" {
		return h.Source
	}
	return h.Source + ":" + h.Name
}

// statusLabel writes a range of status codes the way its label does; empty if there is none.
func statusLabel(from, to int) string {
	switch from {
	case 0:
		return ""
	case to:
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d-%d", from, to)
}

// rateLabel writes a rate the way labels do, "20/15s" or "100/s"; empty if it is off.
func rateLabel(r containers.Rate) string {
	switch {
	case r.Count == 0:
		return ""
	case r.Interval == time.Second:
		return fmt.Sprintf("%d/s", r.Count)
	}
	return fmt.Sprintf("%d/%s", r.Count, label(r.Interval))
}

// label writes a duration the way labels are written: "1m", not "1m0s".
func label(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func seconds(d time.Duration) float64 { return round(d.Seconds()) }
