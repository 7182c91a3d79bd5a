package front

import (
	"cmp"
	"errors"
	"slices"
	"syscall"
	"time"
)

// shedPart is what part of the idle clients is given up at a time, as a divisor.
const shedPart = 8

// shed gives up the clients that have asked for nothing for longest, when err says that there are no descriptors: else who
// opens connections and is silent keeps everybody else out. It comes to nothing if that was done just now, for what was
// given up then may not be closed yet.
func (f *Front) shed(err error) {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) || !seldom(&f.shedAt, minTick) {
		return
	}
	type idler struct {
		*client
		since int64
	}
	var idle []idler
	f.each(func(c *client) {
		if p, since := unpack(c.state.Load()); p == phaseIdle {
			idle = append(idle, idler{c, since})
		}
	})
	slices.SortFunc(idle, func(a, b idler) int { return cmp.Compare(a.since, b.since) })
	for _, c := range idle[:(len(idle)+shedPart-1)/shedPart] {
		c.leaveIdle(0)
	}
}

// seldom says whether something may be done that should not be done again within a pause; last is when it was.
func seldom(last *atomicTime, pause time.Duration) bool {
	before, now := last.Load(), time.Now()
	return (before == nil || now.Sub(*before) >= pause) && last.CompareAndSwap(before, &now)
}
