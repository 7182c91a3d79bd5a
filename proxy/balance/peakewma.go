package balance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// scanMost is how many candidates are all looked at; of more, two are drawn.
	scanMost = 16
	// costUnknown is the cost of a candidate that has requests in flight and has never answered one. It
	// puts it behind all that have, so that it gets one request first, not all of them.
	costUnknown = float64(24 * time.Hour)
)

// peakEWMA picks the smallest load = cost*(inflight+1)/weight, where cost is the peak-sensitive average
// of a backend's response times, decayed to now (see Cost): Finagle's PeakEwma, with weights. A candidate
// without history has load 0 while nothing is in flight there.
//
// Up to 16 candidates are all looked at, and equals take turns. Of more, two different ones are drawn and
// the lesser is taken (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001): a
// pick costs the same for a thousand. But then no candidate is looked at by more than 2 of n requests, so
// if few carry most of the weight they get less than their share.
type peakEWMA struct {
	turn
	clock      func() time.Duration
	candidates []Candidate
}

func newPeakEWMA(clock func() time.Duration, candidates []Candidate, position uint64) (*peakEWMA, error) {
	if clock == nil {
		return nil, errors.New("no clock")
	}
	for i, c := range candidates {
		if c.Cost == nil {
			return nil, fmt.Errorf("candidate %d has no cost", i)
		}
	}
	p := &peakEWMA{clock: clock, candidates: candidates}
	p.next.Store(position)
	return p, nil
}

// Pick implements Picker.
func (p *peakEWMA) Pick(*Request) int {
	now := tick(p.clock())
	if len(p.candidates) <= scanMost {
		return p.scan(now)
	}
	return p.draw(now)
}

func (p *peakEWMA) scan(now uint32) int {
	n := len(p.candidates)
	best := p.take(n)
	least := p.load(best, now)
	for i, left := best+1, n-1; left > 0; i, left = i+1, left-1 {
		if i >= n {
			i = 0
		}
		if load := p.load(i, now); load < least {
			best, least = i, load
		}
	}
	return best
}

func (p *peakEWMA) draw(now uint32) int {
	n := len(p.candidates)
	a, b := rand.IntN(n), rand.IntN(n-1)
	// The second is drawn from the others. To draw from all and take the next one if it is the same
	// would draw neighbours more often than others.
	if b >= a {
		b++
	}
	if p.load(b, now) < p.load(a, now) {
		return b
	}
	return a
}

func (p *peakEWMA) load(i int, now uint32) float64 {
	c := &p.candidates[i]
	active := max(c.InFlight.Load(), 0)
	cost, ok := c.Cost.at(now)
	if !ok && active > 0 {
		cost = costUnknown
	}
	return cost * float64(active+1) / float64(c.Weight)
}
