package nethttp

import (
	"sync/atomic"
	"time"
)

// late is how many times shorter than the limit of a body a pause is that a backend may lose its patience at: 5 s of 60 s.
const late = 12

// isLate says whether what began then lasts long, where idle is the limit.
func isLate(began time.Time, idle time.Duration) bool { return time.Since(began) >= idle/late }

// lateness is when a client last kept an exchange waiting for long, in Unix nanoseconds; 0 if it has not.
type lateness struct{ ended atomic.Int64 }

// note takes down that a wait for the client is over, which began then.
func (l *lateness) note(began time.Time, idle time.Duration) {
	if isLate(began, idle) {
		l.ended.Store(time.Now().UnixNano())
	}
}

// counts says whether an end of the backend's connection may be meant for that: for as long as idle, for what the backend
// had sent by then is read first, as fast as the client takes it.
func (l *lateness) counts(idle time.Duration) bool {
	ended := l.ended.Load()
	return ended != 0 && time.Since(time.Unix(0, ended)) < idle
}
