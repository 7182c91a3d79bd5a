package containers

import (
	"fmt"
	"time"
)

const (
	// memoryFresh is how long a reading of the host's memory counts.
	memoryFresh = 250 * time.Millisecond
	// dropEvery is the time between two warm clones that are given up for lack of memory.
	dropEvery = time.Second
	// calmFor is how long memory must have sufficed, with calmMargin percent to spare, before warm clones are
	// made again: they are what was given up for it.
	calmFor    = time.Minute
	calmMargin = 5
)

// memoryReading is what is known of the host's memory.
type memoryReading struct {
	at time.Time
	// short says that there is less than there must be; percent is what is available.
	short   bool
	percent int
	known   bool
	// lastShort is when it was last short, dropped when a warm clone was last given up for that.
	lastShort, dropped time.Time
}

// short says whether the host has less memory available than it must have.
func (f *Fleet) short(now time.Time) bool {
	m := &f.memory
	if f.o.Memory == nil || f.o.Headroom <= 0 {
		return false
	}
	if m.at.IsZero() || now.Sub(m.at) >= memoryFresh {
		available, total, ok := f.o.Memory()
		m.at, m.known, m.short = now, ok && total > 0, false
		if m.known {
			share := 100 * float64(available) / float64(total)
			m.percent, m.short = int(share), share < float64(f.o.Headroom)
		}
	}
	if m.short {
		m.lastShort = now
	}
	return m.short
}

// calm says whether there is memory for what is only kept in reserve.
func (f *Fleet) calm(now time.Time) bool {
	m := &f.memory
	return !f.short(now) && (m.lastShort.IsZero() || now.Sub(m.lastShort) >= calmFor) &&
		(!m.known || m.percent >= f.o.Headroom+calmMargin)
}

func (f *Fleet) whyShort() string {
	return fmt.Sprintf("this host has %d %% of its memory available, less than the %d %% of scale.memory-headroom: free some, or lower it",
		f.memory.percent, f.o.Headroom)
}
