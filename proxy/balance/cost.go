package balance

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// costTau is how long it takes a cost to fall to 1/e, Finagle's default.
	costTau = 10 * time.Second
	// costTick is the unit of a cost's time stamp. 2^32 of them are five days.
	costTick = 100 * time.Microsecond
	// costSkew is how far a clock reading may lie behind the stamp, as it does when goroutines overtake one
	// another between reading the clock and telling it. Older than 2^32-costSkew ticks a cost can't be.
	costSkew = 1 << 20
	// failFirst is what a failure costs if nothing else is known.
	failFirst = 100 * time.Millisecond
	// failMost is what failures, or clients that gave up, alone can drive a cost to: among backends that take
	// 20 ms that is forgotten in a minute.
	failMost = 10 * time.Second
)

// Cost says what a request to a backend costs, in time: the peak-sensitive, exponentially weighted
// moving average of Finagle (com.twitter.finagle.loadbalancer.PeakEwma). An answer that took longer than
// the cost becomes the cost; another pulls it down, the more the longer ago the last one was:
//
//	rtt > cost: cost = rtt
//	else:       cost = cost*e^(-dt/tau) + rtt*(1-e^(-dt/tau))
//
// So it is quick to see that a backend got slow, and takes its time to believe that it is fast again.
// Without answers it decays towards 0, so that who was slow is asked again.
//
// The zero value has no history. A Cost belongs to one backend and lives as long; all methods may be
// called at any time by anyone, and take no lock. They are told the time since one fixed moment, a
// negative one is none. After 2^32 ticks without an answer (five days) a cost looks new again, and decays again.
type Cost struct {
	// word is the cost (a float32, in nanoseconds) above its stamp (in ticks, modulo 2^32). 0: no history.
	word atomic.Uint64
}

// Observe tells that an answer took rtt, at least a nanosecond.
func (c *Cost) Observe(rtt, now time.Duration) {
	took, at := float64(max(rtt, 1)), tick(now)
	for {
		word := c.word.Load()
		cost, stamp := unpack(word, at)
		dt, next := age(stamp, at), took
		if took <= cost {
			if dt == 0 {
				return
			}
			keep := decay(dt)
			next = cost*keep + took*(1-keep)
		}
		if c.word.CompareAndSwap(word, pack(next, stamp+dt)) {
			return
		}
	}
}

// AtLeast tells that there was no answer yet after waited, when who asked gave up. That may raise the cost, up to 10 s, and
// never lowers it: what the answer would have taken is not known, nor how much of waited the backend was waiting itself, for
// the rest of the request. Who never answered costs as much as a failure, or more.
func (c *Cost) AtLeast(waited, now time.Duration) {
	took, at := min(float64(waited), float64(failMost)), tick(now)
	for {
		word := c.word.Load()
		cost, stamp := unpack(word, at)
		dt, next := age(stamp, at), took
		switch {
		case cost == 0:
			next = max(took, float64(failFirst))
		case took <= cost*decay(dt):
			return
		}
		if c.word.CompareAndSwap(word, pack(next, stamp+dt)) {
			return
		}
	}
}

// Fail charges a penalty for a failure, lest a backend that fails at once looks fast and gets everything:
// its cost doubles, up to 10 s. So one failure among thousands of answers does little, and who goes on
// failing is soon behind all others, whatever these cost. A failure that took long, as a timeout does, is
// told to Observe too, and after Fail.
func (c *Cost) Fail(now time.Duration) {
	at := tick(now)
	for {
		word := c.word.Load()
		cost, stamp := unpack(word, at)
		dt, next := age(stamp, at), float64(failFirst)
		if cost > 0 {
			next = max(cost, min(2*cost, float64(failMost)))
		}
		if c.word.CompareAndSwap(word, pack(next, stamp+dt)) {
			return
		}
	}
}

// At returns the cost decayed to now. false: there is no history.
func (c *Cost) At(now time.Duration) (time.Duration, bool) {
	cost, ok := c.at(tick(now))
	return time.Duration(cost), ok
}

func (c *Cost) at(tick uint32) (cost float64, ok bool) {
	cost, stamp := unpack(c.word.Load(), tick)
	return cost * decay(age(stamp, tick)), cost > 0
}

func tick(now time.Duration) uint32 { return uint32(max(now, 0) / costTick) }

// age is how many ticks lie between a stamp and now, 0 if the stamp is the later one.
func age(stamp, now uint32) uint32 {
	dt := now - stamp
	if dt > math.MaxUint32-costSkew {
		return 0
	}
	return dt
}

// decay is what remains of a cost after dt ticks.
func decay(dt uint32) float64 { return math.Exp(-float64(dt) * float64(costTick) / float64(costTau)) }

func pack(cost float64, stamp uint32) uint64 {
	return uint64(math.Float32bits(float32(cost)))<<32 | uint64(stamp)
}

// unpack returns what a word says, and for the zero word that it is from now.
func unpack(word uint64, now uint32) (cost float64, stamp uint32) {
	if word == 0 {
		return 0, now
	}
	return float64(math.Float32frombits(uint32(word >> 32))), uint32(word)
}
