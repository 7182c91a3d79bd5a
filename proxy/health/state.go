package health

import (
	"math/rand/v2"
	"time"
)

// How often a backend that never passed is checked: soon at first, for what has just started is
// often ready a moment later.
const (
	firstDelay = 20 * time.Millisecond
	// delayGrowth makes a delay a tenth of what has passed: so late is it found out that a backend is ready.
	delayGrowth = 1.1
	// maxDelay bounds how late a backend that boots slowly is found ready.
	maxDelay = 500 * time.Millisecond
)

// state is what is known of one target. It is a pure state machine: results go in, verdicts come out.
type state struct {
	// proven is set by the first pass.
	proven, healthy bool
	fails, passes   int
	delay           time.Duration
	// reported says that reason was; it is empty while healthy.
	reported bool
	reason   string
}

// observe takes the result of one check, whose failure is reason or empty if it passed, and says
// whether there is something to report.
func (s *state) observe(reason string, c Check) bool {
	if reason == "" {
		return s.pass(c)
	}
	return s.fail(reason, c)
}

func (s *state) pass(c Check) bool {
	s.fails = 0
	s.passes++
	if s.healthy || s.proven && s.passes < c.Rise {
		return false
	}
	s.proven, s.healthy = true, true
	s.reason = ""
	return true
}

func (s *state) fail(reason string, c Check) bool {
	s.passes = 0
	s.fails++
	if s.healthy && s.fails < c.Fall {
		return false
	}
	changed := s.healthy || !s.reported || s.reason != reason
	s.healthy, s.reported, s.reason = false, true, reason
	return changed
}

// wait is how long to wait before the next check: the interval, or less until the first pass.
func (s *state) wait(c Check) time.Duration {
	if s.proven {
		return c.Interval
	}
	if s.delay == 0 {
		s.delay = firstDelay
	} else {
		s.delay = time.Duration(float64(s.delay) * delayGrowth)
	}
	s.delay = min(s.delay, maxDelay, c.Interval)
	return s.delay
}

// jitter moves d by up to a tenth either way, so that checks of many backends spread out.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
