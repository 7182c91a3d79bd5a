package health

import (
	"testing"
	"time"
)

// A story is a string of checks, + for one that passes and - for one that fails, and after each
// the verdict that is reported: H healthy, U unhealthy, . nothing.
func TestState_observe(t *testing.T) {
	tests := []struct {
		name       string
		fall, rise int
		checks     string
		want       string
	}{
		{"the first pass makes healthy", 3, 2, "+", "H"},
		{"nothing is said twice", 3, 2, "+++", "H.."},
		{"a new one that fails is reported once", 3, 2, "----+", "U...H"},
		{"fall in a row make unhealthy", 3, 2, "+---", "H..U"},
		{"a pass in between starts the count anew", 3, 2, "+--+--+", "H......"},
		{"rise in a row make healthy again", 3, 2, "+---++", "H..U.H"},
		{"a failure in between starts that count anew", 3, 2, "+---+-+-++", "H..U.....H"},
		{"one is enough if so told", 1, 1, "+-+-", "HUHU"},
		{"flapping faster than the counts changes nothing", 3, 2, "+-+-+--+-+--+", "H............"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s state
			got := ""
			for _, check := range tt.checks {
				reason := ""
				if check == '-' {
					reason = "refused"
				}
				switch changed := s.observe(reason, Check{Fall: tt.fall, Rise: tt.rise}); {
				case !changed:
					got += "."
				case s.healthy:
					got += "H"
				default:
					got += "U"
				}
			}
			if got != tt.want {
				t.Errorf("after %s the reports are %s, want %s", tt.checks, got, tt.want)
			}
		})
	}
}

func TestState_observe_reports_another_reason(t *testing.T) {
	var s state
	check := Check{Fall: 1, Rise: 1}
	for i, step := range []struct {
		reason string
		want   bool
	}{{"refused", true}, {"refused", false}, {"status 503", true}} {
		if got := s.observe(step.reason, check); got != step.want {
			t.Errorf("step %d: observe(%q) = %t, want %t", i, step.reason, got, step.want)
		}
	}
}

func TestState_wait_grows_until_the_first_pass(t *testing.T) {
	check := Check{Interval: 100 * time.Millisecond, Fall: 3, Rise: 2}
	var s state
	passed, last := time.Duration(0), time.Duration(0)
	for last < check.Interval {
		s.observe("refused", check)
		delay := s.wait(check)
		// A tenth of what has passed, or 20 ms at first.
		if delay <= last || delay > 20*time.Millisecond+passed/10+time.Microsecond {
			t.Fatalf("wait = %s after %s, the last one %s", delay, passed, last)
		}
		passed, last = passed+delay, delay
	}
	s.observe("refused", check)
	if got := s.wait(check); got != check.Interval {
		t.Errorf("after %s wait = %s, want the interval", passed, got)
	}
	s.observe("", check)
	if got := s.wait(check); got != check.Interval {
		t.Errorf("after the first pass wait = %s, want the interval", got)
	}
}

func TestJitter_stays_within_a_tenth(t *testing.T) {
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		d := jitter(time.Second)
		low, high = min(low, d), max(high, d)
	}
	if low < 900*time.Millisecond || high > 1100*time.Millisecond {
		t.Errorf("jitter(1s) is between %s and %s, want 0.9s to 1.1s", low, high)
	}
	if high-low < 150*time.Millisecond {
		t.Errorf("jitter(1s) spreads over %s only", high-low)
	}
}
