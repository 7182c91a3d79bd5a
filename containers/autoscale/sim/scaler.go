package sim

import (
	"cmp"
	"slices"
	"time"
)

// scaler is a policy at work on one pool.
type scaler interface {
	// every is how long it waits between two looks.
	every() time.Duration
	// look decides, and brings the pool to it.
	look(p *pool)
	// held is told that a request has to be held, at the moment it is.
	held(p *pool)
}

// policies are the scalers by name.
var policies = map[string]func(c *Config) scaler{
	"ballast": newBallast,
	"kpa":     func(c *Config) scaler { return newKPA(c) },
	"hpa":     func(c *Config) scaler { return newHPA(c) },
	"keda":    func(c *Config) scaler { return newKEDA(c) },
	"classic": func(*Config) scaler { return &classic{} },
}

// Policies are the names of those that can be simulated, ours first.
func Policies() []string {
	names := make([]string, 0, len(policies))
	for name := range policies {
		names = append(names, name)
	}
	order := []string{"ballast", "kpa", "hpa", "keda", "classic"}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	return names
}
