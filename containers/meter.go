package containers

import (
	"time"

	"github.com/ballast-lb/ballast/engine"
)

const (
	// Processor time is what was used between two samples that are so far apart.
	meterLeast, meterMost = 3 * time.Second, 5 * time.Second
	// meterStale is how old the last sample may be.
	meterStale = 5 * time.Second
	// meterWarmUp is how long what a container uses tells of its start, and not of its work.
	meterWarmUp = 10 * time.Second
	// meterLen samples are kept, which are so far apart that they span meterLeast.
	meterLen   = 8
	meterApart = 500 * time.Millisecond
)

// meter is the last samples of one container. Usage.mu guards it.
type meter struct {
	started time.Time
	// samples are in order of their times, which are the engine's; heard is when the last one came, by our clock.
	samples []engine.Stats
	heard   time.Time
}

// usage is what a container uses of its limits, in percent.
type usage struct {
	cpu, memory float64
	// limited says that memory is known.
	limited bool
}

// add notes a sample. Whatever goes backwards began anew.
func (m *meter) add(now time.Time, s engine.Stats) {
	if n := len(m.samples); n > 0 {
		last := &m.samples[n-1]
		apart := s.Time.Sub(last.Time)
		switch {
		case s.CPU < last.CPU || apart < 0:
			m.samples = m.samples[:0]
		case apart < meterApart:
			m.heard = now
			return
		}
	}
	if len(m.samples) == meterLen {
		copy(m.samples, m.samples[1:])
		m.samples = m.samples[:meterLen-1]
	}
	m.samples, m.heard = append(m.samples, s), now
}

// read is what the container uses; false if that is not known.
func (m *meter) read(now time.Time) (usage, bool) {
	if len(m.samples) == 0 || now.Sub(m.heard) > meterStale {
		return usage{}, false
	}
	last := m.samples[len(m.samples)-1]
	switch {
	case last.Time.Sub(m.started) < meterWarmUp, last.Cores <= 0:
		return usage{}, false
	case last.CPU == 0 && last.MemoryLimit == 0: // The engine can't tell.
		return usage{}, false
	}
	for _, first := range m.samples {
		apart := last.Time.Sub(first.Time)
		if apart > meterMost {
			continue
		}
		if apart < meterLeast {
			break
		}
		u := usage{cpu: 100 * (last.CPU - first.CPU).Seconds() / apart.Seconds() / last.Cores, limited: last.MemoryLimit > 0}
		if u.limited {
			u.memory = 100 * float64(last.Memory) / float64(last.MemoryLimit)
		}
		return u, true
	}
	return usage{}, false
}
