package sim

import (
	"math"
	"time"
)

// hpa is the Horizontal Pod Autoscaler of Kubernetes on the CPU utilization, target 70 %, with its defaults. Busy slots
// stand for the CPU: a replica whose slots are all busy uses 100 %.
//
//	desired = ceil(ready * utilization / 0.70), and no change within 10 %
//	when some are not ready and it would scale up, these count as using nothing:
//	desired = ceil((ready + starting) * usage / (ready + starting) / 0.70)
//	up:   at most max(twice, 4 more) in 15 s, at once
//	down: to the highest desired of the last 300 s
//
// Source: kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale, "Algorithm details" and "Default behavior";
// pkg/controller/podautoscaler/replica_calculator.go, calcPlainMetricReplicas and GetResourceReplicas.
//
// The metrics server scrapes every 15 s what was used since the last time, and the controller looks every 15 s at the last
// scrape; where between two scrapes is drawn from the seed. The kubelet's own lag is left out, in the rule's favour. It can't go to zero.
type hpa struct {
	horizontal
	phase time.Duration
	busy  float64
	slots float64
	usage float64
	known bool
}

const (
	hpaTarget     = 0.70
	hpaTolerance  = 0.10
	hpaEvery      = 15 * time.Second
	hpaStabilize  = 300 * time.Second
	hpaScrapeStep = time.Second
)

func newHPA(c *Config) *hpa {
	return &hpa{phase: time.Duration(c.Seed*7%15) * time.Second}
}

// every is a second, for scrapes and looks are not at the same moments.
func (h *hpa) every() time.Duration { return hpaScrapeStep }
func (h *hpa) held(*pool)           {}

func (h *hpa) look(p *pool) {
	if p.now%hpaEvery == 0 && p.now > 0 {
		h.scrape(p)
	}
	if h.known && p.now%hpaEvery == h.phase {
		ready, starting := len(p.fleet.serving), p.fleet.nStarting
		want := utilizationWant(ready, starting, h.usage)
		p.bring(h.settle(p.now, p.fleet.total(), want, max(p.c.Min, 1), p.c.Max), nil)
	}
}

// scrape takes the mean utilization of the ready ones since the last time.
func (h *hpa) scrape(p *pool) {
	if grown := p.slots - h.slots; grown > 0 {
		// What drains is busy and has no slots any more, hence min.
		h.usage, h.known = min(1, (p.busy-h.busy)/grown), true
	}
	h.busy, h.slots = p.busy, p.slots
}

// utilizationWant is the replicas that a mean utilization of the ready ones asks for.
func utilizationWant(ready, starting int, usage float64) int {
	ratio := usage / hpaTarget
	if starting == 0 || ratio <= 1 {
		if math.Abs(ratio-1) <= hpaTolerance {
			return ready + starting
		}
		return ceil(ratio * float64(ready))
	}
	all := ready + starting
	ratio = ratio * float64(ready) / float64(all)
	if ratio < 1 || math.Abs(ratio-1) <= hpaTolerance {
		return all
	}
	return ceil(ratio * float64(all))
}

// ceil rounds up, and takes what is whole but for the arithmetic as whole.
func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }

// horizontal is what the HPA does with what a metric asks for.
type horizontal struct {
	// asked are the desired numbers of the last 300 s, and grown those that were added in the last 15 s.
	asked []asked
	grown []asked
}

type asked struct {
	at time.Duration
	n  int
}

// settle turns what the metric asks for into what is done.
func (h *horizontal) settle(now time.Duration, current, want, least, most int) int {
	h.asked = since(append(h.asked, asked{now, want}), now-hpaStabilize)
	h.grown = since(h.grown, now-hpaEvery)
	if want < current {
		// It is not more than it was, whatever was asked for meanwhile.
		for _, a := range h.asked {
			want = max(want, a.n)
		}
		want = min(want, current)
	}
	if want > current {
		before := current
		for _, g := range h.grown {
			before -= g.n
		}
		want = min(want, max(2*before, before+4))
		want = max(want, current)
	}
	want = min(max(want, least), most)
	if want > current {
		h.grown = append(h.grown, asked{now, want - current})
	}
	return want
}

// since drops those of before and at the moment.
func since(list []asked, after time.Duration) []asked {
	for len(list) > 0 && list[0].at <= after {
		list = list[1:]
	}
	return list
}
