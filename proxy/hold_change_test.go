package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

func TestHold_limit_changes(t *testing.T) {
	tests := []struct {
		name string
		to   int
		want string
	}{
		{"raised", 5, "aaaaa---"},
		{"raised above all", 100, "aaaaaaaa"},
		{"taken away", 0, "aaaaaaaa"},
		{"lowered", 1, "aa------"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := serving(t, limited(2, 100, time.Minute), of(1)...)
				var all []*waiter
				for range 8 {
					all = append(all, wait(t, p))
				}
				c.Apply(snapshot(limited(tt.to, 100, time.Minute), of(1)...))
				synctest.Wait()
				expect(t, "then", tt.want, all...)
				for _, w := range all {
					w.done()
				}
				settled(t, c)
			})
		})
	}
	t.Run("lowered, and held to as they leave", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := serving(t, limited(2, 100, time.Minute), of(1)...)
			first, second, third := wait(t, p), wait(t, p), wait(t, p)
			c.Apply(snapshot(limited(1, 100, time.Minute), of(1)...))
			first.done()
			expect(t, "one is left", "-", third)
			second.done()
			expect(t, "none is left", "a", third)
			third.done()
			settled(t, c)
		})
	})
}

func TestHold_without_a_limit_nobody_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(0, 100, time.Minute), of(1)...)
		var all []*waiter
		for range 300 {
			all = append(all, wait(t, p))
		}
		for _, w := range all {
			expect(t, "at once", "a", w)
			w.done()
		}
		c.SetHealth(of(1)[0].Identity, false, "refused") // Panic: it serves.
		_ = c.Drain(t.Context(), "id-a")
		w := wait(t, p)
		expect(t, "nobody is there", "N", w)
		w.done()
		settled(t, c)
	})
}

func TestHold_drain_ends_while_others_wait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(1, 100, time.Minute), of(2)...)
		first, second, third, fourth := wait(t, p), wait(t, p), wait(t, p), wait(t, p)
		expect(t, "at first", "ab--", first, second, third, fourth)
		drained := make(chan error, 1)
		go func() { drained <- c.Drain(t.Context(), "id-a") }()
		synctest.Wait()
		first.done()
		if err := <-drained; err != nil {
			t.Errorf("Drain() = %v", err)
		}
		expect(t, "a is drained", "--", third, fourth)
		second.done()
		expect(t, "b goes on", "b-", third, fourth)
		c.Undrain("id-a")
		synctest.Wait()
		expect(t, "a is back", "ba", third, fourth)
		third.done()
		fourth.done()
		settled(t, c)
	})
}

func TestHold_waits_for_a_backend_that_left_to_come_back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(1, 100, time.Minute)
		c, p := serving(t, s, of(1)...)
		first, second := wait(t, p), wait(t, p)
		c.Apply(snapshot(s))
		synctest.Wait()
		first.done()
		expect(t, "nobody is there", "-", second)
		c.Apply(snapshot(s, of(1)...))
		heal(c, of(1)...)
		synctest.Wait()
		expect(t, "it is back", "a", second)
		second.done()
		settled(t, c)
	})
}

func TestHold_ends_with_the_pool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, limited(1, 100, time.Minute), of(1)...)
		first, second := wait(t, p), wait(t, p)
		pass(10 * time.Second)
		c.Apply(&containers.Snapshot{})
		third := wait(t, p)
		pass(50*time.Second - time.Millisecond)
		fourth := wait(t, p)
		expect(t, "the pool is remembered", "a---", first, second, third, fourth)
		pass(10*time.Second + time.Millisecond + mending)
		expect(t, "the pool is gone", "aTTN", first, second, third, fourth)
		late := wait(t, p)
		expect(t, "nobody begins to wait", "N", late)
		if c.Pool("default") != nil {
			t.Error("the pool is there still")
		}
		for _, w := range []*waiter{first, second, third, fourth, late} {
			w.done()
		}
		if l := p.Load(time.Now()); l.InFlight != 0 {
			t.Errorf("%d are in flight", l.InFlight)
		}
	})
}

// tried returns an exchange whose attempt at the backend of a name has failed.
func tried(t *testing.T, p *proxy.Pool, name string) proxy.Exchange {
	t.Helper()
	x := at(t, p, name)
	if !x.Again(time.Now(), proxy.CauseNoAnswer) {
		t.Fatal("Again() = false")
	}
	return *x
}

func TestHold_retries(t *testing.T) {
	t.Run("wait for another backend", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := serving(t, limited(1, 100, time.Minute), of(2)...)
			b := at(t, p, "b")
			retry := waitWith(t, tried(t, p, "a"), &balance.Request{})
			fresh := wait(t, p)
			expect(t, "a is free, but not for the retry", "-a", retry, fresh)
			fresh.done()
			expect(t, "still", "-", retry)
			b.Done(time.Now(), 200, proxy.CauseNone)
			synctest.Wait()
			expect(t, "b is free", "b", retry)
			retry.done()
			settled(t, c)
			if got := report(t, c, time.Now()).Retries; got != 1 {
				t.Errorf("%d retries, want 1", got)
			}
		})
	})
	t.Run("wait only a moment where there is no other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, p := serving(t, limited(1, 100, time.Minute), of(1)...)
			x := at(t, p, "a")
			waiting := wait(t, p)
			if !x.Again(time.Now(), proxy.CauseNoAnswer) { // Gives its place to who waits.
				t.Fatal("Again() = false")
			}
			another := wait(t, p)
			expect(t, "one is served, one waits", "a-", waiting, another)
			retry := waitWith(t, *x, &balance.Request{})
			expect(t, "a may be about to leave", "-", retry)
			pass(mending)
			expect(t, "the retry has tried all", "N", retry)
			for _, w := range []*waiter{retry, waiting, another} {
				w.done()
			}
			settled(t, c)
		})
	})
	t.Run("wait no longer when the other leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := limited(1, 100, time.Minute)
			c, p := serving(t, s, of(2)...)
			b := at(t, p, "b")
			retry := waitWith(t, tried(t, p, "a"), &balance.Request{})
			expect(t, "b is busy", "-", retry)
			c.Apply(snapshot(s, of(1)...))
			pass(mending)
			expect(t, "b is gone", "N", retry)
			retry.done()
			b.Done(time.Now(), 200, proxy.CauseNone)
			settled(t, c)
		})
	})
}

func TestHold_sticky_clients_go_where_there_is_room(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(1, 100, time.Minute), of(2)...)
		r := &balance.Request{Affinity: member(t, p, "b").Affinity()}
		var all []*waiter
		for range 3 {
			all = append(all, waitWith(t, p.Begin(time.Now()), r))
		}
		expect(t, "its own first, then another, then none", "ba-", all...)
		all[1].done()
		expect(t, "what is free first", "baa", all...)
		for _, w := range all {
			w.done()
		}
		settled(t, c)
	})
}

func TestHold_counts_an_ejection_that_ends_and_a_trial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(1, 100, time.Minute)
		s.Breaker = 5
		c, p := running(t, s, of(2)...)
		send(t, p, "a", "55555")
		first, second := wait(t, p), wait(t, p)
		expect(t, "a is ejected", "b-", first, second)
		pass(30*time.Second + mending)
		expect(t, "a is back", "ba", first, second)
		first.done()
		second.done()
		settled(t, c)
	})
}
