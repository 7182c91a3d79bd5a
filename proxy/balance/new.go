package balance

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// The policies.
const (
	PolicyWeighted     = "weighted"
	PolicyRoundRobin   = "round-robin"
	PolicyRandom       = "random"
	PolicyLeastRequest = "least-request"
	PolicyPeakEWMA     = "peak-ewma"
	PolicyIPHash       = "ip-hash"
	PolicyMaglev       = "maglev"
)

// Options say how to pick.
type Options struct {
	// Policy is one of the Policy constants.
	Policy string
	// Hash is what maglev hashes: HashIP, which is also meant by "", HashPath or HashKey.
	Hash string
	// Clock tells the time since a fixed moment, the same that Cost.Observe is told. Only peak-ewma
	// needs it.
	Clock func() time.Duration
}

// New builds the picker of a policy for candidates, of which there is at least one; it keeps the
// slice. previous is the picker that it takes the place of, or nil: policies that go round carry on
// where that one was, for a set that changes often must not start at its first again and again.
func New(o Options, candidates []Candidate, previous Picker) (Picker, error) {
	if len(candidates) == 0 {
		return nil, errors.New("no candidates")
	}
	for i, c := range candidates {
		if c.Weight < 1 {
			return nil, fmt.Errorf("candidate %d has weight %d, which is less than 1", i, c.Weight)
		}
	}
	switch o.Policy {
	case PolicyWeighted:
		return newWeighted(candidates, position(previous)), nil
	case PolicyRoundRobin:
		return newRoundRobin(candidates, position(previous)), nil
	case PolicyRandom:
		return newRandom(candidates), nil
	case PolicyLeastRequest:
		return newLeastRequest(candidates, position(previous)), nil
	case PolicyPeakEWMA:
		return newPeakEWMA(o.Clock, candidates, position(previous))
	case PolicyIPHash:
		return newIPHash(candidates)
	case PolicyMaglev:
		return newMaglev(o.Hash, candidates)
	default:
		return nil, fmt.Errorf("unknown policy %q", o.Policy)
	}
}

// turn counts picks. Every picker that goes round has one.
type turn struct{ next atomic.Uint64 }

// take returns whose turn it is, from 0 to n-1.
func (t *turn) take(n int) int { return int((t.next.Add(1) - 1) % uint64(n)) }

func (t *turn) at() uint64 { return t.next.Load() }

// position is the turn that a picker is at; 0 if it has none.
func position(p Picker) uint64 {
	if t, ok := p.(interface{ at() uint64 }); ok {
		return t.at()
	}
	return 0
}
