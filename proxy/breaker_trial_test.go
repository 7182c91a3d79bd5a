package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// probeLapse is how long a probe has a backend for itself at first, probePause the longest pause after one.
const (
	probeLapse = 2 * time.Second
	probePause = 30 * time.Second
)

// onTrial runs f in a bubble with a pool of n backends, of which a is on trial.
func onTrial(t *testing.T, s containers.Settings, n int, f func(t *testing.T, c *proxy.Core, p *proxy.Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, s, of(n)...)
		send(t, p, "a", "55555")
		pass(30*time.Second + mending)
		f(t, c, p)
	})
}

// probes begins a request each second, n times, and says which of them came to a. The others are over at once.
func probes(t *testing.T, p *proxy.Pool, n int) (when []int, open []*proxy.Exchange) {
	t.Helper()
	for i := range n {
		if x, b := begin(t, p, time.Now()); b.Name() == "a" {
			when, open = append(when, i), append(open, x)
		} else {
			outcomes['s'](x, time.Now())
		}
		pass(time.Second)
	}
	return when, open
}

func wantProbes(t *testing.T, when string, got []int, want ...int) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s, the requests that came to who is on trial differ (-want +got):\n%s", when, diff)
	}
}

// One slow upload does not keep a healthy backend out.
func TestBreaker_trial_goes_on_beside_a_slow_request(t *testing.T) {
	onTrial(t, breaking(5), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
		slow := at(t, p, "a")
		pass(probeLapse - time.Millisecond)
		if got := picks(p, 4); got != "bbbb" {
			t.Errorf("before its time is over others come to %s, want bbbb", got)
		}
		pass(time.Millisecond)
		x, b := begin(t, p, time.Now())
		if b.Name() != "a" {
			t.Fatalf("then another comes to %s, want a", b.Name())
		}
		outcomes['s'](x, time.Now())
		if got := backendReport(t, c, "a").Breaker.State; got != proxy.BreakerClosed {
			t.Errorf("after its success the breaker is %s, want closed", got)
		}
		outcomes['g'](slow, time.Now())
	})
}

// Who never answers gets few, and a new trial begins anew.
func TestBreaker_trial_gives_each_probe_more_time(t *testing.T) {
	onTrial(t, breaking(5), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
		when, open := probes(t, p, 100)
		wantProbes(t, "while none is answered", when, 0, 2, 6, 14, 30, 60, 90)
		outcomes['5'](open[0], time.Now())
		pass(lasts(t, c) + mending)
		for _, x := range open[1:] { // Those of the last trial are nothing to this one.
			outcomes['g'](x, time.Now())
		}
		when, open = probes(t, p, 10)
		wantProbes(t, "at the next trial", when, 0, 2, 6)
		for _, x := range open {
			outcomes['g'](x, time.Now())
		}
	})
}

func TestBreaker_trial_pauses_for_half_a_minute_at_most(t *testing.T) {
	onTrial(t, breaking(5), 2, func(t *testing.T, _ *proxy.Core, p *proxy.Pool) {
		slow := at(t, p, "a")
		pass(10 * time.Minute)
		outcomes['g'](slow, time.Now())
		pass(probePause - time.Millisecond)
		if got := picks(p, 4); got != "bbbb" {
			t.Errorf("before the pause is over requests come to %s, want bbbb", got)
		}
		pass(time.Millisecond)
		if got := picks(p, 1); got != "a" {
			t.Errorf("then the first comes to %s, want a", got)
		}
	})
}

// Whose time was over makes no pause for who came after it, and lets nobody in beside it.
func TestBreaker_trial_is_the_last_probes(t *testing.T) {
	onTrial(t, breaking(5), 2, func(t *testing.T, _ *proxy.Core, p *proxy.Pool) {
		first := at(t, p, "a")
		pass(probeLapse)
		second := at(t, p, "a")
		pass(time.Second)
		outcomes['g'](first, time.Now())
		when, open := probes(t, p, 6) // The second one has 4 s, of which 1 s is over.
		wantProbes(t, "while the second is at it", when, 3)
		pass(time.Hour)
		for _, x := range append(open, second) {
			outcomes['g'](x, time.Now())
		}
	})
}

// What time a probe may take does not grow while they come back.
func TestBreaker_trial_forgets_who_was_late(t *testing.T) {
	onTrial(t, breaking(5), 2, func(t *testing.T, _ *proxy.Core, p *proxy.Pool) {
		slow := at(t, p, "a")
		pass(probeLapse)
		outcomes['g'](at(t, p, "a"), time.Now())
		when, open := probes(t, p, 4)
		wantProbes(t, "after one that was back at once", when, 0, 2)
		for _, x := range append(open, slow) {
			outcomes['g'](x, time.Now())
		}
	})
}

func TestCore_Passed_lets_a_trial_go_on(t *testing.T) {
	checked := breaking(5)
	checked.Health.Path = "/health"
	tests := []struct {
		name     string
		settings containers.Settings
		want     string
	}{
		{"by an HTTP check", checked, "abb"},
		{"not by a connection", breaking(5), "bbb"}, // The backend was reached.
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onTrial(t, tt.settings, 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
				slow := at(t, p, "a")
				pass(time.Second)
				outcomes['g'](slow, time.Now())
				c.Passed(backend("a", 1).Identity)
				var all []*proxy.Exchange
				got := ""
				for range 3 {
					x, b := begin(t, p, time.Now())
					all, got = append(all, x), got+b.Name()
				}
				if got != tt.want {
					t.Errorf("when a check has passed requests come to %s, want %s", got, tt.want)
				}
				for _, x := range all {
					outcomes['s'](x, time.Now())
				}
			})
		})
	}
}
