package proxy

import (
	"github.com/ballast-lb/ballast/containers"
)

// aftermath is what must be told when the lock is no longer held.
type aftermath struct {
	changed []change
	gone    []*Backend
}

// change is a backend's step from one state to another; first says that it was never ready before.
type change struct {
	pool   string
	spec   containers.Backend
	from   containers.State
	to     containers.State
	reason string
	first  bool
}

// refresh replaces a pool's view by one of what is known now. c.mu must be held.
func (c *Core) refresh(p *Pool, after *aftermath) {
	old := p.view.Load()
	before := make(map[*Backend]containers.State, len(old.members))
	for _, m := range old.members {
		before[m.Backend] = m.state
	}
	v := &view{settings: p.settings, warnings: p.warnings, members: make([]member, 0, len(p.backends))}
	for _, b := range p.backends {
		state, reason := b.state()
		ready := state == containers.StateReady
		// Before the view: a request that finds the backend in the old one must not take it.
		b.available.Store(ready)
		v.members = append(v.members, member{
			Backend: b, spec: b.spec, state: state, reason: reason, healthy: b.healthy,
		})
		if from := before[b]; from != state {
			after.changed = append(after.changed, change{
				pool: p.name, spec: b.spec, from: from, to: state, reason: reason, first: ready && !b.served,
			})
		}
		b.served = b.served || ready
	}
	if err := v.equip(old); err != nil {
		c.log.Error().Err(err).Str("pool", p.name).Msg("policy not usable, going round instead")
	}
	p.view.Store(v)
}

// follow tells what came of a refresh. c.mu must not be held.
func (c *Core) follow(after *aftermath, gone []func(*Backend)) {
	for _, ch := range after.changed {
		c.log.Info().Str("pool", ch.pool).Str("backend", ch.spec.Name).Stringer("address", ch.spec.Address).
			Str("from", string(ch.from)).Str("to", string(ch.to)).Str("reason", ch.reason).
			Msg("backend state changed")
		if ch.first && c.onReady != nil {
			c.onReady(ch.pool, ch.spec)
		}
	}
	for _, b := range after.gone {
		c.log.Info().Str("pool", b.pool.name).Str("backend", b.name).Str("address", b.address).Msg("backend gone")
		for _, f := range gone {
			f(b)
		}
	}
}
