package proxy

import (
	"fmt"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/route"
)

// A pool whose last backend left is remembered for as long as its requests may wait (queue.timeout): they are held, for a
// container that stops is usually about to start again or to be replaced. That its containers do not exist any more
// makes no difference. A backend that is sick has not left, nor has one that Ballast or somebody's label took out of
// rotation: for those nobody waits.

// leaveGrace is how long a request that reached no backend, and has no other to try, waits to hear that it was about to leave:
// containers refuse connections before the engine says that they stop. That takes it 2 to 7 ms as a rule, and was never seen to
// take more than 25.
const leaveGrace = 100 * time.Millisecond

// expects says whether the pool's requests wait for backends that left to come back. old is its view before. Core.mu must be
// held.
func (p *Pool) expects(old, v *view, now time.Duration) bool {
	if len(v.candidates) > 0 || p.gone {
		p.lostAt = longAgo
		return false
	}
	if slices.ContainsFunc(old.candidates, p.hasLeft) {
		p.lostAt = now
	}
	return p.remembered(now)
}

func (p *Pool) remembered(now time.Duration) bool {
	return p.settings.Queue.Size > 0 && now-p.lostAt < p.settings.Queue.Timeout
}

// hasLeft says that a backend of the pool was stopped, paused or removed, by whoever.
func (p *Pool) hasLeft(b *Backend) bool {
	if !slices.Contains(p.backends, b) {
		return true
	}
	switch b.spec.State {
	case containers.StateDraining, containers.StatePaused, containers.StateStopped:
		return true
	}
	return false
}

// maxRounds is how often a request that could be sent to nobody is tried anew, each time after twice as long: 1.5 s in all. A
// process that is restarted inside of its container takes about as long, and so does a container that has just moved.
const maxRounds = 4

// grace is how long the request waits for news of those that it was tried at.
func (x *Exchange) grace() time.Duration { return leaveGrace << x.rounds }

// reconnects lets the request be tried anew where it was tried before, if it is due to nothing but failed connections that it
// was not sent, and it has not been done too often. The first time costs a retry.
func (x *Exchange) reconnects() bool {
	v := x.pool.view.Load()
	if len(x.tried) == 0 || x.ignored || x.sent || x.rounds >= maxRounds-1 || v.gone || len(v.candidates) == 0 {
		return false
	}
	if x.retried == 0 && !x.pay(v) {
		return false
	}
	x.rounds++
	x.refused = 0
	x.tried = x.tried[:0]
	return true
}

// SetSight tells whether the core hears at once of containers that leave. As long as it does not, whoever was refused by the
// last backend of a pool waits for the news, for the queue's timeout at most.
func (c *Core) SetSight(sighted bool) {
	if c.blind.Swap(!sighted); !sighted {
		return
	}
	for _, p := range *c.pools.Load() {
		if p.queued() > 0 {
			p.serveHeld()
		}
	}
}

// doubts says that whatever the request could try was tried, and may be about to leave for all that is known.
func (x *Exchange) doubts(v *view) bool {
	c := x.pool.core
	return len(x.tried) > 0 && !v.mayServe(x) && (c.blind.Load() || c.since() < x.doubtsUntil)
}

// remember keeps a pool that no snapshot has any more, if somebody may wait for it. c.mu must be held.
func (c *Core) remember(p *Pool) bool {
	now := c.since()
	if len(p.view.Load().candidates) > 0 {
		p.lostAt = now
	}
	p.backends, p.warnings, p.absent = nil, nil, p.remembered(now)
	return p.absent
}

// forgetPools lets go of the remembered pools whose time has passed. c.mu must be held.
func (c *Core) forgetPools(over []*Pool, after *aftermath) {
	pools := make(map[string]*Pool)
	for name, p := range *c.pools.Load() {
		if !slices.Contains(over, p) {
			pools[name] = p
		}
	}
	table := c.reroute(pools, after)
	for _, p := range pools { // What leads to them may be others'.
		c.refresh(p, after)
	}
	c.pools.Store(&pools)
	c.routes.Store(table)
	after.forgot = true
	for _, p := range over {
		p.gone = true
		c.refresh(p, after)
	}
}

// unasked are the rules of absent pools that no present one asks for: who is there comes first, whoever had a route before.
func unasked(present, absent []route.Rule[Target]) []route.Rule[Target] {
	return slices.DeleteFunc(absent, func(a route.Rule[Target]) bool {
		return slices.ContainsFunc(present, func(r route.Rule[Target]) bool { return r.Host == a.Host && r.Path == a.Path })
	})
}

// absence is what a pool whose backends left has to say of itself.
func (p *Pool) absence() string {
	return fmt.Sprintf("its containers have left: requests wait up to %s for them to come back, or for others", p.settings.Queue.Timeout)
}
