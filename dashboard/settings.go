package dashboard

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// setting is one setting of a pool: its label without the prefix, and its value as the label is written.
type setting struct{ Name, Value string }

// poolSettings are all settings that have an effect on the pool.
func poolSettings(p telemetry.PoolDoc) []setting {
	s := p.Settings
	out := []setting{
		{"host", cmp.Or(strings.Join(s.Hosts, ", "), "any")},
		{"path", cmp.Or(s.Path, "any")},
		{"strip-path", strconv.FormatBool(s.StripPath)},
		{"policy", p.Policy},
	}
	if p.Policy == "maglev" {
		out = append(out, setting{"hash", s.Hash})
	}
	out = append(out, setting{"sticky", strconv.FormatBool(s.Sticky)})
	if s.Sticky {
		out = append(out, setting{"sticky.ttl", interval(s.StickyTTL)}, setting{"sticky.cookie", s.StickyCookie})
	}
	out = append(out, healthSettings(s)...)
	out = append(out,
		setting{"breaker", strconv.Itoa(s.Breaker)},
		setting{"slow-start", interval(s.SlowStart)},
		setting{"concurrency", strconv.Itoa(s.Concurrency)})
	if s.Concurrency > 0 {
		out = append(out, setting{"queue.size", strconv.Itoa(s.QueueSize)}, setting{"queue.timeout", interval(s.QueueTimeout)})
	}
	out = append(out, setting{"rate-limit", cmp.Or(s.RateLimit, "off")})
	if s.RateLimit != "" {
		out = append(out, setting{"rate-limit.burst", strconv.Itoa(s.RateLimitBurst)})
	}
	out = append(out,
		setting{"timeout", interval(s.Timeout)},
		setting{"timeout.connect", interval(s.ConnectTimeout)},
		setting{"timeout.idle", interval(s.IdleTimeout)},
		setting{"retries", strconv.Itoa(s.Retries)})
	out = append(out, scaleSettings(p)...)
	return append(out, setting{"drain.timeout", interval(s.DrainTimeout)})
}

func healthSettings(s telemetry.SettingsDoc) []setting {
	out := []setting{{"health.path", cmp.Or(s.HealthPath, "not set")}}
	if s.HealthPath != "" {
		out = append(out, setting{"health.status", s.HealthStatus})
	}
	late := "off"
	if s.HealthMaxLatency > 0 {
		late = interval(s.HealthMaxLatency)
	}
	return append(out,
		setting{"health.interval", interval(s.HealthInterval)},
		setting{"health.timeout", interval(s.HealthTimeout)},
		setting{"health.max-latency", late},
		setting{"health.fall", strconv.Itoa(s.HealthFall)},
		setting{"health.rise", strconv.Itoa(s.HealthRise)})
}

func scaleSettings(p telemetry.PoolDoc) []setting {
	r, s := p.Replicas, p.Settings
	out := []setting{{"scale.max", strconv.Itoa(r.Max)}}
	if r.Max == 0 {
		return out
	}
	latency := "off"
	if s.ScaleLatency > 0 {
		latency = interval(s.ScaleLatency)
	}
	out = append(out,
		setting{"scale.min", strconv.Itoa(r.Min)},
		setting{"scale.image", cmp.Or(s.ScaleImage, "the template's")},
		setting{"scale.rps", orOff(s.ScaleRPS, "")},
		setting{"scale.latency", latency},
		setting{"scale.cpu", orOff(s.ScaleCPU, " %")},
		setting{"scale.memory", orOff(s.ScaleMemory, " %")},
		setting{"scale.requests", cmp.Or(s.ScaleRequests, "off")},
		setting{"scale.warm", strconv.Itoa(s.ScaleWarm)})
	if r.Min == 0 {
		out = append(out,
			setting{"scale.idle", interval(s.ScaleIdle)},
			setting{"scale.ignore-agents", cmp.Or(s.IgnoreAgents, "nobody")})
	}
	return append(out,
		setting{"scale.hold-down", interval(s.HoldDown)},
		setting{"scale.wait-page", strconv.FormatBool(s.WaitPage)},
		setting{"scale.dry-run", strconv.FormatBool(s.DryRun)})
}

// orOff writes a target, which is off at 0.
func orOff(n int, unit string) string {
	if n == 0 {
		return "off"
	}
	return strconv.Itoa(n) + unit
}
