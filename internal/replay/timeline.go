package main

import (
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

const (
	// curvePoints is how many a run's curve has.
	curvePoints = 240
	// settled is how long no request must have been late for a step to count as over, as in the simulator.
	settled = 10 * time.Second
)

// timeline is what happened when, from the beginning of a run on.
type timeline struct {
	mu    sync.Mutex // Guards all below.
	ends  []ended
	looks []looked
}

// ended is a request that is over.
type ended struct {
	due, at time.Duration
	// late says that it took longer than it should, and not by itself.
	late bool
}

// looked is how many replicas served at a moment, and how many requests waited for one.
type looked struct {
	at           time.Duration
	ready, queue int
}

func (l *timeline) end(e ended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends = append(l.ends, e)
}

func (l *timeline) look(k looked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks = append(l.looks, k)
}

// recovery is the longest from a step until the last request that was late because of it ended; nil without steps.
func (l *timeline) recovery(steps []time.Duration, length time.Duration) *float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortFunc(l.ends, func(a, b ended) int { return int(a.at - b.at) })
	var longest *float64
	for i, step := range steps {
		if step >= length {
			break
		}
		until := length + settled
		if i+1 < len(steps) {
			until = steps[i+1]
		}
		last := step
		for _, e := range l.ends {
			if e.late && e.at >= step && e.at < until && e.at <= last+settled {
				last = e.at
			}
		}
		if took := (last - step).Seconds(); longest == nil || took > *longest {
			longest = &took
		}
	}
	return longest
}

// asked is when the first request from a moment on was due; false if none was.
func (l *timeline) asked(from time.Duration) (at time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.ends {
		if e.due >= from && (!ok || e.due < at) {
			at, ok = e.due, true
		}
	}
	return at, ok
}

// curve is the run over time.
func (l *timeline) curve(length time.Duration, slots int) sim.Curve {
	l.mu.Lock()
	defer l.mu.Unlock()
	width := max(length/curvePoints, time.Second)
	n := int((length + width - 1) / width)
	c := sim.Curve{Width: width.Seconds(), Demand: make([]float64, n), Capacity: make([]float64, n), Held: make([]float64, n), P95: make([]float64, n)}
	took := make([][]time.Duration, n)
	for _, e := range l.ends {
		c.Demand[min(int(e.due/width), n-1)] += 1 / width.Seconds()
		i := min(int(e.at/width), n-1)
		took[i] = append(took[i], e.at-e.due)
	}
	count := make([]float64, n)
	for _, k := range l.looks {
		i := min(int(k.at/width), n-1)
		count[i]++
		c.Capacity[i] += float64(k.ready * slots)
		c.Held[i] = max(c.Held[i], float64(k.queue))
	}
	for i := range n {
		c.Capacity[i] /= max(count[i], 1)
		if k := len(took[i]); k > 0 {
			slices.Sort(took[i])
			c.P95[i] = took[i][(k*95+99)/100-1].Seconds()
		}
	}
	return c
}
