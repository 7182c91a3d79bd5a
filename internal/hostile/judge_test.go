package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/histogram"
)

// verdicts are what was met, by name.
func verdicts(r *report) map[string]bool {
	met := make(map[string]bool)
	for _, f := range r.checks {
		what, _, _ := strings.Cut(f.what, ",")
		met[what] = f.met
	}
	return met
}

// after is a result of which all latencies were d.
func after(d time.Duration) served {
	var h histogram.Histogram
	for range 1000 {
		h.Record(d)
	}
	return served{latency: h.Snapshot()}
}

// newPressure is a part in which all went well.
func newPressure(r *report) *pressure {
	return &pressure{
		stage: &stage{settingsAt: settingsAt{settings: settings{connections: 2, rounds: 1}}}, report: r,
		calm:     [2]served{after(time.Millisecond), after(time.Millisecond)},
		attacked: [2]served{after(time.Millisecond), after(time.Millisecond)},
		heads:    []curve{{opened: 2, allCut: true, held: headLimit}, {opened: 2, allCut: true, held: headLimit + late}},
		stalled:  [2][]time.Duration{{idleLimit, idleLimit + late}, {idleLimit - early, idleLimit}},
		left:     []int{0},
	}
}

func TestJudge(t *testing.T) {
	const good, failures = "good clients' p99 under attack", "good clients' failures"
	tests := []struct {
		name   string
		change func(p *pressure, end *usage)
		missed string // Of all the targets, the one.
	}{
		{"all_well", func(*pressure, *usage) {}, ""},
		{"twice_as_slow", func(p *pressure, _ *usage) { p.attacked[0] = after(2 * time.Millisecond) }, ""},
		{"slower_than_that", func(p *pressure, _ *usage) { p.attacked[0] = after(2100 * time.Microsecond) }, good},
		{"so_is_the_relay", func(p *pressure, _ *usage) {
			p.attacked = [2]served{after(4 * time.Millisecond), after(3 * time.Millisecond)}
		}, ""},
		{"slower_than_the_relay", func(p *pressure, _ *usage) {
			p.attacked = [2]served{after(7 * time.Millisecond), after(3 * time.Millisecond)}
		}, good},
		{"a_relay_that_got_faster_is_no_excuse_and_no_blame", func(p *pressure, _ *usage) { p.calm[1] = after(9 * time.Millisecond) }, ""},
		{"a_failure_in_calm", func(p *pressure, _ *usage) { p.calm[0].failed = 1 }, failures},
		{"a_failure_of_the_relay", func(p *pressure, _ *usage) { p.attacked[1].failed = 1 }, ""},
		{"heads_left_open", func(p *pressure, _ *usage) { p.heads[1].allCut = false }, "slow heads"},
		{"heads_cut_early", func(p *pressure, _ *usage) { p.heads[0].held = headLimit - 2*early }, "slow heads"},
		{"heads_cut_late", func(p *pressure, _ *usage) { p.heads[1].held = headLimit + 2*late }, "slow heads"},
		{"no_heads", func(p *pressure, _ *usage) { p.heads = nil }, "slow heads"},
		{"a_body_left_open", func(p *pressure, _ *usage) { p.stalled[0] = p.stalled[0][1:] }, "slow bodies"},
		{"a_reader_cut_late", func(p *pressure, _ *usage) { p.stalled[1][1] += 2 * late }, "slow readers"},
		{"a_reader_cut_early", func(p *pressure, _ *usage) { p.stalled[1][0] -= early }, "slow readers"},
		{"no_reader_cut", func(p *pressure, _ *usage) { p.stalled[1] = nil }, "slow readers"},
		{"orphans", func(p *pressure, _ *usage) { p.left[0] = 1 }, "orphaned connections when all are cut"},
		{"descriptors_kept", func(_ *pressure, end *usage) { end.files++ }, "descriptors at rest"},
		{"spare_goroutines_kept", func(_ *pressure, end *usage) { end.goroutines += spare }, ""},
		{"goroutines_kept", func(_ *pressure, end *usage) { end.goroutines += spare + 1 }, "goroutines at rest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &report{out: &out}
			p, start := newPressure(r), usage{files: 10, goroutines: 20}
			end := start
			tt.change(p, &end)
			p.judge(start, end)
			for what, met := range verdicts(r) {
				if met != (what != tt.missed) {
					t.Errorf("%s: met = %t, want %t", what, met, !met)
				}
			}
			if err := r.print(); (err != nil) != (tt.missed != "") {
				t.Errorf("print() = %v, want an error if something was missed:\n%s", err, out.String())
			}
		})
	}
}

func TestHostileOnes_leaves_out_probes(t *testing.T) {
	ended := []time.Duration{time.Millisecond, 60 * time.Second, 5 * time.Second, 10 * time.Second}
	if got := hostileOnes(ended); len(got) != 2 || got[0] != 60*time.Second || got[1] != 10*time.Second {
		t.Errorf("hostileOnes(%v) = %v, want the two long ones", ended, got)
	}
}
