package containers

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// debounce is the least time between the end of a sync and the next one's beginning.
	debounce = 50 * time.Millisecond
	// resync is how often everything is listed and inspected anew, whatever the events say.
	resync = 30 * time.Second
	// unreadRetry is when a container that could not be inspected is tried again.
	unreadRetry = 2 * time.Second
)

// schedule decides when to sync. The first event after a quiet time is acted on at once; those
// that come while a sync runs or shortly after are acted on together. It is not safe for
// concurrent use.
type schedule struct {
	running bool
	// wanted is set when something is dirty; whole when everything is.
	wanted, whole bool
	// notBefore holds the next sync back, after one that was just now or one that failed.
	notBefore time.Time
	// everything is when the next full sync is due anyway, soon when the unread ones are.
	everything, soon time.Time
	pause            *backoff.ExponentialBackOff
}

// newSchedule waits for the subscription with the first sync, but not for ever: should only the
// events be out of order, the list is still asked.
func newSchedule(now time.Time) schedule {
	return schedule{everything: now.Add(resync), pause: newBackoff()}
}

// newBackoff goes from about 0.5 s to at most 30 s, each half to one and a half of the last step's
// mean, so that many balancers do not come back to an engine at the same moment.
func newBackoff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 20 * time.Second,
	}
}

// dirty asks for a sync of what is dirty.
func (s *schedule) dirty() { s.wanted = true }

// full asks for a sync of everything now: a subscription that stands proves the engine is back.
func (s *schedule) full(now time.Time) {
	s.wanted, s.whole = true, true
	s.notBefore = now
}

// retry asks for a sync of what is dirty in a while.
func (s *schedule) retry(now time.Time) { s.soon = now.Add(unreadRetry) }

// due is when the next sync begins; false while one runs.
func (s *schedule) due() (time.Time, bool) {
	if s.running {
		return time.Time{}, false
	}
	at := s.everything
	if !s.soon.IsZero() && s.soon.Before(at) {
		at = s.soon
	}
	if s.wanted || at.Before(s.notBefore) {
		at = s.notBefore
	}
	return at, true
}

// wait is how long to do nothing.
func (s *schedule) wait(now time.Time) time.Duration {
	at, ok := s.due()
	if !ok {
		return resync // The end of the running one wakes up earlier.
	}
	return max(0, at.Sub(now))
}

// begin notes that a sync begins if one is due, and says whether it is to be a full one.
func (s *schedule) begin(now time.Time) (full, ok bool) {
	at, ok := s.due()
	if !ok || at.After(now) {
		return false, false
	}
	full = s.whole || !s.everything.After(now)
	s.running, s.wanted, s.whole, s.soon = true, false, false, time.Time{}
	if full {
		s.everything = now.Add(resync)
	}
	return full, true
}

// end notes how the sync went. One that failed is tried again as a full one.
func (s *schedule) end(now time.Time, ok bool) {
	s.running = false
	if ok {
		s.pause.Reset()
		s.notBefore = now.Add(debounce)
		return
	}
	s.wanted, s.whole = true, true
	s.notBefore = now.Add(s.pause.NextBackOff())
}
