package dashboard

import (
	"fmt"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// poolFeatures says in a few words each what is in force for a pool.
func poolFeatures(p telemetry.PoolDoc) []string {
	s := p.Settings
	out := []string{policyName(p.Policy, s.Hash)}
	if s.Sticky {
		out = append(out, "sticky sessions, "+interval(s.StickyTTL))
	}
	out = append(out, healthFeature(s), breakerFeature(s))
	if s.SlowStart > 0 {
		out = append(out, "slow start, "+interval(s.SlowStart))
	}
	out = append(out, scaleFeatures(p)...)
	if s.Concurrency > 0 {
		out = append(out, fmt.Sprintf("%d at once each", s.Concurrency),
			fmt.Sprintf("%s may wait, %s each", count(s.QueueSize), interval(s.QueueTimeout)))
	}
	if s.RateLimit != "" {
		out = append(out, fmt.Sprintf("%s per client, %s at once", s.RateLimit, count(s.RateLimitBurst)))
	}
	switch s.Retries {
	case 0:
		out = append(out, "no retries")
	case 1:
		out = append(out, "1 retry")
	default:
		out = append(out, count(s.Retries)+" retries")
	}
	if s.Timeout > 0 {
		out = append(out, interval(s.Timeout)+" timeout")
	}
	return out
}

// policyName is the policy in words; hash is what maglev goes by.
func policyName(policy, hash string) string {
	switch policy {
	case "weighted":
		return "weighted balancing"
	case "random":
		return "weighted random"
	case "maglev":
		return "maglev by " + hash
	}
	return policy
}

func breakerFeature(s telemetry.SettingsDoc) string {
	switch s.Breaker {
	case 0:
		return "no breaker"
	case 1:
		return "ejected at 1 failure"
	}
	return fmt.Sprintf("ejected at %d failures in a row", s.Breaker)
}

func healthFeature(s telemetry.SettingsDoc) string {
	what := "connection checks"
	if s.HealthPath != "" {
		what = "checks " + s.HealthPath
	}
	if s.HealthInterval > 0 {
		what += " every " + interval(s.HealthInterval)
	}
	return what
}

func scaleFeatures(p telemetry.PoolDoc) []string {
	r, s := p.Replicas, p.Settings
	if r.Max == 0 {
		return []string{"fixed size"}
	}
	scaling := fmt.Sprintf("autoscaling %d–%d", r.Min, r.Max)
	if s.DryRun {
		scaling += " (dry run)"
	}
	out := []string{scaling}
	if s.ScaleRequests != "" {
		out = append(out, "one more above "+s.ScaleRequests)
	}
	return out
}
