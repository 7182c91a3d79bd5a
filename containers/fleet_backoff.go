package containers

import "time"

// ReadyWithin is how long a replica may take from its start to readiness: some take minutes to boot.
const ReadyWithin = 5 * time.Minute

const (
	firstBackoff = time.Second
	lastBackoff  = time.Minute
	// wokenWithin is how long one may take that was only paused.
	wokenWithin = 30 * time.Second
	// provenAfter is how long a clone must live to count as good.
	provenAfter = time.Minute
	// trials is how many clones are made of what has never become ready.
	trials = 4
)

// creationBackoff paces the creation of one pool's clones, so that an image that can't be started,
// or that crashes, makes no storm. The zero value is that of a pool that never failed.
type creationBackoff struct {
	// why is the last failure, for people; empty when clones can be made as far as is known.
	why string
	// streak counts failures since the last success, those of one batch as one.
	streak   int
	failedAt time.Time
	// retryAt is when the next clone may be made.
	retryAt time.Time
	// proven says that a clone became ready since the last failure.
	proven bool
	// fickle says that clones died after they had been ready: then readiness proves nothing, only
	// a clone that lived for provenAfter does.
	fickle bool
}

// failed notes that a clone whose creation began at began could not be made, did not become ready
// in time, or died too soon.
func (b *creationBackoff) failed(now, began time.Time, wasReady bool, why string) {
	b.proven = false
	b.fickle = b.fickle || wasReady
	// What was already under way when another failed tells nothing new.
	if b.streak > 0 && !began.After(b.failedAt) {
		return
	}
	b.why = why
	b.streak++
	b.failedAt = now
	b.retryAt = now.Add(b.delay())
}

func (b *creationBackoff) delay() time.Duration {
	// The shift is bounded for its own sake: a streak may last for days.
	return min(firstBackoff<<min(b.streak-1, 16), lastBackoff)
}

// creating notes that a clone is being made. After failures the next one keeps its distance.
func (b *creationBackoff) creating(now time.Time) {
	if b.streak > 0 {
		b.retryAt = now.Add(b.delay())
	}
}

// ready notes that a clone became ready.
func (b *creationBackoff) ready() {
	b.why, b.proven = "", true
	if !b.fickle {
		b.streak, b.retryAt = 0, time.Time{}
	}
}

// settled notes that a clone has been ready and lived for provenAfter.
func (b *creationBackoff) settled() {
	*b = creationBackoff{proven: true}
}

// room is how many clones that are not ready yet there may be beside unready ones, at now.
func (b *creationBackoff) room(now time.Time, unready int) int {
	switch {
	case now.Before(b.retryAt):
		return 0
	case b.streak > 0:
		return max(0, 1-unready)
	case !b.proven:
		return max(0, trials-unready)
	default:
		return unlimited
	}
}

// room is how many clones of a pool that are not ready yet there may be, at now. What the pool's own container has shown by
// running for long enough need not be tried with a few first.
func (f *Fleet) room(p *fleetPool, now time.Time) int {
	if p.backoff == (creationBackoff{}) && f.templateProven(p, now) {
		return unlimited
	}
	return p.backoff.room(now, f.unready(p))
}

// templateProven says that the container that clones are made from has shown that they will last.
func (f *Fleet) templateProven(p *fleetPool, now time.Time) bool {
	t := f.originals[p.template.ID]
	return p.image == "" && t != nil && !t.runs.IsZero() && now.Sub(t.runs) >= provenAfter
}

// unlimited is more than anybody asks for.
const unlimited = int(^uint(0) >> 1)
