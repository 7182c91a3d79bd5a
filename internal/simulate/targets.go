package main

import (
	"fmt"
	"time"
)

const (
	burstyFewer, burstyCheaper = 10, 0.5
	// actionShare is of KPA's actions on the bursty trace.
	actionShare = 0.25
	peakFactor  = 1.7
	firstWithin = 0.3
	wakeWithin  = 0.01
	// A step is over within this with as many warm clones as suffice, and this after a boot without any.
	recoverWarm, recoverBoot = 1.0, 3.5
	enoughWarm               = 6
	// tie is by how many points violations differ for no reason: what takes longer than the SLO by itself is late
	// with every policy, but it depends on when others begin how much longer.
	tie = 0.002
)

// finding is a target, and what was found about it.
type finding struct {
	target string
	warm   int
	met    bool
	found  string
}

// findings judges ours by the targets that the trace is for.
func (c *cell) findings() []finding {
	var list []finding
	for _, warm := range warms {
		add := func(met bool, target, format string, args ...any) {
			list = append(list, finding{target, warm, met, fmt.Sprintf(format, args...)})
		}
		o := c.ours[warm]
		name, best := "hpa", c.others["hpa"]
		for _, policy := range [...]string{"keda", "kpa"} {
			other := c.others[policy]
			if d := other.Violations - best.Violations; d < -tie || d <= tie && other.Cost < best.Cost {
				name, best = policy, other
			}
		}
		add(o.Violations <= best.Violations+tie && o.Cost <= best.Cost, "no more violations than the best other, at no more cost",
			"%.3f %% at %.2f, %s %.3f %% at %.2f", o.Violations, o.Cost, name, best.Violations, best.Cost)
		add(o.Failed == 0, "no request lost", "%d of %d", o.Failed, o.Requests)
		switch {
		case c.trace == "bursty":
			add(o.Violations <= best.Violations/burstyFewer && o.Cost <= best.Cost*burstyCheaper, "10x fewer violations than the best other, at half the cost",
				"%.3f %%, %s %.3f %%, at %.2f of its cost", o.Violations, name, best.Violations, o.Cost/best.Cost)
			kpa := c.others["kpa"].Actions
			add(float64(o.Actions) <= actionShare*float64(kpa), "at most a quarter of KPA's actions", "%d, KPA %d", o.Actions, kpa)
		case c.trace == "step":
			add(float64(o.Peak) <= peakFactor*float64(o.Steady), "peak at most 1.7x the need at rest", "%d of %d: %.2fx", o.Peak, o.Steady, float64(o.Peak)/float64(o.Steady))
			limit := c.boot.Seconds() + recoverBoot
			if warm >= enoughWarm {
				limit = recoverWarm
			}
			add(within(o.Recovery, limit), "a step is over in boot + 3.5 s, in 1 s with 6 warm", "%s of %.1f s", said(o.Recovery), limit)
			add(within(o.FirstAction, firstWithin), "first action within 300 ms of a step", "%s", said(o.FirstAction))
		case c.fromZero:
			add(within(o.Wake, wakeWithin), "from zero, first action within 10 ms", "%s", said(o.Wake))
		}
	}
	return list
}

// within tells whether what may not have occurred took no longer.
func within(seconds *float64, limit float64) bool { return seconds == nil || *seconds <= limit }

func said(seconds *float64) string {
	if seconds == nil {
		return "none was needed"
	}
	return time.Duration(*seconds * float64(time.Second)).Round(time.Millisecond).String()
}
