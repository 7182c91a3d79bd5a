package sim

import (
	"math"
	"time"
)

// keda is KEDA's HTTP add-on: the requests in flight and those that wait at its interceptor, over a target of what a
// replica serves at once.
//
//	from zero:  1 when the push scaler next tells, every 200 ms, that anything waits
//	desired = ceil((in flight + waiting) / target), and no change within 10 % of target * replicas
//	up and down as the HPA, which it hands the metric
//	to zero:    when there was nothing for 300 s (here no request at all: what it samples may miss short ones)
//
// Source: keda.sh/docs/concepts/scaling-deployments (pollingInterval, cooldownPeriod),
// github.com/kedacore/http-add-on (targetPendingRequests, concurrency, the scaler's StreamIsActive), and the HPA's GetExternalPerPodMetricReplicas.
type keda struct {
	horizontal
	active time.Duration
	seen   uint64
}

const (
	kedaEvery    = 15 * time.Second
	kedaCooldown = 300 * time.Second
	kedaPush     = 200 * time.Millisecond
)

func newKEDA(*Config) *keda { return &keda{} }

func (k *keda) every() time.Duration { return kedaEvery }

// held: the push scaler tells of what waits when nothing runs.
func (k *keda) held(p *pool) {
	if p.fleet.total() == 0 {
		p.lookAt(p.now + kedaPush)
	}
}

func (k *keda) look(p *pool) {
	load := p.executing + p.queue.n
	if load > 0 || p.requests > k.seen {
		k.active, k.seen = p.now, p.requests
	}
	current := p.fleet.total()
	switch {
	case current == 0 && load > 0:
		p.bring(1, nil)
	case current == 0 || p.now%kedaEvery != 0:
	case p.c.Min == 0 && p.now-k.active >= kedaCooldown:
		p.bring(0, nil)
	default:
		want := concurrencyWant(current, load, p.c.Slots)
		p.bring(k.settle(p.now, current, want, max(p.c.Min, 1), p.c.Max), nil)
	}
}

// concurrencyWant is the replicas that a load asks for at so many for each.
func concurrencyWant(current, load, target int) int {
	ratio := float64(load) / float64(target*current)
	if math.Abs(ratio-1) <= hpaTolerance {
		return current
	}
	return (load + target - 1) / target
}
