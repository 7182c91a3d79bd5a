package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// good is a cell whose targets are all met just so.
func good(trace string) cell {
	outcome := func(violations, cost float64, actions int) sim.Outcome {
		recovery, first, wake := 1.0, 0.3, 0.01
		return sim.Outcome{Result: sim.Result{
			Violations: violations, Cost: cost, Actions: actions, Requests: 1000, Peak: 17, Steady: 10,
			Recovery: &recovery, FirstAction: &first, Wake: &wake,
		}}
	}
	c := cell{trace: trace, boot: 2 * time.Second, fromZero: trace == "sparse", ours: map[int]sim.Outcome{}, others: map[string]sim.Outcome{
		"kpa": outcome(10, 4, 40), "hpa": outcome(20, 1, 9), "keda": outcome(12, 3, 9), "classic": outcome(0, 30, 99),
	}}
	for _, warm := range warms {
		c.ours[warm] = outcome(1, 2, 10)
	}
	return c
}

func TestFindings(t *testing.T) {
	tests := []struct {
		name, trace string
		change      func(o *sim.Outcome)
		missed      string // Part of the one target that is missed; none if "".
	}{
		{"all_met", "bursty", func(*sim.Outcome) {}, ""},
		{"more_violations", "diurnal", func(o *sim.Outcome) { o.Violations = 10.1 }, "no more violations"},
		{"as_good_as_equal", "diurnal", func(o *sim.Outcome) { o.Violations = 10.001 }, ""},
		{"more_cost", "diurnal", func(o *sim.Outcome) { o.Cost = 4.1 }, "no more violations"},
		{"lost", "diurnal", func(o *sim.Outcome) { o.Failed = 1 }, "no request lost"},
		{"nine_times_fewer", "bursty", func(o *sim.Outcome) { o.Violations = 1.1 }, "10x fewer"},
		{"over_half_the_cost", "bursty", func(o *sim.Outcome) { o.Cost = 2.1 }, "10x fewer"},
		{"acts_too_often", "bursty", func(o *sim.Outcome) { o.Actions = 11 }, "a quarter"},
		{"peaks", "step", func(o *sim.Outcome) { o.Peak = 18 }, "peak"},
		{"slow", "step", func(o *sim.Outcome) { late := 5.6; o.Recovery = &late }, "a step is over"},
		{"acts_late", "step", func(o *sim.Outcome) { late := 0.31; o.FirstAction = &late }, "first action within 300 ms"},
		{"wakes_late", "sparse", func(o *sim.Outcome) { late := 0.011; o.Wake = &late }, "from zero"},
		{"never_asleep", "sparse", func(o *sim.Outcome) { o.Wake = nil }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good(tt.trace)
			o := c.ours[1]
			tt.change(&o)
			c.ours[1] = o
			missed := ""
			for _, f := range c.findings() {
				if !f.met {
					missed += f.target
					if f.warm != 1 {
						t.Errorf("missed with %d warm: %s", f.warm, f.target)
					}
				}
			}
			if (tt.missed == "") != (missed == "") || !strings.Contains(missed, tt.missed) {
				t.Errorf("missed %q, want %q", missed, tt.missed)
			}
		})
	}
}

// With six warm clones a step is to be over in a second.
func TestFindings_with_enough_warm(t *testing.T) {
	c := good("step")
	o := c.ours[enoughWarm]
	late := 1.1
	o.Recovery = &late
	c.ours[enoughWarm] = o
	for _, f := range c.findings() {
		if strings.HasPrefix(f.target, "a step is over") && f.met == (f.warm == enoughWarm) {
			t.Errorf("with %d warm, %s: met %v", f.warm, f.found, f.met)
		}
	}
}

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"-traces", "step", "-boots", "300ms", "-seeds", "1"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"step             boot 300ms", "ballast+6", "no request lost", " met\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("run() prints no %q:\n%s", want, out.String())
		}
	}
	for _, args := range [][]string{{"-traces", "none"}, {"-seeds", "0"}, {"-boots", "soon"}} {
		if err := run(t.Context(), args, &out); err == nil {
			t.Errorf("run(%q) is no error", args)
		}
	}
}
