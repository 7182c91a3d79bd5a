package app

import "time"

// vigil knows for how long something has held, of each thing of which it does, by our own clock. It is looked at in
// rounds; its zero value is one at which nothing held yet.
type vigil[K comparable] struct{ before, now map[K]time.Time }

// begin begins a round: of what the last one did not ask for, it does not hold any more.
func (v *vigil[K]) begin() { v.before, v.now = v.now, make(map[K]time.Time) }

// lasts notes that it holds of k at now, and says for how long it has.
func (v *vigil[K]) lasts(k K, now time.Time) time.Duration {
	since, ok := v.before[k]
	if !ok {
		since = now
	}
	v.now[k] = since
	return now.Sub(since)
}
