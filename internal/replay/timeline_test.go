package main

import (
	"testing"
	"time"
)

// Two steps: the first is over 3 s after it began, as what is late 11 s later is no consequence of it.
func TestTimeline_recovery(t *testing.T) {
	const s = time.Second
	var l timeline
	for _, e := range []ended{
		{9 * s, 9500 * time.Millisecond, true}, // Before.
		{10 * s, 11 * s, true},
		{11 * s, 13 * s, true},
		{12 * s, 12500 * time.Millisecond, false},
		{23 * s, 24500 * time.Millisecond, true},
		{31 * s, 32 * s, true},
	} {
		l.end(e)
	}
	if got := l.recovery([]time.Duration{10 * s, 30 * s, 50 * s}, 40*s); got == nil || *got != 3 {
		t.Errorf("recovery() = %v, want 3 s", got)
	}
	if got := l.recovery(nil, 40*s); got != nil {
		t.Errorf("recovery() without a step = %v", *got)
	}
	if at, ok := l.asked(10500 * time.Millisecond); !ok || at != 11*s {
		t.Errorf("asked() = %v, %v, want 11 s", at, ok)
	}
	if _, ok := l.asked(40 * s); ok {
		t.Error("asked() finds what is not there")
	}
}

func TestTimeline_curve(t *testing.T) {
	const s = time.Second
	var l timeline
	for i := range 20 {
		due := time.Duration(i) * s / 10 // Ten in each of two seconds,
		took := 100 * time.Millisecond
		if i == 4 {
			took = 300 * time.Millisecond
		}
		l.end(ended{due: due, at: due + took})
	}
	l.look(looked{0, 1, 7})
	l.look(looked{s / 2, 2, 3})
	l.look(looked{s, 2, 0})
	c := l.curve(2*s, 10)
	if len(c.Demand) != 2 || c.Width != 1 || c.Demand[0] != 10 || c.Demand[1] != 10 {
		t.Errorf("demand %v in steps of %v s, want 10 and 10 in 1 s", c.Demand, c.Width)
	}
	if c.Capacity[0] != 15 || c.Capacity[1] != 20 || c.Held[0] != 7 || c.Held[1] != 0 {
		t.Errorf("capacity %v, held %v, want 15 and 20, 7 and 0", c.Capacity, c.Held)
	}
	if c.P95[0] != 0.3 || c.P95[1] != 0.1 {
		t.Errorf("p95 %v, want 0.3 and 0.1", c.P95)
	}
}
