package sim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadTrace(t *testing.T) {
	trace, err := ReadTrace(strings.NewReader("# a pool\n# resolution_seconds=10\n# slots=4\n# service_seconds=0.25\nrequests\n3\n0\n12.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	if trace.About != "a pool" || trace.Duration() != 30*time.Second || trace.Slots != 4 || trace.Service != 250*time.Millisecond ||
		!trace.Random || !slices.Equal(trace.Requests, []float64{3, 0, 12.5}) {
		t.Errorf("ReadTrace() = %+v", trace)
	}
}

func TestReadTrace_says_what_is_wrong_and_where(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "# nothing\nrequests\n", "no number of requests"},
		{"two_columns", "requests\n1\n1,2\n", `line 3: "1,2" must be a number`},
		{"negative", "-1\n", "line 1"},
		{"not_a_number", "1\nNaN\n", "line 2"},
		{"resolution", "# resolution_seconds=0\n1\n", "resolution_seconds=0 must be"},
		{"slots", "# slots=none\n1\n", "slots=none must be"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ReadTrace(strings.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadTrace() = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add("# resolution_seconds=60\nrequests\n1\n2.5\n")
	f.Add("\ufeffrequests\n1e9\n")
	f.Fuzz(func(t *testing.T, in string) {
		trace, err := ReadTrace(strings.NewReader(in))
		if err == nil && (len(trace.Requests) == 0 || trace.Resolution <= 0 || !(trace.Total() >= 0)) {
			t.Errorf("ReadTrace(%q) = %+v", in, trace)
		}
	})
}

func TestNamed(t *testing.T) {
	names, abouts := Names()
	for i, name := range names {
		trace := Named(name, 1)
		if trace == nil || trace.Name != name || abouts[i] == "" || trace.Duration() < 20*time.Minute || trace.Total() < 1000 {
			t.Errorf("Named(%q) = %+v", name, trace)
		}
	}
	if Named("none", 1) != nil {
		t.Error("Named() of an unknown name is something")
	}
}

// A pool at rest with 500 requests per second of 0.1 s keeps 50 slots busy, and 2*sqrt(50) = 14.1 are headroom.
func TestTrace_steadyNeed(t *testing.T) {
	for _, tt := range []struct {
		rate float64
		want int
	}{{500, 7}, {10, 1}, {0, 1}, {1000, 12}} {
		if got := constant(tt.rate, 5*time.Minute).steadyNeed(10, 100*time.Millisecond); got != tt.want {
			t.Errorf("steadyNeed() of %v requests per second = %d, want %d", tt.rate, got, tt.want)
		}
	}
}

func TestTrace_Scale(t *testing.T) {
	one := step(0)
	if one.Scale(1, 1) != one {
		t.Error("scaled by 1 it is another trace")
	}
	got := one.Scale(0.5, 4)
	if got.Duration() != 5*time.Minute || got.rate(time.Minute) != 250 || got.Steps[0] != 30*time.Second {
		t.Errorf("scaled by 0.5 and 4 it lasts %s, has %v requests per second after a minute, and steps at %s", got.Duration(), got.rate(time.Minute), got.Steps)
	}
}

func TestSchedule(t *testing.T) {
	trace := constant(50, time.Minute)
	trace.Random, trace.Requests[30] = false, 0
	all := slices.Collect(Schedule(trace, 100*time.Millisecond, 7))
	c := Default()
	c.Trace, c.Seed = trace, 7
	if r := simulate(t, c); uint64(len(all)) != r.Requests || len(all) != 59*50 {
		t.Errorf("%d requests are scheduled, %d simulated, want 2950 of both", len(all), r.Requests)
	}
	if !slices.IsSortedFunc(all, func(a, b Request) int { return int(a.At - b.At) }) {
		t.Error("requests are out of order")
	}
	for _, r := range all {
		if r.At >= 30*time.Second && r.At < 31*time.Second || r.Service <= 0 {
			t.Errorf("a request at %s that takes %s", r.At, r.Service)
		}
	}
	if again := slices.Collect(Schedule(trace, 100*time.Millisecond, 7)); !slices.Equal(all, again) {
		t.Error("one seed made two schedules")
	}
	for range Schedule(trace, time.Second, 1) {
		break // It can be left.
	}
}
