package proxy_test

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// from begins an exchange of a client that is at home at the backend of a name, and returns where it came to. moves says
// that it is at home there from then on.
func from(t *testing.T, p *proxy.Pool, home string) (x *proxy.Exchange, name string, moves bool) {
	t.Helper()
	e := p.Begin(time.Now())
	affinity := member(t, p, home).Affinity()
	b, err := e.Next(&balance.Request{Affinity: affinity})
	if err != nil {
		t.Fatal(err)
	}
	return &e, b.Name(), e.Moves(affinity)
}

// A client whose backend is on trial is its probe, or served elsewhere this time, and stays at home there.
func TestExchange_affinity_to_who_is_on_trial(t *testing.T) {
	onTrial(t, breaking(5), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
		probe, name, moves := from(t, p, "a")
		if name != "a" || moves {
			t.Errorf("the first came to %s, moves: %t, want a, false", name, moves)
		}
		for range 3 {
			x, name, moves := from(t, p, "a")
			if name != "b" || moves {
				t.Errorf("while it is at it another came to %s, moves: %t, want b, false", name, moves)
			}
			outcomes['s'](x, time.Now())
		}
		outcomes['5'](probe, time.Now())
		x, name, moves := from(t, p, "a")
		if name != "b" || !moves {
			t.Errorf("when its backend is ejected it came to %s, moves: %t, want b, true", name, moves)
		}
		outcomes['s'](x, time.Now())
	})
}

// Who is at home at one of two that are on trial is not moved to the other.
func TestExchange_affinity_where_two_are_on_trial(t *testing.T) {
	onTrial(t, breaking(5), 4, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
		outcomes['5'](at(t, p, "a"), time.Now()) // For twice the time.
		send(t, p, "b", "55555")
		pass(60*time.Second + mending)
		for _, home := range []string{"b", "a"} {
			x, name, moves := from(t, p, home)
			if name != home || moves {
				t.Errorf("a client of %s came to %s, moves: %t, want its own and false", home, name, moves)
			}
			defer func() { outcomes['s'](x, time.Now()) }()
		}
		for _, home := range []string{"b", "a"} {
			x, name, moves := from(t, p, home)
			if name == "a" || name == "b" || moves {
				t.Errorf("a second client of %s came to %s, moves: %t, want c or d and false", home, name, moves)
			}
			outcomes['s'](x, time.Now())
		}
	})
}

// Where its own has a request at it already, a client may be the other's probe; its cookie stays.
func TestExchange_affinity_stays_with_who_probes_another(t *testing.T) {
	onTrial(t, breaking(5), 4, func(t *testing.T, _ *proxy.Core, p *proxy.Pool) {
		outcomes['5'](at(t, p, "a"), time.Now())
		send(t, p, "b", "55555")
		pass(60*time.Second + mending)
		first, _, _ := from(t, p, "b")
		second, name, moves := from(t, p, "b")
		if name != "a" || moves {
			t.Errorf("it came to %s, moves: %t, want a, false", name, moves)
		}
		outcomes['s'](first, time.Now())
		outcomes['s'](second, time.Now())
	})
}

// A client whose backend has failed it once, and is in rotation still, is served by another one this time.
func TestExchange_affinity_after_a_failure(t *testing.T) {
	_, p := serving(t, breaking(5), of(2)...)
	x, _, _ := from(t, p, "a")
	if !x.Again(time.Now(), proxy.CauseNoAnswer) {
		t.Fatal("Again() = false")
	}
	home := member(t, p, "a").Affinity()
	b, err := x.Next(&balance.Request{Affinity: home})
	if err != nil || b.Name() != "b" || x.Moves(home) {
		t.Errorf("Next() = %v, %v, moves: %t, want b, and false", b, err, x.Moves(home))
	}
	outcomes['s'](x, time.Now())
}
