package proxy_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// client returns one of many addresses.
func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)})
}

func rated(count, burst int) containers.Settings {
	s := settings()
	s.RateLimit = containers.RateLimit{Rate: containers.Rate{Count: count, Interval: time.Second}, Burst: burst}
	return s
}

// admitted sends n requests of a client at once, and returns how many pass and how long the last one is to wait.
func admitted(p *proxy.Pool, client netip.Addr, n int) (passed int, wait time.Duration) {
	for range n {
		var ok bool
		if wait, ok = p.Admit(time.Now(), client); ok {
			passed++
		}
		x := p.BeginRefused(time.Now())
		x.Done(time.Now(), 429, proxy.CauseRateLimited)
	}
	return passed, wait
}

func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, rated(10, 3), of(1)...)
		steps := []struct {
			name string
			in   time.Duration
			n    int
			want int
			wait time.Duration
		}{
			{"a burst", 0, 5, 3, 100 * time.Millisecond},
			{"too early", 40 * time.Millisecond, 1, 0, 60 * time.Millisecond},
			{"in time", 60 * time.Millisecond, 1, 1, 0},
			{"and no more", 0, 1, 0, 100 * time.Millisecond},
			{"after a pause", time.Second, 10, 3, 100 * time.Millisecond},
		}
		for _, s := range steps {
			pass(s.in)
			if got, wait := admitted(p, client(1), s.n); got != s.want || wait != s.wait {
				t.Errorf("%s: %d of %d pass, wait %s, want %d, %s", s.name, got, s.n, wait, s.want, s.wait)
			}
		}
		if got, _ := admitted(p, client(2), 3); got != 3 {
			t.Errorf("another client: %d of 3 pass, want 3", got)
		}
		if r := report(t, c, time.Now()); r.InFlight != 0 || r.Rejected["rate-limited"] == 0 {
			t.Errorf("%d in flight, rejected %v", r.InFlight, r.Rejected)
		}
	})
}

func TestAdmit_without_a_limit(t *testing.T) {
	_, p := serving(t, settings(), of(1)...)
	if got, wait := admitted(p, client(1), 1_000); got != 1_000 || wait != 0 {
		t.Errorf("%d of 1,000 pass, wait %s, want all", got, wait)
	}
}

func TestAdmit_changes(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *proxy.Core)
		want   int // Of 10 requests by a client that has used up 2 of its 5.
	}{
		{"nothing", func(*proxy.Core) {}, 3},
		{"the same snapshot", func(c *proxy.Core) { c.Apply(snapshot(rated(1, 5), of(1)...)) }, 3},
		{"another label and another backend", func(c *proxy.Core) {
			s := rated(1, 5)
			s.Retries = 7
			c.Apply(snapshot(s, of(2)...))
			heal(c, of(2)...)
		}, 3},
		{"all backends leave and come back", func(c *proxy.Core) {
			c.Apply(snapshot(rated(1, 5)))
			c.Apply(snapshot(rated(1, 5), of(1)...))
		}, 3},
		{"another rate", func(c *proxy.Core) { c.Apply(snapshot(rated(2, 5), of(1)...)) }, 5},
		{"another burst", func(c *proxy.Core) { c.Apply(snapshot(rated(1, 4), of(1)...)) }, 4},
		{"none", func(c *proxy.Core) { c.Apply(snapshot(settings(), of(1)...)) }, 10},
		{"none and back", func(c *proxy.Core) {
			c.Apply(snapshot(settings(), of(1)...))
			c.Apply(snapshot(rated(1, 5), of(1)...))
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := serving(t, rated(1, 5), of(1)...)
				admitted(p, client(1), 2)
				tt.change(c)
				if got, _ := admitted(p, client(1), 10); got != tt.want {
					t.Errorf("%d of 10 pass, want %d", got, tt.want)
				}
			})
		})
	}
}

func TestAdmit_pools_count_apart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCore()
		one, two := snapshot(rated(1, 5), of(1)...).Pools[0], snapshot(rated(1, 5), of(1)...).Pools[0]
		two.Name, two.Backends = "two", nil
		c.Apply(&containers.Snapshot{Pools: []*containers.Pool{one, two}})
		admitted(c.Pool("default"), client(1), 5)
		if got, _ := admitted(c.Pool("two"), client(1), 10); got != 5 {
			t.Errorf("%d of 10 pass in another pool, want 5", got)
		}
	})
}
