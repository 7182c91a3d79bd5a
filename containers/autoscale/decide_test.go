package autoscale

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
			act:  func(s *story) { s.run(2*time.Second, 5, 50).run(5*time.Second, 50, 500) },
			// 50 ms after the step the shortest window begins to fill with it; after 250 ms it is full: 125 - 2.5 x 11.2
			// = 97 in 0.25 s are 388/s. The last one is for the doubt that a longer window lifts.
			want: []string{"2.05s scale-out 1->2", "2.35s scale-out 2->6"},
		},
		{
			name: "what is starting counts",
			pool: newStory(scaling, 3, 0),
			act:  func(s *story) { s.boot = time.Minute; s.run(30*time.Second, 31, 0) },
			want: []string{"150ms scale-out 3->4"},
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
			name: "scale-in comes after the hold-down and by halves of what serves",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.run(20*time.Second, 60, 600).run(time.Minute, 1, 10) },
			want: []string{"150ms scale-out 1->7", "32.05s scale-in 7->6", "37.05s scale-in 6->4", "42.05s scale-in 4->2", "47.05s scale-in 2->1"},
		},
		{
			name: "demand that comes back within the hold-down keeps everything",
			pool: newStory(scaling, 1, 0),
			act: func(s *story) {
				s.run(5*time.Second, 25, 250)
				for range 10 {
					s.run(9*time.Second, 0, 0).run(2*time.Second, 25, 250)
				}
			},
			want: []string{"150ms scale-out 1->3"},
		},
		{
			name: "never below the originals",
			pool: newStory(scaling, 3, 2),
			act:  func(s *story) { s.run(2*time.Minute, 0, 0) },
			want: []string{"10.05s scale-in 5->3"},
		},
		{
			name: "never below the minimum",
			pool: newStory(with(scaling, func(p *Policy) { p.Min = 4 }), 1, 5),
			act:  func(s *story) { s.run(2*time.Minute, 0, 0) },
			want: []string{"10.05s scale-in 6->4"},
		},
		{
			name: "the minimum is brought up without any request",
			pool: newStory(with(scaling, func(p *Policy) { p.Min = 3 }), 1, 0),
			act:  func(s *story) { s.run(time.Minute, 0, 0) },
			want: []string{"50ms scale-out 1->3"},
		},
		{
			name: "never above the maximum",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 4 }), 1, 0),
			act:  func(s *story) { s.run(time.Minute, 1000, 0) },
			want: []string{"150ms scale-out 1->4"},
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
			want: []string{"10.05s scale-in 4->2", "15.05s scale-in 2->1"},
		},
		{
			name: "the classic rule adds one per interval, and keeps them while there are too many",
			pool: newStory(classic, 1, 0),
			act:  func(s *story) { s.run(40*time.Second, 0, 10).run(45*time.Second, 0, 1) },
			// 10/s pass 20 at 2.1 s, for the first sample is not counted; an interval lasts 15 s. More
			// than 20 remain in the window until 54.4 s.
			want: []string{
				"2.1s scale-out 1->2", "17.1s scale-out 2->3", "32.1s scale-out 3->4", "47.1s scale-out 4->5",
				"1m24.55s scale-in 5->3",
			},
		},
		{
			name: "stale data freezes, and says so once a minute",
			pool: newStory(scaling, 1, 3),
			act:  func(s *story) { s.Stale = true; s.run(80*time.Second, 0, 0) },
			want: []string{"10.05s refuse 4->4", "1m10.05s refuse 4->4"},
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
			want: []string{"150ms refuse 1->1", "5.05s scale-out 1->4"},
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
			want: []string{"10.05s scale-out 1->2"},
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
			want: []string{"150ms refuse 1->1", "30.05s refuse 1->1"},
		},
		{
			name: "a dry run says what it would do and does not repeat it",
			pool: newStory(with(scaling, func(p *Policy) { p.DryRun = true }), 1, 0),
			act: func(s *story) {
				s.run(50*time.Second, 30, 300).run(5*time.Second, 44, 440).run(10*time.Second, 20, 200)
			},
			want: []string{"150ms scale-out 1->4 dry", "50.05s scale-out 1->6 dry", "50.65s scale-out 1->7 dry", "50.9s scale-out 1->8 dry", "53.65s scale-out 1->9 dry"},
		},
		{
			name: "after a restart what runs is kept for one hold-down",
			pool: newStory(scaling, 1, 5),
			act:  func(s *story) { s.run(10*time.Second, 0, 0) },
		},
		{
			name: "unhealthy replicas are made up for, and count towards the maximum",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 5 }), 3, 0),
			act: func(s *story) {
				s.Unhealthy, s.Ready = 1, 2
				s.run(20*time.Second, 20, 200).run(20*time.Second, 50, 500)
			},
			want: []string{"150ms scale-out 3->4", "20.15s scale-out 4->5", "20.25s refuse 5->5"},
		},
		{
			name: "a step of 10x wakes the warm one, starts more, and holds the rest",
			pool: newStory(scaling, 1, 0),
			act: func(s *story) {
				s.Warm = 1
				s.run(20*time.Second, 5, 50)
				s.Queued = 20
				s.run(time.Second, 30, 500)
			},
			// The first is awake a tick later.
			want: []string{"20.05s scale-out 1->2", "20.35s scale-out 2->5"},
		},
		{
			name: "a burst of long requests is no rate",
			pool: newStory(with(scaling, func(p *Policy) { p.Max = 100 }), 3, 0),
			act: func(s *story) {
				s.run(30*time.Second, 20, 2) // Ten seconds each.
				s.Sample.Requests += 40
				s.run(time.Second, 30, 2)
			},
			want: []string{"30.05s scale-out 3->8"}, // 60 are busy then.
		},
		{
			name: "streams that never end keep what they need",
			pool: newStory(scaling, 1, 2),
			act:  func(s *story) { s.run(2*time.Minute, 22, 0) },
		},
		{
			name: "requests per second",
			pool: newStory(Policy{Min: 1, Max: 9, RPS: 50, HoldDown: time.Minute}, 1, 0),
			act:  func(s *story) { s.run(30*time.Second, 3, 200) },
			want: []string{"150ms scale-out 1->2", "450ms scale-out 2->3", "750ms scale-out 3->4"},
		},
		{
			name: "use of processors, with a tolerance",
			pool: newStory(Policy{Min: 1, Max: 9, CPU: 70, HoldDown: 10 * time.Second}, 3, 0),
			act: func(s *story) {
				s.Measured, s.CPUUse = 3, 76
				s.run(20*time.Second, 1, 1)
				s.CPUUse = 80
				s.run(500*time.Millisecond, 1, 1)
			},
			want: []string{"20.05s scale-out 3->4"},
		},
		{
			name: "what nothing recent is known of adds nothing",
			pool: newStory(Policy{Min: 1, Max: 9, CPU: 70, Memory: 70, HoldDown: 10 * time.Second}, 3, 0),
			act:  func(s *story) { s.CPUUse, s.MemoryUse = 100, 100; s.run(20*time.Second, 1, 1) },
		},
		{
			name: "latency that more replicas do not help adds two, rests, and gives them back",
			pool: newStory(with(scaling, func(p *Policy) { p.Latency = 100 * time.Millisecond; p.Concurrency = 8 }), 3, 0),
			act: func(s *story) {
				s.P95 = 120 * time.Millisecond
				for range 75 {
					s.run(time.Second, 0.6*float64(8*s.Ready), 60*float64(s.Ready))
				}
			},
			want: []string{"50ms scale-out 3->4", "10.05s scale-out 4->5", "30.05s scale-in 5->4", "56.05s scale-in 4->3"},
		},
		{
			name: "latency a little under the target keeps nothing that is idle",
			pool: newStory(with(scaling, func(p *Policy) { p.Latency = 250 * time.Millisecond }), 1, 9),
			act:  func(s *story) { s.P95 = 200 * time.Millisecond; s.run(time.Minute, 5, 25) },
			want: []string{"10.05s scale-in 10->5", "15.05s scale-in 5->3", "20.05s scale-in 3->2", "25.05s scale-in 2->1"},
		},
		{
			name: "latency of an idle pool adds nothing: it is not for want of replicas",
			pool: newStory(with(scaling, func(p *Policy) { p.Latency = 100 * time.Millisecond }), 3, 0),
			act:  func(s *story) { s.P95 = time.Second; s.run(time.Minute, 12, 12) },
		},
		{
			name: "to zero when nothing was requested, and back with the first request",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 30*time.Second }), 1, 1),
			act: func(s *story) {
				s.run(time.Minute, 0, 0)
				s.Queued = 1
				s.Sample.Requests++
				s.run(Tick, 1, 0)
				s.Queued = 0
				s.run(2*time.Second, 0, 0)
			},
			want: []string{"10.05s scale-in 2->1", "30.05s scale-in 1->0", "1m0.05s scale-out 0->1"},
		},
		{
			name: "a stream is never idle",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 5*time.Second }), 1, 0),
			act:  func(s *story) { s.run(time.Minute, 1, 0) },
		},
		{
			name: "a stream of who is ignored keeps nothing awake, and wakes nothing",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 5*time.Second }), 1, 0),
			act:  func(s *story) { s.Ignored = 1; s.run(time.Minute, 1, 0) },
			want: []string{"5.05s scale-in 1->0"},
		},
		{
			name: "a stream beside one of who is ignored does",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 5*time.Second }), 1, 0),
			act:  func(s *story) { s.Ignored = 1; s.run(time.Minute, 2, 0) },
		},
		{
			name: "who looks at the waiting page keeps what starts, however long that takes",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 30*time.Second }), 0, 0),
			act: func(s *story) {
				s.boot = 40 * time.Second
				s.run(Tick, 0, 0)
				s.Sample.Requests, s.Watching = 1, 1 // It is given the page at once.
				s.run(40*time.Second, 0, 0)
				s.Watching = 0
				s.run(time.Minute, 0, 0)
			},
			want: []string{"100ms scale-out 0->1", "1m10.05s scale-in 1->0"},
		},
		{
			name: "who looks at the waiting page of a pool that has gone to sleep wakes it",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 30*time.Second }), 0, 0),
			act:  func(s *story) { s.run(Tick, 0, 0); s.Watching = 1; s.run(time.Second, 0, 0) },
			want: []string{"100ms scale-out 0->1"},
		},
		{
			name: "nothing runs and nothing is asked for after a start",
			pool: newStory(with(scaling, func(p *Policy) { p.Min, p.Idle = 0, 5*time.Second }), 0, 0),
			act:  func(s *story) { s.run(time.Minute, 0, 0) },
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
			act:  func(s *story) { s.Starting = 1; s.run(2*time.Second, 51.2, 0) },
			want: "51.2 busy slots over 0.1 s + 7.2 headroom = 58.4, 10 per backend -> 6 backends; 3 ready, 1 starting: start 2",
		},
		{
			name: "requests that are quick",
			pool: newStory(Policy{Min: 1, Max: 20, Concurrency: 1, HoldDown: time.Second}, 1, 0),
			act: func(s *story) {
				s.Blocked = "no image"
				s.run(20*time.Second, 4, 20_000)
				s.Blocked, s.told, s.decided = "", nil, nil
				s.run(Tick, 4, 20_000)
			},
			want: "19965 req/s x 0.0002 s = 4 busy slots + 2 headroom + 3 to clear 14965 waiting in 1 s = 9, 1 per backend -> 9 backends; 1 ready, 0 starting: start 8",
		},
		{
			name: "capped",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.Unhealthy = 2; s.run(2*time.Second, 70.1, 0) },
			want: "70.1 busy slots over 0.1 s + 8.4 headroom = 78.5, 10 per backend -> 8 backends, at most 6 by scale.max; 1 ready, 0 starting, 2 unhealthy: start 3",
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
			want: "7 busy slots over 1 s + 2.7 headroom = 9.7, 10 per backend -> 1 backend; at most 1 wanted in the last 1s; 6 ready, 0 starting: remove 3 of 5 clones, at most half of what serves every 5s",
		},
		{
			name: "stale",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.Stale = true; s.run(time.Second, 8, 0) },
			want: "the engine cannot be reached, so the number of replicas may be wrong: scaling is frozen; " +
				"8 busy slots over 0.1 s + 2.9 headroom = 10.9, 10 per backend -> 2 backends; 1 ready, 0 starting",
		},
		{
			name: "blocked",
			pool: newStory(scaling, 1, 0),
			act:  func(s *story) { s.Blocked = "image web:1 is not there: build it"; s.run(time.Second, 8, 0) },
			want: "image web:1 is not there: build it; " +
				"8 busy slots over 0.1 s + 2.9 headroom = 10.9, 10 per backend -> 2 backends; 1 ready, 0 starting",
		},
		{
			name: "unhealthy",
			pool: newStory(Policy{Min: 1, Max: 2, Concurrency: 10}, 1, 0),
			act:  func(s *story) { s.Unhealthy = 1; s.run(time.Second, 8, 0) },
			want: "unhealthy replicas count towards the maximum of 2; " +
				"8 busy slots over 0.1 s + 2.9 headroom = 10.9, 10 per backend -> 2 backends; 1 ready, 0 starting, 1 unhealthy",
		},
		{
			name: "taken out by hand",
			pool: newStory(Policy{Min: 1, Max: 2, Concurrency: 10}, 1, 0),
			act:  func(s *story) { s.Unhealthy, s.Aside = 1, 1; s.run(time.Second, 8, 0) },
			want: "what was taken out by hand and what is unhealthy count towards the maximum of 2; " +
				"8 busy slots over 0.1 s + 2.9 headroom = 10.9, 10 per backend -> 2 backends; 1 ready, 0 starting, 1 taken out by hand",
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
	if diff := cmp.Diff([]string{"d", "c", "b", "a"}, s.decided[0].Victims); diff != "" {
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
	if diff := cmp.Diff([]string{"50ms scale-in 7->6"}, s.told); diff != "" {
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
		{"demand", Policy{Min: 1, Max: 9, Concurrency: 10}, 40, 5},
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
	s.Busy, s.Sample.Requests, s.Service = 0, 0, 0
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

func TestDigits(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0:                            10 * time.Microsecond,
		204 * time.Microsecond:       200 * time.Microsecond,
		9876 * time.Microsecond:      9880 * time.Microsecond,
		98_760 * time.Microsecond:    98_800 * time.Microsecond,
		1_234_567 * time.Microsecond: 1_235 * time.Millisecond,
	} {
		if got := digits(d); got != want {
			t.Errorf("digits(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestDecide_gives_up_nothing_when_all_is_kept(t *testing.T) {
	for _, least := range []int{0, 1} {
		s := newStory(Policy{Min: least, Max: 9, Concurrency: 10, HoldDown: 10 * time.Second, Idle: 10 * time.Second}, 1, 3)
		s.Keeps = true
		s.run(time.Minute, 0, 0)
		if len(s.told) > 0 {
			t.Errorf("min %d: decided %q", least, s.told)
		}
		s.run(10*time.Second, 60, 100)
		if len(s.told) == 0 || s.decided[0].Action != ActionScaleOut {
			t.Errorf("min %d: decided %q, want to scale out", least, s.told)
		}
		s.Keeps, s.told = false, nil
		s.run(time.Minute, 0, 0)
		if len(s.told) == 0 {
			t.Errorf("min %d: nothing is given up after that", least)
		}
	}
}
