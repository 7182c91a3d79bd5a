package proxy_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

func TestCore_Passed_ends_an_ejection(t *testing.T) {
	checked := breaking(5)
	checked.Health.Path = "/health"
	tests := []struct {
		name     string
		settings containers.Settings
		requests string
		want     proxy.BreakerState
	}{
		{"by an HTTP check", checked, "55555", proxy.BreakerHalfOpen},
		{"by an HTTP check of one that was not reached", checked, "rrrrr", proxy.BreakerHalfOpen},
		{"by a connection if none could be made", breaking(5), "rrrrr", proxy.BreakerHalfOpen},
		{"by a connection if none could be made at last", breaking(5), "5555r", proxy.BreakerHalfOpen},
		{"not by a connection if it answers badly", breaking(5), "55555", proxy.BreakerOpen},
		{"not by a connection if it answered badly at last", breaking(5), "rrrr5", proxy.BreakerOpen},
		{"not by a connection if it does not answer", breaking(5), "ooooo", proxy.BreakerOpen},
		{"is nothing to one that is not ejected", checked, "5555", proxy.BreakerClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, tt.settings, of(2)...)
			send(t, p, "a", tt.requests)
			c.Passed(backend("a", 1).Identity)
			got := backendReport(t, c, "a")
			if got.Breaker.State != tt.want {
				t.Errorf("breaker is %s, want %s", got.Breaker.State, tt.want)
			}
			if ejected := tt.want == proxy.BreakerOpen; (got.State == containers.StateEjected) != ejected {
				t.Errorf("state is %s, ejected: %t", got.State, ejected)
			}
		})
	}
}

// A backend whose check passes while its requests fail is left alone for longer each time all the same.
func TestCore_Passed_does_not_make_up_for_ejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := breaking(5)
		s.Health.Path = "/health"
		c, p := running(t, s, of(2)...)
		send(t, p, "a", "5555")
		for i := range 4 {
			send(t, p, "a", "5")
			if got, want := lasts(t, c), time.Duration(i+1)*30*time.Second; got != want {
				t.Errorf("ejection %d lasts %s, want %s", i+1, got, want)
			}
			pass(10 * time.Second)
			c.Passed(backend("a", 1).Identity)
		}
	})
}

func TestBreaker_is_kept_when_others_change(t *testing.T) {
	s := breaking(5)
	c, p := serving(t, s, of(3)...)
	send(t, p, "a", "55555")
	send(t, p, "b", "5555")
	before := backendReport(t, c, "a").Breaker
	s.Retries = 3
	c.Apply(snapshot(s, backend("a", 1), backend("b", 7), backend("d", 1)))
	if got, want := states(t, c), "a ejected, b ready, d starting"; got != want {
		t.Errorf("states are %s, want %s", got, want)
	}
	if got := backendReport(t, c, "a").Breaker; got != before {
		t.Errorf("breaker is %+v, want %+v", got, before)
	}
	heal(c, backend("d", 1)) // Half of three is one; of four it is two.
	c.Apply(snapshot(s, backend("a", 1), backend("b", 7), backend("d", 1), backend("e", 1)))
	heal(c, backend("e", 1))
	send(t, p, "b", "5")
	if got, want := states(t, c), "a ejected, b ejected, d ready, e ready"; got != want {
		t.Errorf("states are %s, want %s", got, want)
	}
}

func TestBreaker_of_a_restarted_container_is_new(t *testing.T) {
	a := backend("a", 1)
	c, p := serving(t, breaking(5), a, backend("b", 1))
	send(t, p, "a", "55555")
	a.StartedAt++
	c.Apply(snapshot(breaking(5), a, backend("b", 1)))
	heal(c, a)
	if got := backendReport(t, c, "a"); got.State != containers.StateReady || got.Breaker != (proxy.Breaker{State: proxy.BreakerClosed}) {
		t.Errorf("state is %s, breaker %+v, want ready, closed", got.State, got.Breaker)
	}
}

func TestBreaker_off(t *testing.T) {
	t.Run("ejects nobody", func(t *testing.T) {
		c, p := serving(t, breaking(0), of(2)...)
		send(t, p, "a", "5555555555rrrrrrrrrr")
		if got := backendReport(t, c, "a"); got.State != containers.StateReady || got.Breaker.Ejections != 0 {
			t.Errorf("state is %s with %d ejections, want ready, 0", got.State, got.Breaker.Ejections)
		}
	})
	t.Run("ends ejections", func(t *testing.T) {
		c, p := serving(t, breaking(5), of(2)...)
		send(t, p, "a", "55555")
		c.Apply(snapshot(breaking(0), of(2)...))
		if got := backendReport(t, c, "a"); got.State != containers.StateReady || got.Breaker.State != proxy.BreakerClosed {
			t.Errorf("state is %s, breaker %s, want ready, closed", got.State, got.Breaker.State)
		}
		send(t, p, "a", "5555555")
	})
	t.Run("ends trials", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := running(t, breaking(5), of(2)...)
			send(t, p, "a", "55555")
			pass(30*time.Second + mending)
			c.Apply(snapshot(breaking(0), of(2)...))
			if got := backendReport(t, c, "a").Breaker.State; got != proxy.BreakerClosed {
				t.Errorf("breaker is %s, want closed", got)
			}
		})
	})
}

func TestBreaker_limit_changes(t *testing.T) {
	c, p := serving(t, breaking(10), of(2)...)
	send(t, p, "a", "55555555")
	c.Apply(snapshot(breaking(3), of(2)...))
	send(t, p, "a", "5")
	if got, want := states(t, c), "a ejected, b ready"; got != want {
		t.Errorf("with a lower limit states are %s, want %s", got, want)
	}
	c.Apply(snapshot(breaking(8), of(2)...))
	if got, want := states(t, c), "a ejected, b ready"; got != want {
		t.Errorf("a higher limit readmits: %s, want %s", got, want)
	}
	send(t, p, "b", "5555555")
	if got := backendReport(t, c, "b").Breaker.Failures; got != 7 {
		t.Errorf("%d failures, want 7", got)
	}
}

// However many requests fail at once, one ejection is one.
func TestBreaker_ejects_once_under_concurrency(t *testing.T) {
	const workers, rounds = 8, 200
	for range rounds {
		c, p := serving(t, breaking(5), of(2)...)
		var exchanges [workers]*proxy.Exchange
		for i := range exchanges {
			exchanges[i] = at(t, p, "a")
		}
		var wg sync.WaitGroup
		for _, x := range exchanges {
			wg.Go(func() { outcomes['5'](x, time.Now()) })
		}
		wg.Wait()
		got := backendReport(t, c, "a").Breaker
		if got.State != proxy.BreakerOpen || got.Ejections != 1 || got.Failures != workers {
			t.Fatalf("after %d failures at once breaker is %+v, want open, 1 ejection", workers, got)
		}
	}
}
