package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

func TestCore_new_backends_get_nothing_before_a_check_passed(t *testing.T) {
	c := newCore()
	a, b := backend("a", 1), backend("b", 1)
	c.Apply(snapshot(settings(), a, b))
	p := c.Pool("default")
	if got := picks(p, 2); got != "--" {
		t.Errorf("picks = %s, want none", got)
	}
	c.SetHealth(b.Identity, true, "")
	if got := picks(p, 2); got != "bb" {
		t.Errorf("picks = %s, want bb", got)
	}
}

func TestCore_Pool_is_nil_for_an_unknown_name(t *testing.T) {
	c, _ := serving(t, settings(), backend("a", 1))
	if p := c.Pool("other"); p != nil {
		t.Errorf("Pool(other) = %v, want nil", p)
	}
}

// Weights count over those that are available: with a gone, b and c share two to one.
func TestCore_filters_first_then_weighs(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *proxy.Core, a containers.Backend)
	}{
		{"unhealthy", func(c *proxy.Core, a containers.Backend) { c.SetHealth(a.Identity, false, "refused") }},
		{"drained", func(c *proxy.Core, a containers.Backend) {
			if err := c.Drain(t.Context(), a.Container); err != nil {
				t.Error(err)
			}
		}},
		{"paused", func(c *proxy.Core, a containers.Backend) {
			a.State = containers.StatePaused
			c.Apply(snapshot(settings(), a, backend("b", 2), backend("c", 1)))
		}},
		{"weight 0", func(c *proxy.Core, a containers.Backend) {
			a.Weight = 0
			c.Apply(snapshot(settings(), a, backend("b", 2), backend("c", 1)))
		}},
		{"gone", func(c *proxy.Core, _ containers.Backend) {
			c.Apply(snapshot(settings(), backend("b", 2), backend("c", 1)))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := backend("a", 5)
			c, p := serving(t, settings(), a, backend("b", 2), backend("c", 1))
			tt.change(c, a)
			got := map[rune]int{}
			for _, name := range picks(p, 300) {
				got[name]++
			}
			if diff := cmp.Diff(map[rune]int{'b': 200, 'c': 100}, got); diff != "" {
				t.Errorf("300 picks differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPool_Apply(t *testing.T) {
	t.Run("keeps counters and health on a weight change", func(t *testing.T) {
		c, p := serving(t, settings(), backend("a", 1))
		picks(p, 3)
		c.Apply(snapshot(settings(), backend("a", 7)))
		picks(p, 1)
		r := report(t, c, time.Now())
		if got := r.Backends[0]; got.Requests != 4 || got.Weight != 7 || r.Requests != 4 {
			t.Errorf("backend has %d requests and weight %d, pool %d requests, want 4, 7, 4",
				got.Requests, got.Weight, r.Requests)
		}
	})
	t.Run("takes a restarted container for a new backend", func(t *testing.T) {
		c, p := serving(t, settings(), backend("a", 1))
		picks(p, 3)
		restarted := backend("a", 1)
		restarted.StartedAt++
		c.Apply(snapshot(settings(), restarted))
		if got := picks(p, 1); got != "-" {
			t.Errorf("picks = %s, want none before a check passed", got)
		}
		r := report(t, c, time.Now())
		if got := r.Backends[0]; got.Requests != 0 || got.State != containers.StateStarting || r.Requests != 4 {
			t.Errorf("backend has %d requests and is %s, pool has %d, want 0, starting, 4",
				got.Requests, got.State, r.Requests)
		}
	})
	t.Run("tells fronts of what is gone", func(t *testing.T) {
		s := settings()
		s.Queue.Size = 0 // Nobody may wait for it to come back.
		c, p := serving(t, s, backend("a", 1), backend("b", 1))
		var gone []string
		c.OnGone(func(b *proxy.Backend) { gone = append(gone, fmt.Sprint(b.Name(), b.Gone())) })
		c.Apply(snapshot(s, backend("a", 1)))
		c.Apply(&containers.Snapshot{})
		if diff := cmp.Diff([]string{"btrue", "atrue"}, gone); diff != "" {
			t.Errorf("gone differs (-want +got):\n%s", diff)
		}
		if got := picks(p, 1); got != "-" || c.Pool("default") != nil {
			t.Errorf("a pool that is gone picks %s and is %v", got, c.Pool("default"))
		}
	})
	t.Run("goes round if the policy is unknown", func(t *testing.T) {
		s := settings()
		s.Policy = "fastest"
		_, p := serving(t, s, backend("a", 5), backend("b", 1))
		if got := picks(p, 4); got != "abab" {
			t.Errorf("picks = %s, want abab", got)
		}
	})
}

func TestCore_states(t *testing.T) {
	with := func(state containers.State, reason string) containers.Backend {
		b := backend("a", 1)
		b.State, b.Reason = state, reason
		return b
	}
	healthy := func(c *proxy.Core, b containers.Backend) { heal(c, b) }
	tests := []struct {
		name   string
		spec   containers.Backend
		do     func(c *proxy.Core, b containers.Backend)
		state  containers.State
		reason string
	}{
		{"new", backend("a", 1), nil, containers.StateStarting, "no check has passed yet"},
		{"new and failing", backend("a", 1), func(c *proxy.Core, b containers.Backend) {
			c.SetHealth(b.Identity, false, "refused")
		}, containers.StateStarting, "no check has passed yet: refused"},
		{"ready", backend("a", 1), healthy, containers.StateReady, ""},
		{"failing later", backend("a", 1), func(c *proxy.Core, b containers.Backend) {
			heal(c, b)
			c.SetHealth(b.Identity, false, "status 503")
		}, containers.StateUnhealthy, "status 503"},
		{"starting for the engine", with(containers.StateStarting, "engine's check"), healthy, containers.StateStarting, "engine's check"},
		{"unhealthy for the engine", with(containers.StateUnhealthy, "exit 1"), healthy, containers.StateUnhealthy, "exit 1"},
		{"paused", with(containers.StatePaused, "paused"), healthy, containers.StatePaused, "paused"},
		{"asked to stop", with(containers.StateDraining, "stopping"), healthy, containers.StateDraining, "stopping"},
		{"weight 0", backend("a", 0), healthy, containers.StateDraining, "its weight is 0"},
		{"drained", backend("a", 1), func(c *proxy.Core, b containers.Backend) {
			heal(c, b)
			_ = c.Drain(t.Context(), b.Container)
		}, containers.StateDraining, "taken out of rotation: requests in flight finish"},
		{"drained and back", backend("a", 1), func(c *proxy.Core, b containers.Backend) {
			heal(c, b)
			_ = c.Drain(t.Context(), b.Container)
			c.Undrain(b.Container)
		}, containers.StateReady, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCore()
			other := backend("b", 1) // So that one that is sick is not one too many.
			c.Apply(snapshot(settings(), tt.spec, other))
			heal(c, other)
			if tt.do != nil {
				tt.do(c, tt.spec)
			}
			got := report(t, c, time.Now()).Backends[0]
			if got.State != tt.state || got.Reason != tt.reason {
				t.Errorf("state is %s (%q), want %s (%q)", got.State, got.Reason, tt.state, tt.reason)
			}
			if served := strings.Contains(picks(c.Pool("default"), 4), "a"); served != (tt.state == containers.StateReady) {
				t.Errorf("it gets requests: %t, and is %s", served, got.State)
			}
		})
	}
}

func TestCore_what_was_paused_must_pass_a_check_again(t *testing.T) {
	a := backend("a", 1)
	c, p := serving(t, settings(), a)
	paused := a
	paused.State = containers.StatePaused
	c.Apply(snapshot(settings(), paused))
	if got := c.Targets(); len(got) != 0 {
		t.Errorf("a paused backend is a target: %v", got)
	}
	heal(c, a) // A check that was under way: too late.
	c.Apply(snapshot(settings(), a))
	if got := picks(p, 1); got != "-" {
		t.Errorf("picks = %s, want none before a check passed", got)
	}
	if got := c.Targets(); len(got) != 1 || got[0].Key != a.Identity {
		t.Errorf("Targets() = %v, want the backend again", got)
	}
	heal(c, a)
	if got := picks(p, 1); got != "a" {
		t.Errorf("picks = %s, want a", got)
	}
}

func TestCore_OnReady_once_for_each_backend(t *testing.T) {
	var got []string
	var c *proxy.Core
	c = proxy.New(proxy.Options{Logger: zerolog.Nop(), OnReady: func(pool string, b containers.Backend) {
		c.Undrain("nothing") // It may call the core.
		got = append(got, fmt.Sprintf("%s/%s/%d", pool, b.Name, b.StartedAt))
	}})
	a := backend("a", 1)
	c.Apply(snapshot(settings(), a))
	c.SetHealth(a.Identity, true, "")
	c.SetHealth(a.Identity, false, "refused")
	c.SetHealth(a.Identity, true, "")
	a.StartedAt = 2
	c.Apply(snapshot(settings(), a))
	c.SetHealth(a.Identity, true, "")
	if diff := cmp.Diff([]string{"default/a/1", "default/a/2"}, got); diff != "" {
		t.Errorf("OnReady calls differ (-want +got):\n%s", diff)
	}
}

func TestCore_Load_counts_ready_and_starting(t *testing.T) {
	starting := backend("c", 1)
	starting.State = containers.StateStarting
	c, p := serving(t, settings(), backend("a", 1), backend("b", 1), starting)
	c.SetHealth(backend("b", 1).Identity, false, "refused")
	now := time.Now()
	x, b := begin(t, p, now)
	got := p.Load(now.Add(time.Second))
	want := proxy.Load{InFlight: 1, Busy: got.Busy, Requests: 1, Ready: 1, Starting: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
	if n := p.InFlight(b.Identity().Container); n != 1 {
		t.Errorf("InFlight(%s) = %d, want 1", b.Name(), n)
	}
	x.Done(now, 200, proxy.CauseNone)
	if n := p.InFlight(b.Identity().Container); n != 0 {
		t.Errorf("InFlight(%s) = %d at the end, want 0", b.Name(), n)
	}
}

func TestCore_affinity(t *testing.T) {
	a, b := backend("a", 1), backend("b", 1)
	tests := []struct {
		name   string
		change func(c *proxy.Core, s containers.Settings)
		want   string
	}{
		{"comes back", func(*proxy.Core, containers.Settings) {}, "bbbb"},
		{"survives a restart of the container", func(c *proxy.Core, s containers.Settings) {
			restarted := b
			restarted.StartedAt++
			c.Apply(snapshot(s, a, restarted))
			heal(c, restarted)
		}, "bbbb"},
		{"goes elsewhere when drained", func(c *proxy.Core, _ containers.Settings) {
			_ = c.Drain(t.Context(), b.Container)
		}, "aaaa"},
		{"goes elsewhere when unhealthy", func(c *proxy.Core, _ containers.Settings) {
			c.SetHealth(b.Identity, false, "refused")
		}, "aaaa"},
		{"means nothing if the pool is not sticky", func(c *proxy.Core, s containers.Settings) {
			s.Sticky.Enabled = false
			c.Apply(snapshot(s, a, b))
		}, "abab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := settings()
			c, p := serving(t, s, a, b)
			affinity := ""
			for affinity == "" {
				x, picked := begin(t, p, time.Now())
				if picked.Name() == "b" {
					affinity = picked.Affinity()
				}
				x.Done(time.Now(), 200, proxy.CauseNone)
			}
			tt.change(c, s)
			got := ""
			for range 4 {
				x := p.Begin(time.Now())
				picked, err := x.Next(&balance.Request{Affinity: affinity})
				if err != nil {
					t.Fatal(err)
				}
				got += picked.Name()
				x.Done(time.Now(), 200, proxy.CauseNone)
			}
			if got != tt.want {
				t.Errorf("picks = %s, want %s", got, tt.want)
			}
		})
	}
}
