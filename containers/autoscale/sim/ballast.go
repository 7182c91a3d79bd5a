package sim

import (
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale"
)

const (
	// tick is how often a live Scaler looks.
	tick = autoscale.Tick
	// heldEvery is the shortest time between two looks because a request is held.
	heldEvery = 20 * time.Millisecond
)

// epoch is when every simulation begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ballast is autoscale.Decide, fed as in a live pool.
type ballast struct {
	policy  autoscale.Policy
	history autoscale.History
	clones  []autoscale.Clone
	// asked is when a held request last had it look, or will.
	asked time.Duration
}

func newBallast(c *Config) scaler {
	return &ballast{
		asked: -heldEvery,
		policy: autoscale.Policy{
			Min: c.Min, Max: c.Max, Concurrency: c.Slots,
			RPS: c.RPS, Latency: c.Latency,
			Idle: c.Idle, HoldDown: c.HoldDown,
		},
	}
}

func (b *ballast) every() time.Duration { return tick }

func (b *ballast) held(p *pool) {
	switch next := b.asked + heldEvery; {
	case p.now >= next:
		b.asked = p.now
		b.look(p)
	case b.asked <= p.now: // Else one is due already.
		b.asked = next
		p.lookAt(next)
	}
}

func (b *ballast) look(p *pool) {
	out := autoscale.Decide(epoch.Add(p.now), b.policy, &b.history, b.sample(p))
	if d := out.Decision; out.Decided && d.Action != autoscale.ActionRefuse {
		p.bring(d.To, d.Victims)
	}
}

func (b *ballast) sample(p *pool) autoscale.Sample {
	f := p.fleet
	s := autoscale.Sample{
		Ready: len(f.serving), Starting: f.nStarting, StartingFor: f.startingFor(),
		Warm: f.warm, Draining: f.nDraining, WakeTakes: f.wakeTakes, StartTakes: f.startTakes,
		InFlight: p.executing + p.queue.n, Queued: p.queue.n, Busy: p.busy,
		Requests: p.requests, Served: p.served, Service: p.service,
		P95: p.recent.p95(p.now),
	}
	b.clones = b.clones[:0]
	for _, r := range f.all {
		switch {
		case r.state == draining || r.state == stopping:
		case r.original:
			s.Originals++
		default:
			b.clones = append(b.clones, autoscale.Clone{ID: r.name, Name: r.name, InFlight: r.inFlight})
		}
	}
	s.Clones = b.clones
	return s
}
