package proxy_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// got counts who gets n requests.
func got(p *proxy.Pool, n int) map[string]int {
	out := map[string]int{}
	for _, name := range picks(p, n) {
		out[string(name)]++
	}
	return out
}

func TestPanic_serves_all_that_nobody_took_out_of_rotation(t *testing.T) {
	sick := func(names string) func(c *proxy.Core, p *proxy.Pool) {
		return func(c *proxy.Core, _ *proxy.Pool) {
			for name := range strings.SplitSeq(names, "") {
				c.SetHealth(backend(name, 1).Identity, false, "refused")
			}
		}
	}
	four := []containers.Backend{backend("a", 1), backend("b", 2), backend("c", 3), backend("d", 4)}
	tests := []struct {
		name   string
		do     func(c *proxy.Core, p *proxy.Pool)
		panics bool
		want   map[string]int // Of 600 requests.
	}{
		{"all are well", sick("x"), false, map[string]int{"a": 60, "b": 120, "c": 180, "d": 240}},
		{"half are sick", sick("cd"), false, map[string]int{"a": 200, "b": 400}},
		{"more are", sick("bcd"), true, map[string]int{"a": 60, "b": 120, "c": 180, "d": 240}},
		{"all are", sick("abcd"), true, map[string]int{"a": 60, "b": 120, "c": 180, "d": 240}},
		{"one is drained, one of three is sick", func(c *proxy.Core, p *proxy.Pool) {
			_ = c.Drain(t.Context(), "id-d")
			sick("c")(c, p)
		}, false, map[string]int{"a": 200, "b": 400}},
		{"one is drained, two of three are sick", func(c *proxy.Core, p *proxy.Pool) {
			_ = c.Drain(t.Context(), "id-d")
			sick("bc")(c, p)
		}, true, map[string]int{"a": 100, "b": 200, "c": 300}},
		{"one is ejected, two are sick", func(c *proxy.Core, p *proxy.Pool) {
			send(t, p, "a", "55555")
			sick("bc")(c, p)
		}, true, map[string]int{"a": 60, "b": 120, "c": 180, "d": 240}},
		{"two are ejected", func(_ *proxy.Core, p *proxy.Pool) {
			send(t, p, "a", "55555")
			send(t, p, "b", "55555")
		}, false, map[string]int{"c": 257, "d": 343}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, breaking(5), four...)
			tt.do(c, p)
			if r := report(t, c, time.Now()); r.Panic != tt.panics {
				t.Errorf("Panic = %t, want %t", r.Panic, tt.panics)
			}
			if diff := cmp.Diff(tt.want, got(p, 600)); diff != "" {
				t.Errorf("600 picks differ (-want +got):\n%s", diff)
			}
		})
	}
}

// The pool has one that is well and three that are sick, and panics with x or without.
func TestPanic_leaves_out(t *testing.T) {
	with := func(state containers.State) containers.Backend {
		b := backend("x", 1)
		b.State = state
		return b
	}
	tests := []struct {
		name string
		x    containers.Backend
		do   func(c *proxy.Core)
		in   bool
	}{
		{"who has passed no check", backend("x", 1), nil, false},
		{"who never passed one", backend("x", 1), func(c *proxy.Core) {
			c.SetHealth(backend("x", 1).Identity, false, "refused")
		}, false},
		{"not who has", backend("x", 1), func(c *proxy.Core) { heal(c, backend("x", 1)) }, true},
		{"who has weight 0", backend("x", 0), func(c *proxy.Core) { heal(c, backend("x", 0)) }, false},
		{"who is starting for the engine", with(containers.StateStarting), func(c *proxy.Core) { heal(c, backend("x", 1)) }, false},
		{"not who is unhealthy for the engine", with(containers.StateUnhealthy), func(c *proxy.Core) { heal(c, backend("x", 1)) }, true},
		{"who is paused", with(containers.StatePaused), func(c *proxy.Core) { heal(c, backend("x", 1)) }, false},
		{"who was asked to stop", with(containers.StateDraining), func(c *proxy.Core) { heal(c, backend("x", 1)) }, false},
		{"who is drained", backend("x", 1), func(c *proxy.Core) {
			heal(c, backend("x", 1))
			_ = c.Drain(t.Context(), "id-x")
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, settings(), of(4)...)
			c.Apply(snapshot(settings(), append(of(4), tt.x)...))
			if tt.do != nil {
				tt.do(c)
			}
			for _, b := range of(4)[1:] {
				c.SetHealth(b.Identity, false, "refused")
			}
			all := got(p, 120)
			if all["a"] == 0 || all["b"] == 0 || all["c"] == 0 || all["d"] == 0 {
				t.Fatalf("no panic: requests went to %v", all)
			}
			if in := all["x"] > 0; in != tt.in {
				t.Errorf("it gets requests: %t, want %t", in, tt.in)
			}
		})
	}
}

func TestPanic_begins_and_ends_with_a_line_in_the_log(t *testing.T) {
	var log bytes.Buffer
	c := proxy.New(proxy.Options{Logger: zerolog.New(&log)})
	backends := of(4)
	c.Apply(snapshot(settings(), backends...))
	heal(c, backends...)
	lines := func() (out []string) {
		for line := range strings.Lines(log.String()) {
			var entry struct{ Level, Pool, Message string }
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(entry.Message, "backends are available") {
				out = append(out, entry.Level+" "+entry.Pool+": "+entry.Message)
			}
		}
		log.Reset()
		return out
	}
	const begins = "warn default: fewer than half of the backends are available: requests go to all of them"
	const ends = "info default: enough backends are available again: requests go to those only"
	steps := []struct {
		name string
		do   func()
		want []string
	}{
		{"half", func() {
			c.SetHealth(backends[0].Identity, false, "refused")
			c.SetHealth(backends[1].Identity, false, "refused")
		}, nil},
		{"fewer", func() { c.SetHealth(backends[2].Identity, false, "refused") }, []string{begins}},
		{"none", func() { c.SetHealth(backends[3].Identity, false, "refused") }, nil},
		{"one again", func() { heal(c, backends[3]) }, nil},
		{"half again", func() { heal(c, backends[1]) }, []string{ends}},
		{"fewer again", func() { c.SetHealth(backends[1].Identity, false, "refused") }, []string{begins}},
		{"the pool is gone", func() { c.Apply(&containers.Snapshot{}) }, nil},
	}
	for _, s := range steps {
		s.do()
		if diff := cmp.Diff(s.want, lines()); diff != "" {
			t.Errorf("%s: lines differ (-want +got):\n%s", s.name, diff)
		}
	}
}

// The only backend may be ejected, which means no more than that people see it.
func TestPanic_serves_the_only_backend_ejected_as_it_is(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, breaking(5), of(1)...)
		send(t, p, "a", "55555")
		r := report(t, c, time.Now())
		if !r.Panic || r.Backends[0].State != containers.StateEjected {
			t.Errorf("panic is %t, state %s, want true, ejected", r.Panic, r.Backends[0].State)
		}
		send(t, p, "a", "5555555s")
		if got := backendReport(t, c, "a"); got.Breaker.Ejections != 1 || got.State != containers.StateEjected {
			t.Errorf("%d ejections, state %s, want 1, ejected", got.Breaker.Ejections, got.State)
		}
		pass(30*time.Second + mending)
		if r := report(t, c, time.Now()); r.Panic || r.Backends[0].State != containers.StateReady {
			t.Errorf("at the end panic is %t, state %s, want false, ready", r.Panic, r.Backends[0].State)
		}
	})
}
