package proxy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// in is a backend of n in a state that the engine tells of.
func in(state containers.State, of containers.Backend) containers.Backend {
	of.State, of.Reason = state, "it was told so"
	return of
}

// The requests of a pool whose last container was stopped wait for it, or for whatever takes its place, also where nothing
// limits how many one may serve.
func TestAbsence_requests_wait_for_who_left(t *testing.T) {
	for name, leave := range map[string]func(containers.Settings) *containers.Snapshot{
		"stops": func(s containers.Settings) *containers.Snapshot {
			return snapshot(s, in(containers.StateDraining, of(1)[0]))
		},
		"is paused": func(s containers.Settings) *containers.Snapshot {
			return snapshot(s, in(containers.StatePaused, of(1)[0]))
		},
		"is removed":               func(s containers.Settings) *containers.Snapshot { return snapshot(s) },
		"is removed with its pool": func(containers.Settings) *containers.Snapshot { return &containers.Snapshot{} },
		"stops beside one that is sick": func(s containers.Settings) *containers.Snapshot {
			return snapshot(s, in(containers.StateDraining, of(1)[0]), in(containers.StateUnhealthy, of(2)[1]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := limited(0, 100, 30*time.Second)
				c, p := running(t, s, of(1)...)
				first := wait(t, p)
				c.Apply(leave(s))
				second := wait(t, p)
				pass(20 * time.Second)
				third := wait(t, p)
				expect(t, "it has left", "a--", first, second, third)
				if r := report(t, c, time.Now()); len(r.Warnings) != 1 {
					t.Errorf("warnings are %q, want one of what is waited for", r.Warnings)
				}
				other := of(3)[2]
				c.Apply(snapshot(s, other))
				heal(c, other)
				synctest.Wait()
				expect(t, "another has come", "cc", second, third)
				finish(t, c, first, second, third)
				if r := report(t, c, time.Now()); len(r.Warnings) != 0 {
					t.Errorf("warnings are %q, want none", r.Warnings)
				}
			})
		})
	}
}

// After the time that requests may wait nobody waits any more, nor where they may not wait, nor for who has not left.
func TestAbsence_ends(t *testing.T) {
	gone := func(c *proxy.Core, s containers.Settings) { c.Apply(snapshot(s)) }
	tests := []struct {
		name  string
		s     containers.Settings
		leave func(*proxy.Core, containers.Settings)
		after time.Duration
		want  string
	}{
		{"in time", limited(0, 100, 30*time.Second), gone, 29 * time.Second, "-"},
		{"late", limited(0, 100, 30*time.Second), gone, 30*time.Second + mending, "N"},
		{"late, where few may be served at once", limited(1, 100, 30*time.Second), gone, 30*time.Second + mending, "N"},
		{"nobody may wait", limited(0, 0, 30*time.Second), gone, 0, "N"},
		{"it was taken out of rotation", limited(0, 100, 30*time.Second), func(c *proxy.Core, _ containers.Settings) {
			c.Apply(snapshot(limited(0, 100, 30*time.Second), backend("a", 0)))
		}, 0, "N"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := running(t, tt.s, of(1)...)
				tt.leave(c, tt.s)
				pass(tt.after)
				w := wait(t, p)
				expect(t, "in the end", tt.want, w)
				w.cancel()
				synctest.Wait()
				finish(t, c, w)
			})
		})
	}
}

// Containers refuse connections before the engine says that they stop: who was refused waits a moment to hear that.
func TestAbsence_who_was_refused_waits_for_the_news(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(0, 100, 30*time.Second)
		c, p := running(t, s, of(1)...)
		x, y := tried(t, p, "a"), tried(t, p, "a")
		first := waitWith(t, x, &balance.Request{})
		pass(99 * time.Millisecond)
		expect(t, "nothing is known", "-", first)
		pass(time.Millisecond)
		expect(t, "nobody left", "N", first)
		late := waitWith(t, y, &balance.Request{})
		expect(t, "that was long ago", "N", late)
		second := waitWith(t, tried(t, p, "a"), &balance.Request{})
		pass(50 * time.Millisecond)
		c.Apply(snapshot(s))
		pass(10 * time.Second)
		expect(t, "it had left", "-", second)
		c.Apply(snapshot(s, of(2)[1]))
		heal(c, of(2)[1])
		synctest.Wait()
		expect(t, "another has come", "b", second)
		finish(t, c, first, second, late)
	})
}

// A container that is cut off leaves its connections to fail all at once, when it has left already: more than the budget has
// retries for. Nothing of them was sent, so they wait like those that come then.
func TestAbsence_all_that_were_refused_wait_for_who_left(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(0, 1000, 30*time.Second)
		s.Retries = 1
		c, p := running(t, s, of(1)...)
		connecting := make([]proxy.Exchange, 500)
		for i := range connecting {
			connecting[i] = p.Begin(time.Now())
			if _, err := connecting[i].Next(&balance.Request{}); err != nil {
				t.Fatal(err)
			}
		}
		c.Apply(snapshot(s))
		var waiters []*waiter
		for i := range connecting {
			if !connecting[i].Again(time.Now(), proxy.CauseConnectFailed) {
				t.Fatalf("request %d is given up", i)
			}
			waiters = append(waiters, waitWith(t, connecting[i], &balance.Request{}))
		}
		pass(10 * time.Second)
		expect(t, "nobody is there", strings.Repeat("-", len(waiters)), waiters...)
		c.Apply(snapshot(s, of(2)[1]))
		heal(c, of(2)[1])
		synctest.Wait()
		expect(t, "another has come", strings.Repeat("b", len(waiters)), waiters...)
		finish(t, c, waiters...)
		if n := report(t, c, time.Now()).RetriesDenied; n != 0 {
			t.Errorf("the budget denied %d, want it not asked", n)
		}
	})
}

// While nothing is heard of the engine, who was refused by the last backend waits until something is.
func TestAbsence_nobody_gives_up_while_nothing_is_heard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(0, 100, 30*time.Second)
		c, p := running(t, s, of(1)...)
		c.SetSight(false)
		first := waitWith(t, tried(t, p, "a"), &balance.Request{})
		pass(10 * time.Second)
		expect(t, "nothing is heard", "-", first)
		c.SetSight(true)
		synctest.Wait()
		expect(t, "nobody left", "N", first)
		c.SetSight(false)
		second := waitWith(t, tried(t, p, "a"), &balance.Request{})
		pass(10 * time.Second)
		c.Apply(snapshot(s, in(containers.StateDraining, of(1)[0])))
		c.SetSight(true)
		pass(10 * time.Second)
		expect(t, "it had left", "-", second)
		c.Apply(snapshot(s, of(2)[1]))
		heal(c, of(2)[1])
		synctest.Wait()
		expect(t, "another has come", "b", second)
		c.SetSight(false)
		third := waitWith(t, tried(t, p, "b"), &balance.Request{})
		pass(30*time.Second + time.Millisecond)
		expect(t, "nothing is heard for too long", "T", third)
		finish(t, c, first, second, third)
	})
}

// Who has tried all there is waits apart, while nothing is heard of the engine: those that can be served find their queue empty.
func TestAbsence_who_doubts_takes_no_place_of_others(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(1, 2, 30*time.Second)
		c, p := running(t, s, of(1)...)
		c.SetSight(false)
		var doubters []*waiter
		for _, x := range []proxy.Exchange{tried(t, p, "a"), tried(t, p, "a"), tried(t, p, "a")} {
			doubters = append(doubters, waitWith(t, x, &balance.Request{}))
		}
		expect(t, "two may wait for the news", "--F", doubters...)
		others := []*waiter{wait(t, p), wait(t, p), wait(t, p), wait(t, p)}
		expect(t, "two may wait for a place", "a--F", others...)
		if r := report(t, c, time.Now()); r.Queued != 4 || c.Held() != 4 || p.Load(time.Now()).Queued != 4 {
			t.Errorf("%d, %d and %d are queued, want 4", r.Queued, c.Held(), p.Load(time.Now()).Queued)
		}
		others[0].done()
		expect(t, "a is free", "a-F", others[1:]...)
		others[1].done()
		others[2].done()

		c.Apply(snapshot(s, of(2)...))
		heal(c, of(2)[1])
		synctest.Wait()
		expect(t, "another has come", "b-", doubters[:2]...)
		doubters[0].done()
		expect(t, "it is free again", "b", doubters[1])
		doubters[1].done()

		b := at(t, p, "b")
		retry := waitWith(t, tried(t, p, "a"), &balance.Request{})
		more := []*waiter{wait(t, p), wait(t, p), wait(t, p)}
		expect(t, "a retry waits for b as others do", "-a-F", append([]*waiter{retry}, more...)...)
		c.Apply(snapshot(s, of(1)...))
		synctest.Wait()
		more = append(more, wait(t, p))
		expect(t, "b is gone, and the retry out of their way", "-a-F-", append([]*waiter{retry}, more...)...)
		b.Done(time.Now(), 200, proxy.CauseNone)
		pass(30*time.Second + time.Millisecond)
		expect(t, "nobody waits for longer for that", "TaTFT", append([]*waiter{retry}, more...)...)
		finish(t, c, append(more, doubters[2], others[3], retry)...)
	})
}

// A pool that is not there keeps its routes, until one that is asks for them.
func TestAbsence_routes_stay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(0, 100, 30*time.Second)
		s.Route = containers.Route{Hosts: "shop.example"}
		pool := func(name string, host string) *containers.Pool {
			own := s
			own.Route.Hosts = host
			b := backend(name, 1)
			return &containers.Pool{Name: name, Settings: own, Backends: []containers.Backend{b}}
		}
		at := func(c *proxy.Core) string {
			target, ok := c.Route([]byte("shop.example"), []byte("/"))
			if !ok {
				return "none"
			}
			return target.Pool.Name()
		}
		c := newCore()
		run(t, c)
		old := &containers.Snapshot{Pools: []*containers.Pool{pool("old", "shop.example")}}
		c.Apply(old)
		heal(c, old.Pools[0].Backends...)
		for _, step := range []struct {
			what     string
			snapshot *containers.Snapshot
			after    time.Duration
			want     string
		}{
			{"it is gone", &containers.Snapshot{}, 0, "old"},
			{"it is back", old, 0, "old"},
			{"another is there", &containers.Snapshot{Pools: []*containers.Pool{pool("other", "else.example")}}, 0, "old"},
			{"another asks for it", &containers.Snapshot{Pools: []*containers.Pool{pool("other", "shop.example")}}, 0, "other"},
			{"the other is gone as well", &containers.Snapshot{}, 0, "other"},
			{"both are forgotten", &containers.Snapshot{}, 30*time.Second + mending, "none"},
		} {
			c.Apply(step.snapshot)
			for _, p := range step.snapshot.Pools {
				heal(c, p.Backends...)
			}
			pass(step.after)
			if got := at(c); got != step.want {
				t.Errorf("%s: the route leads to %s, want %s", step.what, got, step.want)
			}
			if has := slices.Contains(c.Hosts(), "shop.example"); has != (step.want != "none") {
				t.Errorf("%s: its host is among those of the pools: %t", step.what, has)
			}
		}
	})
}

// What a pool's backends speak is remembered with it: not every front can hold requests for any.
func TestAbsence_remembers_what_backends_speak(t *testing.T) {
	for _, scheme := range []string{containers.SchemeHTTP, containers.SchemeHTTPS} {
		s := limited(0, 100, 30*time.Second)
		b := backend("a", 1)
		b.Scheme = scheme
		c, p := serving(t, s, b)
		c.Apply(&containers.Snapshot{})
		if got, want := p.Plain(), scheme == containers.SchemeHTTP; got != want {
			t.Errorf("Plain() = %v when a backend left that speaks %s, want %v", got, scheme, want)
		}
	}
}

// A request that was sent to nobody, because all refuse connections, is tried anew for a while: what restarts accepts soon. It
// costs the budget no more than one retry does, so where the pool has none it only waits for the news.
func TestAbsence_who_was_sent_nowhere_is_tried_anew(t *testing.T) {
	for retries, want := range map[int]struct {
		rounds int
		took   time.Duration
	}{0: {1, 100 * time.Millisecond}, 1: {4, 1500 * time.Millisecond}, 2: {4, 1500 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			s := limited(0, 100, 30*time.Second)
			s.Retries = retries
			c, p := running(t, s, of(2)...)
			x := p.Begin(time.Now())
			began, attempts := time.Now(), map[string]int{}
			for {
				b, err := get(t.Context(), &x, &balance.Request{})
				if errors.Is(err, proxy.ErrNoBackend) {
					break
				}
				if err != nil {
					t.Fatalf("%v after %v", err, attempts)
				}
				attempts[b.Name()]++
				if !x.Again(time.Now(), proxy.CauseConnectFailed) {
					break
				}
			}
			if took := time.Since(began); attempts["a"] != want.rounds || attempts["b"] != want.rounds || took != want.took {
				t.Errorf("retries %d: attempts %v in %s, want %d each in %s", retries, attempts, took, want.rounds, want.took)
			}
			x.Done(time.Now(), 502, proxy.CauseConnectFailed)
			settled(t, c)
			if retries != 1 {
				return
			}
			for range 100 {
				fails(t, p, 0, proxy.CauseNoAnswer)
			}
			// There are ten retries, and a fifth for each of 101 requests.
			if n := report(t, c, time.Now()).RetriesDenied; n != 100-(30-1) {
				t.Errorf("the budget denied %d of 100 other retries, want 71: one was spent", n)
			}
		})
	}
}
