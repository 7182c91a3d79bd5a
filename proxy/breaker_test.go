package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// The letters are those of outcomes.
func TestBreaker_counts_failures_in_a_row(t *testing.T) {
	tests := []struct {
		name, requests string
		failures       int
		ejected        bool
	}{
		{"four are not enough", "5555", 4, false},
		{"five are", "55555", 5, true},
		{"of any kind", "5rnbo", 5, true},
		{"a success begins anew", "5555s5555", 4, false},
		{"a 404 is a success", "444444", 0, false},
		{"and begins anew", "555545555", 4, false},
		{"a client that leaves says nothing", "5g5g5g5g", 4, false},
		{"and does not begin anew", "5g5g5g5g5", 5, true},
		{"nor does a bad request", "5q5q5q5q5", 5, true},
		{"what breaks off is a failure, well as it began", "ttttt", 5, true},
		{"one each", "tttt", 4, false},
		{"also among others", "55t5", 4, false},
		{"and with them", "55t5t", 5, true},
		{"an error that breaks off is one failure", "TTTT", 4, false},
		{"and not two", "TTTTT", 5, true},
		{"a success ends what broke off", "ttttstttt", 4, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, breaking(5), of(2)...)
			send(t, p, "a", tt.requests)
			got := backendReport(t, c, "a")
			if got.Breaker.Failures != tt.failures {
				t.Errorf("%d failures in a row, want %d", got.Breaker.Failures, tt.failures)
			}
			want := containers.StateReady
			if tt.ejected {
				want = containers.StateEjected
			}
			if got.State != want {
				t.Errorf("state is %s, want %s", got.State, want)
			}
			if in := strings.Contains(picks(p, 4), "a"); in == tt.ejected {
				t.Errorf("it gets requests: %t, and is %s", in, got.State)
			}
		})
	}
}

// What broke off is put behind the failures before it, however many came since: so the count may leap over the limit.
func TestBreaker_counts_what_broke_off_late(t *testing.T) {
	c, p := serving(t, breaking(5), of(2)...)
	send(t, p, "a", "5555")
	x := at(t, p, "a")
	x.Answered(200)
	send(t, p, "a", "5")
	x.Done(time.Now(), 200, proxy.CauseTruncated)
	if got := backendReport(t, c, "a"); got.State != containers.StateEjected || got.Breaker.Failures != 6 {
		t.Errorf("state is %s after %d failures, want ejected after 6", got.State, got.Breaker.Failures)
	}
}

func TestBreaker_counts_attempts_that_went_on_to_another(t *testing.T) {
	c, p := serving(t, breaking(5), of(2)...)
	for range 5 {
		x := at(t, p, "a")
		if !x.Again(time.Now(), proxy.CauseConnectFailed) {
			t.Fatal("Again() = false")
		}
		b, err := x.Next(&balance.Request{})
		if err != nil || b.Name() != "b" {
			t.Fatalf("Next() = %v, %v, want b", b, err)
		}
		x.Answered(200)
		x.Done(time.Now(), 200, proxy.CauseNone)
	}
	if got, want := states(t, c), "a ejected, b ready"; got != want {
		t.Errorf("states are %s, want %s", got, want)
	}
}

func TestBreaker_tells_of_an_ejection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, breaking(5), of(2)...)
		send(t, p, "a", "55555")
		got := backendReport(t, c, "a")
		want := proxy.Breaker{State: proxy.BreakerOpen, Failures: 5, Ejections: 1, Until: time.Now().Add(30 * time.Second)}
		if diff := cmp.Diff(want, got.Breaker); diff != "" {
			t.Errorf("Breaker differs (-want +got):\n%s", diff)
		}
		if want := "5 requests in a row failed; it gets none for 30 s"; got.Reason != want || !got.Healthy {
			t.Errorf("reason is %q, healthy %t, want %q, true", got.Reason, got.Healthy, want)
		}
		pass(30*time.Second - time.Millisecond)
		if got, want := states(t, c), "a ejected, b ready"; got != want {
			t.Errorf("just before the end states are %s, want %s", got, want)
		}
		pass(mending)
		got = backendReport(t, c, "a")
		if got.State != containers.StateReady || got.Breaker.State != proxy.BreakerHalfOpen || got.Reason != "" || !got.Breaker.Until.IsZero() {
			t.Errorf("after the end state is %s (%q), breaker %+v, want ready, half-open", got.State, got.Reason, got.Breaker)
		}
	})
}

func TestBreaker_trial(t *testing.T) {
	tests := []struct {
		name, requests string
		state          containers.State
		breaker        proxy.BreakerState
	}{
		{"goes on while nothing is known", "gg", containers.StateReady, proxy.BreakerHalfOpen},
		{"a success ends it", "s", containers.StateReady, proxy.BreakerClosed},
		{"for good", "s5555", containers.StateReady, proxy.BreakerClosed},
		{"until there are five again", "s55555", containers.StateEjected, proxy.BreakerOpen},
		{"a failure is too many", "5", containers.StateEjected, proxy.BreakerOpen},
		{"so is an answer that breaks off", "t", containers.StateEjected, proxy.BreakerOpen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := running(t, breaking(5), of(2)...)
				send(t, p, "a", "55555")
				pass(30*time.Second + mending)
				send(t, p, "a", tt.requests)
				got := backendReport(t, c, "a")
				if got.State != tt.state || got.Breaker.State != tt.breaker {
					t.Errorf("state is %s, breaker %s, want %s, %s", got.State, got.Breaker.State, tt.state, tt.breaker)
				}
			})
		})
	}
}

const probeShare = 5

// However many come at once: while the others can serve, one of them decides.
func TestBreaker_trial_is_one_request_at_a_time(t *testing.T) {
	policies := []string{balance.PolicyWeighted, balance.PolicyLeastRequest, balance.PolicyIPHash}
	for _, policy := range policies {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := breaking(5)
				c, p := running(t, s, of(3)...)
				send(t, p, "a", "55555")
				s.Policy = policy
				c.Apply(snapshot(s, of(3)...))
				crowd := func() (all, probes []*proxy.Exchange) {
					for i := range 60 {
						x := p.Begin(time.Now())
						b, err := x.Next(&balance.Request{Client: client(i)})
						if err != nil {
							t.Fatal(err)
						}
						if all = append(all, &x); b.Name() == "a" {
							probes = append(probes, &x)
						}
					}
					return all, probes
				}
				end := func(all []*proxy.Exchange, outcome rune) {
					for _, x := range all {
						outcomes[outcome](x, time.Now())
					}
				}
				pass(30*time.Second + mending)
				all, probes := crowd()
				if len(probes) != 1 {
					t.Fatalf("%d of 60 came to who is on trial, want 1", len(probes))
				}
				end(probes, 'g') // Who leaves decides nothing, and makes room for the next.
				end(all, 's')
				if all, probes = crowd(); len(probes) != 1 {
					t.Fatalf("then %d came there, want 1", len(probes))
				}
				end(probes, 'o')
				end(all, 's')
				if got, want := states(t, c), "a ejected, b ready, c ready"; got != want {
					t.Errorf("after a failure states are %s, want %s", got, want)
				}
				pass(60*time.Second + mending)
				if all, probes = crowd(); len(probes) != 1 {
					t.Fatalf("after the next ejection %d came there, want 1", len(probes))
				}
				end(all, 's')
				if all, probes = crowd(); len(probes) < 5 {
					t.Errorf("after a success %d came there, want its share", len(probes))
				}
				end(all, 's')
			})
		})
	}
}

// Where requests come one after the other, and clients leave after 2 s, one in five at most waits for who is on trial and
// does not answer.
func TestBreaker_trial_that_decides_nothing_is_not_everybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := running(t, breaking(5), of(2)...)
		send(t, p, "a", "55555")
		pass(30*time.Second + mending)
		const requests = 300
		probes := 0
		for range requests {
			x, b := begin(t, p, time.Now())
			if b.Name() == "a" {
				probes++
				pass(2 * time.Second)
				outcomes['g'](x, time.Now())
				continue
			}
			pass(2 * time.Second)
			outcomes['s'](x, time.Now())
		}
		if probes < requests/10 || probes > requests/probeShare {
			t.Errorf("%d of %d requests came there, want a tenth to a fifth", probes, requests)
		}
	})
}

// Who finds nobody else is not turned away for a trial.
func TestBreaker_trial_serves_whom_nobody_else_can(t *testing.T) {
	tests := []struct {
		name string
		n    int
		and  string // Who else fails the request first.
	}{
		{"the only backend", 1, ""},
		{"one that others have failed", 2, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, p := running(t, breaking(5), of(tt.n)...)
				send(t, p, "a", "55555")
				pass(30*time.Second + mending)
				probe := at(t, p, "a")
				x, b := begin(t, p, time.Now())
				if tt.and != "" {
					if b.Name() != tt.and || !x.Again(time.Now(), proxy.CauseConnectFailed) {
						t.Fatalf("it came to %s, and may not go on, want %s", b.Name(), tt.and)
					}
					var err error
					if b, err = x.Next(&balance.Request{}); err != nil {
						t.Fatal(err)
					}
				}
				if b.Name() != "a" {
					t.Errorf("it came to %s, want a", b.Name())
				}
				outcomes['s'](x, time.Now())
				outcomes['s'](probe, time.Now())
			})
		})
	}
}

func lasts(t *testing.T, c *proxy.Core) time.Duration {
	t.Helper()
	b := backendReport(t, c, "a").Breaker
	if b.State != proxy.BreakerOpen {
		t.Fatalf("breaker is %s, want open", b.State)
	}
	return time.Until(b.Until).Round(time.Second)
}

func TestBreaker_leaves_alone_for_longer_each_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, breaking(5), of(2)...)
		send(t, p, "a", "5555")
		for i := range 40 {
			send(t, p, "a", "5")
			want := min(time.Duration(i+1)*30*time.Second, 300*time.Second)
			if got := lasts(t, c); got != want {
				t.Fatalf("ejection %d lasts %s, want %s", i+1, got, want)
			}
			pass(want + mending)
		}
		if got := backendReport(t, c, "a").Breaker.Ejections; got != 40 {
			t.Errorf("%d ejections, want 40", got)
		}
	})
}

// Each 30 s without an ejection make up for one; how often it came to one beyond the cap does not count.
func TestBreaker_forgets(t *testing.T) {
	tests := []struct {
		name             string
		ejections        int
		good, then, last time.Duration
	}{
		{"nothing at once", 3, 0, 120 * time.Second, 0},
		{"one of three", 3, 31 * time.Second, 90 * time.Second, 0},
		{"two of three", 3, 61 * time.Second, 60 * time.Second, 0},
		{"all", 3, time.Hour, 30 * time.Second, 0},
		{"ten of twenty as of ten", 20, 271 * time.Second, 60 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := running(t, breaking(5), of(2)...)
				send(t, p, "a", "5555")
				for range tt.ejections {
					send(t, p, "a", "5")
					pass(lasts(t, c) + mending)
				}
				send(t, p, "a", "s")
				pass(tt.good)
				send(t, p, "a", "55555")
				if got := lasts(t, c); got != tt.then {
					t.Errorf("the next ejection lasts %s, want %s", got, tt.then)
				}
			})
		})
	}
}

func TestBreaker_ejects_at_most_half(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 9: 4} {
		c, p := serving(t, breaking(5), of(n)...)
		for range 500 {
			x := p.Begin(time.Now())
			if _, err := x.Next(&balance.Request{}); err != nil {
				t.Fatal(err)
			}
			outcomes['5'](&x, time.Now())
		}
		if got := strings.Count(states(t, c), "ejected"); got != want {
			t.Errorf("%d of %d are ejected, want %d", got, n, want)
		}
	}
}

func TestBreaker_ejects_the_next_when_one_is_back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, breaking(5), of(2)...)
		send(t, p, "a", "55555")
		send(t, p, "b", strings.Repeat("5", 23))
		if got, want := states(t, c), "a ejected, b ready"; got != want {
			t.Fatalf("states are %s, want %s", got, want)
		}
		pass(30*time.Second + mending)
		send(t, p, "b", "55")
		if got, want := states(t, c), "a ready, b ejected"; got != want {
			t.Errorf("states are %s, want %s", got, want)
		}
	})
}

// An ejection ends by time whatever else keeps the backend from serving meanwhile, and does not count any more then.
func TestBreaker_ends_an_ejection_of_who_is_sick_as_well(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backends := of(4)
		c, p := running(t, breaking(5), backends...)
		for _, b := range backends[:2] {
			send(t, p, b.Name, "55555")
			c.SetHealth(b.Identity, false, "refused")
		}
		pass(30*time.Second + mending)
		send(t, p, "c", "55555") // The others would have been half of them.
		if got, want := states(t, c), "a unhealthy, b unhealthy, c ejected, d ready"; got != want {
			t.Errorf("states are %s, want %s", got, want)
		}
		heal(c, backends[0])
		if got := backendReport(t, c, "a"); got.State != containers.StateReady || got.Breaker.State != proxy.BreakerHalfOpen {
			t.Errorf("when it is well again it is %s, its breaker %s, want ready, half-open", got.State, got.Breaker.State)
		}
	})
}
