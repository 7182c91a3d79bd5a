package proxy

import (
	"errors"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

// ErrNoBackend says that no backend of the pool is available that was not tried already.
var ErrNoBackend = errors.New("no backend is available")

// Exchange is one request and its answer. It belongs to the goroutine that serves the request; it
// is begun by Pool.Begin and must be ended by Done. It may be copied before it is used.
type Exchange struct {
	pool *Pool
	// attempt is when the current attempt began, or would have: who is held is given the present where somebody is on trial.
	began, attempt time.Duration
	// doubtsUntil is until when those that failed may be found to have left. sent says that one of them may have got the
	// request, rounds how often all were tried.
	doubtsUntil time.Duration
	sent        bool
	rounds      int
	// retried is how many of the pool's retries it had, refused how often it went on without one, in this round.
	retried, refused int
	current          *Backend
	tried            []*Backend
	done             bool
	// verdict is what the head of the current attempt's answer said of the backend, ended how many failures in a row
	// that ended.
	verdict verdict
	ended   int32
	// probes says that the current backend is on trial, and this is the request that may decide it: until when it has that
	// for itself. 0 if not.
	probes int64
	// who asks; nil if that is not known. ignored says that it wakes nobody, asleep that it was counted as such, navigates that
	// it is a browser that opens a page.
	who                        Asker
	ignored, asleep, navigates bool
	// held is how long it waited for a backend, and outlook what it was told of when one comes.
	held    time.Duration
	outlook *forecast
}

type verdict uint8

const (
	verdictNone verdict = iota
	verdictGood
	verdictBad
)

// Next picks a backend that was not tried yet, and counts the request in flight there until Again
// or Done. The error is ErrNoBackend, ErrBusy if Hold may wait for one, or why it may not: ErrNotComing or ErrWaitPage.
func (x *Exchange) Next(r *balance.Request) (*Backend, error) {
	if x.done || x.current != nil {
		return nil, errors.New("exchange: next without again, or after done")
	}
	p := x.pool
	// Nobody overtakes those who wait, and nobody waits for nothing.
	if p.held.Len() > 0 {
		if v := p.view.Load(); len(v.candidates) == 0 {
			return nil, x.absent(v)
		} else if v.mayServe(x) {
			return nil, ErrBusy
		}
	}
	b, busy := p.view.Load().take(r, x)
	if b == nil {
		// The view may have been replaced while it was looked at.
		b, busy = p.view.Load().take(r, x)
	}
	switch {
	case b != nil:
		x.begin(b)
		return b, nil
	case busy:
		return nil, ErrBusy
	}
	return nil, x.absent(p.view.Load())
}

func (x *Exchange) begin(b *Backend) {
	if len(x.tried) > 0 {
		x.pool.retries.Add(1)
	}
	x.current = b
}

// Answered tells that the head of the answer that counts has come: what the backend is judged by, and what of
// its time counts as its own.
func (x *Exchange) Answered(status int) {
	b := x.current
	if b == nil {
		return
	}
	now := x.attempt
	observes := x.pool.view.Load().observes
	if observes {
		now = x.pool.since(time.Now())
	}
	if blamed(status) {
		x.verdict = verdictBad
		b.failed(now, false, 0)
	} else {
		x.verdict, x.ended = verdictGood, b.succeeded()
	}
	b.probedBy(x, now)
	if observes { // After the penalty, so that a late failure counts with its length, and a fast one earns nothing.
		b.cost.Observe(now-x.attempt, now)
	}
}

// Moves says whether a client that came with this affinity is at home at the current backend from now on. Who was not
// served at home because that was busy, failed once, or is on trial, stays at home: it is in rotation still.
func (x *Exchange) Moves(affinity string) bool {
	b := x.current
	if b == nil || affinity == b.affinity {
		return false
	}
	return x.pool.view.Load().byAffinity[affinity] == nil
}

// blamed says whether a status tells of a backend that is not well. A method or version that it does not know is the
// request's doing.
func blamed(status int) bool { return status >= 500 && status != 501 && status != 505 }

// maxRefused is how many other backends a request goes on to, in one round, because it could not be connected to one.
const maxRefused = 3

// Again ends an attempt that failed with cause, if another one may follow. It is for requests of which nothing was processed,
// or which may be processed twice. A connection that could not be made costs nothing: others are tried, and where there are none
// the request waits for news. Whatever else follows is for the pool's retries and their budget to say. The attempt counts as an error of the backend, so there is none
// for a cause that is not its fault. If it is false the attempt goes on.
func (x *Exchange) Again(now time.Time, cause Cause) bool {
	if x.current == nil || !cause.blames() {
		return false
	}
	p := x.pool
	v := p.view.Load()
	if cause != CauseConnectFailed {
		x.sent = true
	} else if x.reachesOn(v, p.since(now)) {
		return x.again(now, cause)
	}
	return x.pay(v) && x.again(now, cause)
}

// reachesOn says whether the request goes on without a retry after it could not be connected: to another backend, if it was not
// at too many nor for too long, or, where there is none, to wait for news of those that it was at.
func (x *Exchange) reachesOn(v *view, at time.Duration) bool {
	switch others := v.others(x); {
	case at-x.began-x.held >= v.settings.Timeout:
		return false
	case others && x.refused >= maxRefused:
		return false
	case others:
		x.refused++
	}
	return true
}

// pay takes one of the pool's retries for the request, if it may have another and the budget has one.
func (x *Exchange) pay(v *view) bool {
	p := x.pool
	if x.retried >= v.settings.Retries {
		return false
	}
	if !p.budget.withdraw(p.load.begun.Load()) {
		p.denied.Add(1)
		return false
	}
	x.retried++
	return true
}

func (x *Exchange) again(now time.Time, cause Cause) bool {
	b := x.current
	at := x.pool.since(now)
	b.errors.Add(1)
	x.blame(b, at, cause)
	b.probedBy(x, at)
	x.attempt = at
	x.tried, x.doubtsUntil = append(x.tried, b), at+x.grace()
	x.current, x.verdict, x.ended = nil, verdictNone, 0
	b.release()
	return true
}

// Done ends the exchange when the answer has been passed on whole, or as much of it as there will
// be. status is what the client was answered, or 499 if it left before. Only the first call counts.
func (x *Exchange) Done(now time.Time, status int, cause Cause) {
	if x.done || x.pool == nil {
		return
	}
	x.done = true
	at := x.pool.since(now)
	served := x.current != nil && !cause.rejects()
	if b := x.current; b != nil {
		x.current = nil
		b.answered(status, cause, at-x.attempt)
		if cause == CauseClientGone && x.verdict == verdictNone && x.pool.view.Load().observes { // Else who never answers looks fast.
			b.cost.AtLeast(at-x.attempt, at)
		}
		if cause.blames() {
			x.blame(b, at, cause)
			if cause == CauseTimeout {
				b.cost.Observe(at-x.attempt, at)
			}
		}
		b.probedBy(x, at)
		b.release()
	}
	x.pool.answered(ending{at: at, took: at - x.began, held: x.held, status: status, cause: cause, served: served, asleep: x.asleep})
}

// blame counts a failure of the backend's, once: an answer that was one from the start may break off as well.
func (x *Exchange) blame(b *Backend, at time.Duration, cause Cause) {
	if x.verdict != verdictBad {
		b.failed(at, cause == CauseConnectFailed, x.ended)
	}
}

func (x *Exchange) wasTried(b *Backend) bool { return slices.Contains(x.tried, b) }
