package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// One of so many backends takes so long, and so many requests per second come.
const (
	slowBackends = 11
	slowLatency  = 2 * time.Second
	slowRate     = 1000
)

// slowLength is how many times as long as others a round is: 30 s by default.
const slowLength = 10

// slowRounds is the highest number of rounds. With the seconds that each lasts, more would take most of the time.
const slowRounds = 3

// policyPlan is a Ballast as it comes, but for the policy.
func policyPlan(policy string) ballastPlan {
	return ballastPlan{routed: true, pools: poolSettings{servedPool: {"policy": policy}}}
}

// measureSlow has backends of its own. Each turn has a new process, which has to find out who is slow.
func (b *bench) measureSlow(ctx context.Context, sc scenario) (results []result, err error) {
	slow := b.site
	slow.origins = origins{prefix: b.origins.prefix + "-slow", image: b.origins.image}
	var u undo
	// Containers must go whatever happened to ctx.
	defer func() { err = errors.Join(err, u.run(context.WithoutCancel(ctx))) }()
	for i := range slowBackends {
		var arguments []string
		if i == slowBackends/2 {
			arguments = []string{slowLatency.String()}
		}
		if err := slow.origins.add(ctx, &u, arguments...); err != nil {
			return nil, err
		}
	}
	kinds, results := b.installed(sc)
	for range min(b.settings.rounds, slowRounds) {
		for i, k := range kinds {
			got, err := b.measureFresh(ctx, sc, k, slow)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", k.name, err)
			}
			results[i].Rounds = append(results[i].Rounds, got)
		}
	}
	return results, nil
}

// measureFresh measures a process that is started for it.
func (b *bench) measureFresh(ctx context.Context, sc scenario, k kind, s site) (sample, error) {
	fresh, err := k.make(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := fresh.start(ctx); err != nil {
		return nil, err
	}
	defer fresh.Stop()
	return measureOnce(ctx, b.settings, sc, fresh.subject(sc.bytes), slowLength*b.settings.duration)
}
