package dashboard

import (
	"fmt"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// poolFeatures says in a few words each what is in force for a pool.
func poolFeatures(p telemetry.PoolDoc) []string {
	s := p.Settings
	out := []string{policyName(p.Policy)}
	if s.Sticky {
		out = append(out, "sticky sessions, "+interval(s.StickyTTL))
	}
	out = append(out, healthFeature(s))
	out = append(out, scaleFeatures(p)...)
	if s.Concurrency > 0 {
		out = append(out, fmt.Sprintf("%d at once each", s.Concurrency))
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

func policyName(policy string) string {
	switch policy {
	case "weighted":
		return "weighted balancing"
	case "random":
		return "weighted random"
	}
	return policy
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
