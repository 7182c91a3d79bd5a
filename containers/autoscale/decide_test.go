package autoscale

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// story is a pool whose decisions are carried out, so that what Decide wants has consequences.
type story struct {
	Policy
	Sample
	history History
	start   time.Time
	now     time.Time
	// boot is how long a new clone takes to become ready.
	boot    time.Duration
	booting []time.Time
	made    int
	// told are the decisions as "1.2s scale-out 3->4"; reasons and decided go with them.
	told    []string
	decided []Decision
	last    Outcome
	// seen is the sample that the last outcome was made from.
	seen Sample
}

func newStory(p Policy, originals, clones int) *story {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &story{Policy: p, start: start, now: start, boot: time.Second}
	s.Originals, s.Ready = originals, originals
	for range clones {
		s.add()
	}
	return s
}

func (s *story) add() {
	s.made++
	s.Ready++
	s.Clones = append(s.Clones, Clone{ID: fmt.Sprint("id", s.made), Name: fmt.Sprint("ballast-p-", s.made)})
}

// run lets time pass with so many requests in flight and so many per second.
func (s *story) run(d time.Duration, inFlight, perSecond float64) *story {
	arrived := float64(s.Sample.Requests)
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(Tick)
		for len(s.booting) > 0 && !s.now.Before(s.booting[0]) {
			s.booting = s.booting[1:]
			s.Starting--
			s.add()
		}
		s.InFlight = int(inFlight)
		s.Busy += inFlight * Tick.Seconds()
		arrived += perSecond * Tick.Seconds()
		s.Sample.Requests = uint64(arrived + 1e-6)
		s.seen = s.Sample
		s.seen.Clones = slices.Clone(s.Clones)
		s.last = Decide(s.now, s.Policy, &s.history, s.Sample)
		if s.last.Decided {
			s.carryOut(s.last.Decision)
		}
	}
	return s
}

func (s *story) carryOut(d Decision) {
	s.decided = append(s.decided, d)
	dry := ""
	if d.DryRun {
		dry = " dry"
	}
	s.told = append(s.told, fmt.Sprintf("%s %s %d->%d%s", s.now.Sub(s.start), d.Action, d.From, d.To, dry))
	if d.DryRun {
		return
	}
	for range d.To - d.From {
		s.Starting++
		s.booting = append(s.booting, s.now.Add(s.boot))
	}
	for _, id := range d.Victims {
		s.Clones = slices.DeleteFunc(s.Clones, func(c Clone) bool { return c.ID == id })
		s.Ready--
	}
}

func TestDecide_stories(t *testing.T) {
	scaling := Policy{Min: 1, Max: 10, Concurrency: 10, HoldDown: 10 * time.Second}
	classic := Policy{Min: 1, Max: 6, Requests: 20, Interval: 15 * time.Second, HoldDown: 30 * time.Second}
	with := func(p Policy, change func(*Policy)) Policy { change(&p); return p }

	tests := []struct {
		name string
		pool *story
		act  func(*story)
		want []string
	}{
		{
			name: "a step up is followed at once",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.run(2*time.Second, 5, 0).run(time.Second, 31, 0) },
			// The mean over 1 s passes 7, 14, 21 and 28 as the step fills the window.
			want: []string{
				"2.1s scale-out 1->2", "2.4s scale-out 2->3", "2.7s scale-out 3->4", "2.9s scale-out 4->5",
			},
		},
		{
			name: "what is starting counts",
			pool: newStory(scaling, 3, 0),
			act:  func(s *story) { s.boot = time.Minute; s.run(30*time.Second, 31, 0) },
			want: []string{"200ms scale-out 3->5"},
		},
		{
			name: "noise within what is there triggers nothing",
			pool: newStory(scaling, 3, 0),
			act: func(s *story) {
				for i := range 300 {
					s.run(Tick, []float64{20, 3, 30, 11, 25, 0, 28}[i%7], 0)
				}
			},
		},
		{
			name: "scale-in comes after the hold-down and by halves of what is spare",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.run(20*time.Second, 60, 0).run(time.Minute, 1, 0) },
			want: []string{
				"200ms scale-out 1->9",
				// The mean over 6 s falls by 1 each 0.1 s from 20 s on, so 9 are wanted until 20.3 s;
				// a want is held for up to 1/64 longer than the hold-down.
				"30.5s scale-in 9->8", "35.5s scale-in 8->5", "40.5s scale-in 5->3",
				"45.5s scale-in 3->2", "50.5s scale-in 2->1",
			},
		},
		{
			name: "demand that comes back within the hold-down keeps everything",
			pool: newStory(scaling, 1, 0),
			act: func(s *story) {
				s.run(5*time.Second, 25, 0)
				for range 10 {
					s.run(9*time.Second, 0, 0).run(2*time.Second, 25, 0)
				}
			},
			want: []string{"200ms scale-out 1->4"},
		},
		{
			name: "never below the originals",
			pool: newStory(scaling, 3, 2),
			act:  func(s *story) { s.run(2*time.Minute, 0, 0) },
			want: []string{"10.1s scale-in 5->4", "15.1s scale-in 4->3"},
		},
		{
			name: "never below the minimum",
			pool: newStory(with(scaling, func(p *Policy) { p.Min = 4 }), 1, 5),
			act:  func(s *story) { s.run(2*time.Minute, 0, 0) },
			want: []string{"10.1s scale-in 6->5", "15.1s scale-in 5->4"},
		},
		{
			name: "the minimum is brought up without any request",
			pool: newStory(with(scaling, func(p *Policy) { p.Min = 3 }), 1, 0),
			act:  func(s *story) { s.run(time.Minute, 0, 0) },
			want: []string{"100ms scale-out 1->3"},
		},
		{
			name: "never above the maximum",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 4 }), 1, 0),
			act:  func(s *story) { s.run(time.Minute, 1000, 0) },
			want: []string{"200ms scale-out 1->4"},
		},
		{
			name: "a maximum under the originals never acts upwards",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 2 }), 3, 0),
			act:  func(s *story) { s.Unhealthy, s.Ready = 2, 1; s.run(time.Minute, 1000, 0) },
		},
		{
			name: "maximum 0 never scales",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 0 }), 1, 0),
			act:  func(s *story) { s.run(time.Minute, 1000, 100).run(time.Minute, 0, 0) },
		},
		{
			name: "maximum 0 gives up the clones of before, whatever the demand",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 0 }), 1, 3),
			act:  func(s *story) { s.run(time.Minute, 1000, 100) },
			want: []string{"10.1s scale-in 4->3", "15.1s scale-in 3->2", "20.1s scale-in 2->1"},
		},
		{
			name: "the classic rule adds one per interval, and keeps them while there are too many",
			pool: newStory(classic, 1, 0),
			act:  func(s *story) { s.run(40*time.Second, 0, 10).run(45*time.Second, 0, 1) },
			// 10/s pass 20 at 2.2 s, for the first sample is not counted; an interval lasts 15 s. More
			// than 20 remain in the window until 54.4 s.
			want: []string{
				"2.2s scale-out 1->2", "17.2s scale-out 2->3", "32.2s scale-out 3->4", "47.2s scale-out 4->5",
				"1m24.6s scale-in 5->3",
			},
		},
		{
			name: "stale data freezes, and says so once a minute",
			pool: newStory(scaling, 1, 3),
			act:  func(s *story) { s.Stale = true; s.run(80*time.Second, 0, 0) },
			want: []string{"10.1s refuse 4->4", "1m10.1s refuse 4->4"},
		},
		{
			name: "stale data freezes scale-out as well",
			pool: newStory(scaling, 1, 0),
			act: func(s *story) {
				s.Stale = true
				s.run(5*time.Second, 30, 0)
				s.Stale = false
				s.run(time.Second, 30, 0)
			},
			want: []string{"200ms refuse 1->1", "5.1s scale-out 1->5"},
		},
		{
			name: "the classic rule begins no step from a number that may be wrong",
			pool: newStory(classic, 1, 0),
			act: func(s *story) {
				s.Stale = true
				s.run(10*time.Second, 0, 10)
				s.Stale = false
				s.run(time.Second, 0, 10)
			},
			want: []string{"10.1s scale-out 1->2"},
		},
		{
			name: "what is blocked is refused once, and again when the reason changes",
			pool: newStory(scaling, 1, 0),
			act: func(s *story) {
				s.Blocked = "image web:1 is not there"
				s.run(30*time.Second, 30, 0)
				s.Blocked = "this host has all the clones that it may have"
				s.run(30*time.Second, 35, 0)
			},
			want: []string{"200ms refuse 1->1", "30.1s refuse 1->1"},
		},
		{
			name: "a dry run says what it would do and does not repeat it",
			pool: newStory(with(scaling, func(p *Policy) { p.DryRun = true }), 1, 0),
			act:  func(s *story) { s.run(50*time.Second, 30, 0).run(5*time.Second, 44, 0).run(10*time.Second, 20, 0) },
			want: []string{
				"200ms scale-out 1->5 dry", "50.4s scale-out 1->6 dry", "50.9s scale-out 1->7 dry",
			},
		},
		{
			name: "after a restart what runs is kept for one hold-down",
			pool: newStory(scaling, 1, 5),
			act:  func(s *story) { s.run(10*time.Second, 0, 0) },
		},
		{
			name: "unhealthy replicas are made up for, and count towards the maximum",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 5 }), 3, 0),
			act:  func(s *story) { s.Unhealthy, s.Ready = 1, 2; s.run(20*time.Second, 20, 0).run(20*time.Second, 50, 0) },
			want: []string{"200ms scale-out 3->4", "20.1s scale-out 4->5", "20.3s refuse 5->5"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.act(tt.pool)
			if diff := cmp.Diff(tt.want, tt.pool.told); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
				for _, d := range tt.pool.decided {
					t.Logf("%s: %s", d.Action, d.Reason)
				}
			}
		})
	}
}

func TestDecide_reasons(t *testing.T) {
	scaling := Policy{Min: 1, Max: 6, Concurrency: 10, HoldDown: time.Second}
	tests := []struct {
		name string
		pool *story
		act  func(*story)
		want string
	}{
		{
			name: "requests in flight",
			pool: newStory(scaling, 3, 0),
			act:  func(s *story) { s.Starting = 1; s.run(2*time.Second, 31.2, 0) },
			want: "31.2 requests in flight over 0.1 s / (0.7 x 10 per backend) = 4.5 -> 5 backends; 3 ready, 1 starting: start 1",
		},
		{
			name: "capped",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.Unhealthy = 2; s.run(2*time.Second, 70.1, 0) },
			want: "70.1 requests in flight over 0.1 s / (0.7 x 10 per backend) = 10.1 -> 11 backends, at most 6 by scale.max; 1 ready, 0 starting, 2 unhealthy: start 3",
		},
		{
			name: "classic",
			pool: newStory(Policy{Min: 1, Max: 6, Requests: 20, Interval: 15 * time.Second}, 1, 0),
			act:  func(s *story) { s.run(2*time.Second, 3, 30) },
			want: "21 requests in the last 15s, more than 20 -> 2 backends; 1 ready, 0 starting: start 1",
		},
		{
			name: "minimum",
			pool: newStory(Policy{Min: 2, Max: 6}, 1, 0),
			act:  func(s *story) { s.run(time.Second, 3, 30) },
			want: "at least 2 backends by scale.min; 1 ready, 0 starting: start 1",
		},
		{
			name: "scale-in",
			pool: newStory(scaling, 1, 5),
			act:  func(s *story) { s.run(4*time.Second, 7, 0) },
			want: "7.0 requests in flight over 1 s / (0.7 x 10 per backend) = 1.0 -> 1 backend; at most 1 wanted in the last 1s; 6 ready, 0 starting: remove 2 of 5 clones, at most half of the spare every 5s",
		},
		{
			name: "stale",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.Stale = true; s.run(time.Second, 8, 0) },
			want: "the engine cannot be reached, so the number of replicas may be wrong: scaling is frozen; " +
				"8.0 requests in flight over 0.1 s / (0.7 x 10 per backend) = 1.2 -> 2 backends; 1 ready, 0 starting",
		},
		{
			name: "blocked",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.Blocked = "image web:1 is not there: build it"; s.run(time.Second, 8, 0) },
			want: "image web:1 is not there: build it; " +
				"8.0 requests in flight over 0.1 s / (0.7 x 10 per backend) = 1.2 -> 2 backends; 1 ready, 0 starting",
		},
		{
			name: "unhealthy",
			pool: newStory(Policy{Min: 1, Max: 2, Concurrency: 10}, 1, 0),
			act:  func(s *story) { s.Unhealthy = 1; s.run(time.Second, 8, 0) },
			want: "unhealthy replicas count towards the maximum of 2; " +
				"8.0 requests in flight over 0.1 s / (0.7 x 10 per backend) = 1.2 -> 2 backends; 1 ready, 0 starting, 1 unhealthy",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.act(tt.pool)
			if len(tt.pool.decided) == 0 {
				t.Fatal("no decision")
			}
			if diff := cmp.Diff(tt.want, tt.pool.decided[0].Reason); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecide_victims_are_the_least_busy_and_then_the_last_made(t *testing.T) {
	s := newStory(Policy{Min: 1, Max: 30, Concurrency: 10}, 1, 0)
	s.Ready = 8
	s.Clones = []Clone{
		{"a", "ballast-p-9", 1},
		{"b", "ballast-p-10", 1},
		{"c", "ballast-p-1", 0},
		{"d", "ballast-p-2", 0},
		{"e", "ballast-p-11", 5},
		{"f", "ballast-p-3", 3},
		{"g", "ballast-p-4", 3},
	}
	before := slices.Clone(s.Clones)
	s.run(200*time.Millisecond, 0, 0)
	if len(s.decided) == 0 {
		t.Fatal("no decision")
	}
	if diff := cmp.Diff([]string{"d", "c", "b"}, s.decided[0].Victims); diff != "" {
		t.Errorf("Victims (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, []Clone{
		{"a", "ballast-p-9", 1},
		{"b", "ballast-p-10", 1},
		{"c", "ballast-p-1", 0},
		{"d", "ballast-p-2", 0},
		{"e", "ballast-p-11", 5},
		{"f", "ballast-p-3", 3},
		{"g", "ballast-p-4", 3},
	}); diff != "" {
		t.Errorf("the sample's clones were written to:\n%s", diff)
	}
}

func TestDecide_removes_no_more_than_there_are_clones(t *testing.T) {
	// Four of the clones that are listed are gone already: 7 run, 6 of them originals.
	s := newStory(Policy{Min: 1, Max: 9, Concurrency: 10}, 6, 5)
	s.Ready = 7
	s.run(200*time.Millisecond, 0, 0)
	if diff := cmp.Diff([]string{"100ms scale-in 7->6"}, s.told); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}

func TestDecide_desired(t *testing.T) {
	tests := []struct {
		name     string
		policy   Policy
		inFlight float64
		want     int
	}{
		{"demand", Policy{Min: 1, Max: 9, Concurrency: 10}, 30, 5},
		{"never below the originals", Policy{Min: 1, Max: 9, Concurrency: 10}, 0, 3},
		{"never above the maximum", Policy{Min: 1, Max: 4, Concurrency: 10}, 1000, 4},
		{"without scaling the originals", Policy{Concurrency: 10}, 1000, 3},
		{"without concurrency requests in flight ask for nothing", Policy{Min: 1, Max: 9}, 1000, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(tt.policy, 3, 1)
			s.run(2*time.Second, tt.inFlight, 0)
			if s.last.Desired != tt.want {
				t.Errorf("Desired = %d, want %d", s.last.Desired, tt.want)
			}
		})
	}
}

func TestDecide_survives_counters_that_begin_anew(t *testing.T) {
	s := newStory(Policy{Min: 1, Max: 10, Concurrency: 10, Requests: 200, Interval: 15 * time.Second, HoldDown: time.Second}, 1, 0)
	s.Busy, s.Sample.Requests = 1000, 1000
	s.run(10*time.Second, 5, 10)
	s.Busy, s.Sample.Requests = 0, 0
	s.run(10*time.Second, 5, 10)
	if len(s.told) != 0 {
		t.Errorf("decisions = %q, want none", strings.Join(s.told, "; "))
	}
}

func BenchmarkDecide(b *testing.B) {
	p := Policy{Min: 1, Max: 50, Concurrency: 10, Requests: 20, Interval: 15 * time.Second, HoldDown: time.Minute}
	h := &History{}
	s := Sample{Ready: 10, Originals: 3, InFlight: 12}
	for i := range 7 {
		s.Clones = append(s.Clones, Clone{ID: fmt.Sprint("id", i), Name: fmt.Sprint("ballast-p-", i)})
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(Tick)
		s.Busy += 12 * Tick.Seconds()
		s.Requests += 2
		Decide(now, p, h, s)
	}
}
