package proxy

import (
	"math"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/route"
)

// aftermath is what must be told when the lock is no longer held.
type aftermath struct {
	changed []change
	proven  []change // Drained backends that would be ready.
	gone    []*Backend
	panics  []alarm // Where it began or ended that requests go to whoever there is.
	refused []route.Conflict
	served  []*Pool // Whose waiting requests may find something free.
	forgot  bool    // Pools that were remembered.
}

// alarm says whether a pool panics from now on.
type alarm struct {
	pool   string
	panics bool
}

// change is a step of which more is told; first says that the backend was never ready before.
type change struct {
	StateChange
	first bool
}

// refresh replaces a pool's view by one of what is known now. c.mu must be held.
func (c *Core) refresh(p *Pool, after *aftermath) {
	old := p.view.Load()
	before := make(map[*Backend]containers.State, len(old.members))
	for _, m := range old.members {
		before[m.Backend] = m.state
	}
	v := &view{
		settings: p.settings, warnings: p.warnings, routes: p.routes, limiter: old.limiter,
		members: make([]member, 0, len(p.backends)),
	}
	now := c.since()
	v.panics, v.gone = p.panics(), p.gone
	for _, b := range p.backends {
		state, reason := b.state()
		ready := state == containers.StateReady
		m := member{Backend: b, spec: b.spec, state: state, reason: reason, healthy: b.healthy, serves: ready || v.panics && b.eligible()}
		b.serve(m.serves, now)
		m.breaker = b.breakerReport(c.epoch)
		v.members = append(v.members, m)
		if from := before[b]; from != state {
			step := StateChange{Pool: p.name, Backend: b.spec, From: from, To: state, Reason: reason}
			after.changed = append(after.changed, change{StateChange: step, first: ready && !b.served})
			if c.onState != nil {
				c.onState(step)
			}
		}
		b.served = b.served || ready
		if b.drained && !b.told && b.fit() {
			b.told = true
			after.proven = append(after.proven, change{StateChange: StateChange{Pool: p.name, Backend: b.spec}})
		}
	}
	v.probe()
	v.list()
	if v.awaits = p.expects(old, v, now); v.awaits {
		v.warnings = append(slices.Clip(v.warnings), p.absence())
	}
	if err := v.equip(old, now); err != nil {
		c.log.Error().Err(err).Str("pool", p.name).Msg("policy not usable, going round instead")
	}
	p.view.Store(v)
	if v.panics != old.panics && len(v.members) > 0 {
		after.panics = append(after.panics, alarm{p.name, v.panics})
	}
	if p.queued() > 0 {
		after.served = append(after.served, p)
	}
}

// panics says that so few backends are available that requests go to all of them, as sick as they seem: fewer than half
// of those that were not taken out of rotation on purpose. The few would only fall over, and checks of so many are
// more likely to be wrong than all of them to be down (Envoy's panic threshold of 50 %). Core.mu must be held.
func (p *Pool) panics() bool {
	eligible, available := 0, 0
	for _, b := range p.backends {
		if b.eligible() {
			eligible++
			if state, _ := b.state(); state == containers.StateReady {
				available++
			}
		}
	}
	return 2*available < eligible
}

// longAgo is before any slow start. It leaves room for differences.
const longAgo = math.MinInt64 / 2

// serve lets the backend have requests, or have none. It must come before the view: a request that finds the
// backend in the old one must not take it. Core.mu must be held.
func (b *Backend) serve(serves bool, now time.Duration) {
	if serves && !b.serving {
		b.since = now
		if b.early { // It may have served for long.
			b.since = longAgo
		}
		b.early = false
	}
	b.serving = serves
	b.available.Store(serves)
}

// follow tells what came of a refresh. c.mu must not be held.
func (c *Core) follow(after *aftermath, gone []func(*Backend)) {
	for _, ch := range after.changed {
		c.log.Info().Str("pool", ch.Pool).Str("backend", ch.Backend.Name).Stringer("address", ch.Backend.Address).
			Str("from", string(ch.From)).Str("to", string(ch.To)).Str("reason", ch.Reason).
			Msg("backend state changed")
		if ch.first && c.onReady != nil {
			c.onReady(ch.Pool, ch.Backend)
		}
	}
	for _, ch := range after.proven {
		if c.onProven != nil {
			c.onProven(ch.Pool, ch.Backend)
		}
	}
	for _, a := range after.panics {
		if a.panics {
			c.log.Warn().Str("pool", a.pool).Msg("fewer than half of the backends are available: requests go to all of them")
		} else {
			c.log.Info().Str("pool", a.pool).Msg("enough backends are available again: requests go to those only")
		}
	}
	for _, p := range after.served {
		p.serveHeld()
	}
	if after.forgot && c.onForget != nil {
		c.onForget()
	}
	for _, k := range after.refused {
		c.log.Warn().Str("pool", k.Refused).Str("holder", k.Holder).Stringer("route", Route{Host: k.Host, Path: k.Path}).
			Msg("route refused: another pool has it")
	}
	for _, b := range after.gone {
		c.log.Info().Str("pool", b.pool.name).Str("backend", b.name).Str("address", b.address).Msg("backend gone")
		for _, f := range gone {
			f(b)
		}
	}
}
