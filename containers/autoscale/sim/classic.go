package sim

import "time"

// classic is the rule that many systems began with: more than so many requests within an interval add one replica, fewer
// remove one, one step per interval.
//
//	n = n + 1 if requests of the last 15 s > 20
//	n = n - 1 if they are < 20
//
// Source: the rule as Ballast offers it in ballast.scale.requests=20/15s, with its way down added.
type classic struct {
	seen uint64
}

const (
	classicEvery    = 15 * time.Second
	classicRequests = 20
)

func (k *classic) every() time.Duration { return classicEvery }
func (k *classic) held(*pool)           {}

func (k *classic) look(p *pool) {
	n := classicWant(p.fleet.total(), p.requests-k.seen)
	k.seen = p.requests
	p.bring(min(max(n, p.c.Min, 1), p.c.Max), nil)
}

// classicWant is what n replicas should become after so many requests.
func classicWant(n int, requests uint64) int {
	switch {
	case requests > classicRequests:
		return n + 1
	case requests < classicRequests:
		return n - 1
	}
	return n
}
