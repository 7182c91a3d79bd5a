package proxy

import (
	"context"
	"time"
)

// mendEvery is how late the end of an ejection or of a pause between probes, or a step of a slow start, may be.
const mendEvery = 100 * time.Millisecond

// mendAll does what time alone brings about, until ctx ends.
func (c *Core) mendAll(ctx context.Context) {
	ticker := time.NewTicker(mendEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.mend()
		}
	}
}

// mend ends ejections whose time has come, weighs anew what starts slowly, gives those who wait to backends on trial
// that may be probed again, and waits no longer for those that left long ago.
func (c *Core) mend() {
	var after aftermath
	c.mu.Lock()
	now := c.since()
	var over []*Pool
	for _, p := range *c.pools.Load() {
		v := p.view.Load()
		stale := v.ramps
		for _, b := range v.ejected {
			if b.breaker.open && b.breaker.until <= now {
				b.readmit(now)
				stale = true
			}
		}
		if v.awaits && !p.remembered(now) {
			if p.absent {
				over = append(over, p)
				continue
			}
			stale = true
		}
		switch {
		case stale:
			c.refresh(p, &after)
		case len(v.trials) > 0 && p.queued() > 0:
			after.served = append(after.served, p)
		}
	}
	if len(over) > 0 {
		c.forgetPools(over, &after)
	}
	c.mu.Unlock()
	c.follow(&after, nil)
}

func (c *Core) since() time.Duration { return time.Since(c.epoch) }
