package sim

import (
	"math"
	"time"
)

// kpa is Knative's autoscaler on concurrency, with its defaults.
//
//	target  = 0.7 * what a replica serves at once
//	stable  = ceil(mean concurrency of 60 s / target), panic = ceil(that of 6 s / target)
//	both within floor(ready / 2) and ceil(1000 * ready)
//	panic begins, or goes on, when panic / ready >= 2 (before the limits), and ends 60 s after that was last so
//	desired = stable; in panic max(stable, panic, the most of this panic): it never falls
//	to zero when it was 0 for 30 s (the grace), and from zero at the first request
//
// Source: knative.dev/docs/serving/autoscaling; knative/serving pkg/autoscaler/scaling/autoscaler.go (Scale), config-autoscaler's
// defaults. Concurrency includes what waits in the queue proxy and the activator; it is collected every second.
type kpa struct {
	c *Config
	// load is the integral at the end of each of the last seconds.
	load      []float64
	panicking bool
	panicked  time.Duration
	panicMost int
	zero      time.Duration
	isZero    bool
}

const (
	kpaTarget   = 0.7
	kpaEvery    = 2 * time.Second
	kpaStable   = 60
	kpaPanic    = 6
	kpaPanicAt  = 2.0
	kpaUp       = 1000.0
	kpaDown     = 2.0
	kpaGrace    = 30 * time.Second
	kpaSampling = time.Second
)

func newKPA(c *Config) *kpa { return &kpa{c: c} }

func (k *kpa) every() time.Duration { return kpaSampling }

// held: the activator tells of the first request at once when nothing runs.
func (k *kpa) held(p *pool) {
	if p.fleet.total() == 0 {
		p.bring(1, nil)
	}
}

func (k *kpa) look(p *pool) {
	k.load = append(k.load, p.load)
	if len(k.load) > kpaStable+1 {
		k.load = k.load[1:]
	}
	if p.now%kpaEvery != 0 || len(k.load) < 2 {
		return
	}
	want := k.want(p.now, len(p.fleet.serving), k.mean(kpaStable), k.mean(kpaPanic))
	want = max(want, p.c.Min)
	if want > 0 {
		k.isZero = false
	} else if !k.graceOver(p.now) {
		want = min(1, p.fleet.total())
	}
	p.bring(min(want, p.c.Max), nil)
}

// mean is the mean concurrency of the last seconds, or of what is known of them.
func (k *kpa) mean(seconds int) float64 {
	last := len(k.load) - 1
	n := min(seconds, last)
	return (k.load[last] - k.load[last-n]) / float64(n)
}

// graceOver tells whether nothing has been wanted for the whole grace.
func (k *kpa) graceOver(now time.Duration) bool {
	if !k.isZero {
		k.isZero, k.zero = true, now
	}
	return now-k.zero >= kpaGrace
}

// want is Scale of Knative.
func (k *kpa) want(now time.Duration, ready int, stable, panicMean float64) int {
	n := float64(max(1, ready))
	target := kpaTarget * float64(k.c.Slots)
	least, most := math.Floor(n/kpaDown), math.Ceil(n*kpaUp)
	stableWant := math.Ceil(stable/target - 1e-9)
	panicWant := math.Ceil(panicMean/target - 1e-9)

	over := panicWant/n >= kpaPanicAt
	switch {
	case over:
		k.panicking, k.panicked = true, now
	case k.panicking && now-k.panicked > kpaStable*time.Second:
		k.panicking, k.panicMost = false, 0
	}
	want := int(min(max(stableWant, least), most))
	if k.panicking {
		want = max(want, int(min(max(panicWant, least), most)))
		k.panicMost = max(k.panicMost, want)
		want = k.panicMost
	}
	return want
}
