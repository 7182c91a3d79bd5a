package containers

import (
	"cmp"
	"errors"
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
)

// Replace drains and removes a clone because somebody says so, and lets another be made, at once and however the pool is
// scaled. It returns when that is asked for; one of a pool at a time. Other errors than those above say why nothing could be
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
	case c.replace || c.ready && (f.convalesces(p, now) || f.replacing(p)):
		return ErrBusy
	case p.goal == nil: // Nobody has asked for anything yet.
		p.goal = &fleetGoal{n: f.replicas(p)}
		f.base(p)
	}
	if !f.replaceable(p, now) {
		return errors.New(cmp.Or(f.blocked(p, now), "nothing can be made in its place at present: see the pool's last decision"))
	}
	c.replace = true
	f.nudge()
	return nil
}

// replacing says that a clone of the pool is about to be replaced because somebody says so.
func (f *Fleet) replacing(p *fleetPool) bool {
	for _, c := range f.clones {
		if c.pool == p.name && c.replace && c.phase == cloneUp {
			return true
		}
	}
	return false
}
