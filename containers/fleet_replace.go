package containers

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Why Replace does nothing. Their texts say what to do.
var (
	// ErrNotOurClone says that a container is none that this Fleet made or adopted.
	ErrNotOurClone = errors.New("it is no clone of this Ballast: restart it yourself, as with docker restart")
	// ErrNotServing says that a clone is on its way out, or kept for later.
	ErrNotServing = errors.New("it is a clone that is kept warm, or about to go: there is nothing to do")
	// ErrBusy says that the pool would have too few meanwhile.
	ErrBusy = errors.New("another replica of its pool is being replaced or started: wait until that is ready")
	// ErrNotNow says that this Fleet replaces nothing at present, in no pool; what wraps it says why.
	ErrNotNow = errors.New("nothing is replaced at present")
)

// Replace drains and removes a clone because somebody says so, and lets another be made, at once and however the pool is
// scaled. It returns when that has begun; one of a pool at a time. Other errors than those above say why nothing could be
// made in its place.
func (f *Fleet) Replace(containerID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	c := f.byID(containerID)
	if c == nil || c.phase == cloneDenied || f.last == nil || f.closed {
		return ErrNotOurClone
	}
	p := f.pool(c.pool)
	switch {
	case c.phase != cloneUp || c.spare || c.dead():
		return ErrNotServing
	case f.keeps:
		return fmt.Errorf("%w: another Ballast takes over from this one: ask that one", ErrNotNow)
	case f.frozen(now):
		return fmt.Errorf("%w: %s", ErrNotNow, f.whyFrozen())
	case !f.hears(p):
		return fmt.Errorf("%w: the engine cannot be heard: try again when it is back", ErrNotNow)
	case c.ready && f.convalesces(p, now):
		return ErrBusy
	case p.goal == nil: // Nobody has asked for anything yet.
		p.goal = &fleetGoal{n: f.replicas(p)}
		f.base(p)
	}
	if !f.replaceable(p, now) {
		return errors.New(cmp.Or(f.blocked(p, now), "nothing can be made in its place at present: see the pool's last decision"))
	}
	// From now on, so that nothing comes between the grant and the act.
	f.returns = append(f.returns, f.replacement(p, c))
	f.nudge()
	return nil
}

// hears says that the engine can be heard, as far as that is known.
func (f *Fleet) hears(p *fleetPool) bool {
	if f.o.Health == nil {
		return true
	}
	_, ok := f.o.Health(p.name)
	return ok
}
