package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

func limited(concurrency, size int, timeout time.Duration) containers.Settings {
	s := settings()
	s.Concurrency = concurrency
	s.Queue = containers.Queue{Size: size, Timeout: timeout}
	return s
}

func TestHold_serves_in_the_order_they_came(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		c, p := serving(t, limited(1, 1000, time.Hour), of(1)...)
		served := wait(t, p)
		expect(t, "the first", "a", served)
		var waiters []*waiter
		for range n {
			waiters = append(waiters, wait(t, p))
			pass(time.Millisecond)
		}
		if got := report(t, c, time.Now()).Queued; got != n {
			t.Errorf("%d are queued, want %d", got, n)
		}
		for i := range n {
			expect(t, "before", strings.Repeat("a", i)+strings.Repeat("-", n-i), waiters...)
			served.done()
			served = waiters[i]
		}
		served.done()
		settled(t, c)
		if got := report(t, c, time.Now()).Holds.Count; got != n {
			t.Errorf("%d holds are recorded, want %d", got, n)
		}
	})
}

func TestHold_full_queue_refuses_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(1, 2, time.Minute), of(1)...)
		all := []*waiter{wait(t, p), wait(t, p), wait(t, p), wait(t, p)}
		expect(t, "two may wait", "a--F", all...)
		if all[3].waited != 0 || proxy.CauseOf(all[3].err) != proxy.CauseQueueFull {
			t.Errorf("refused after %s as %s, want at once as queue-full", all[3].waited, proxy.CauseOf(all[3].err))
		}
		all[0].done()
		all = append(all, wait(t, p), wait(t, p))
		expect(t, "and another when one is served", "aa-F-F", all...)
		for _, w := range all[1:] {
			w.done()
		}
		settled(t, c)
		if got := report(t, c, time.Now()).Rejected["queue-full"]; got != 2 {
			t.Errorf("%d rejections are counted, want 2", got)
		}
	})
}

func TestHold_without_a_queue_refuses_whom_nothing_is_free_for(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(2, 0, time.Minute), of(2)...)
		var all []*waiter
		for range 5 {
			all = append(all, wait(t, p))
		}
		expect(t, "two each", "ababF", all...)
		for _, w := range all {
			w.done()
		}
		settled(t, c)
	})
}

func TestHold_times_out_after_exactly_the_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(1, 10, 30*time.Second), of(1)...)
		first, second := wait(t, p), wait(t, p)
		pass(10 * time.Second)
		third := wait(t, p)
		pass(20*time.Second - 1)
		expect(t, "just before", "a--", first, second, third)
		pass(1)
		expect(t, "then", "aT-", first, second, third)
		if second.waited != 30*time.Second || proxy.CauseOf(second.err) != proxy.CauseQueueTimeout {
			t.Errorf("gave up after %s as %s, want 30s as queue-timeout", second.waited, proxy.CauseOf(second.err))
		}
		first.done()
		expect(t, "who came after it is served", "a", third)
		second.done()
		third.done()
		settled(t, c)
	})
}

// A backend that is free in the same moment as the time is over is given to one of those who wait, and never lost.
func TestHold_just_in_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			c, p := serving(t, limited(1, 10, time.Second), of(1)...)
			first := wait(t, p)
			second := wait(t, p)
			go func() {
				<-time.After(time.Second)
				first.x.Done(time.Now(), 200, proxy.CauseNone)
			}()
			pass(time.Second)
			if got := outcome(second); got != "T" && got != "a" {
				t.Fatalf("outcome is %s, want T or a", got)
			}
			second.done()
			third := wait(t, p)
			expect(t, "afterwards", "a", third)
			third.done()
			settled(t, c)
		}
	})
}

func TestHold_who_leaves_does_not_cost_the_others_their_turn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, limited(1, 10, time.Minute), of(1)...)
		served := wait(t, p)
		var all []*waiter
		for range 5 {
			all = append(all, wait(t, p))
		}
		all[0].cancel() // The first, one in the middle, and the last.
		all[2].cancel()
		all[4].cancel()
		synctest.Wait()
		expect(t, "at once", "C-C-C", all...)
		served.done()
		expect(t, "the second is first", "CaC-C", all...)
		all[1].cancel() // Too late to matter.
		all[1].done()
		expect(t, "the fourth is next", "CaCaC", all...)
		for _, w := range all {
			w.done()
		}
		settled(t, c)
	})
}

// Whoever is given a backend while it leaves gives it to the next one.
func TestHold_who_leaves_when_it_is_given_a_backend_passes_it_on(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range 400 {
			c, p := serving(t, limited(1, 10, time.Minute), of(1)...)
			served, leaver, next := wait(t, p), wait(t, p), wait(t, p)
			if i%2 == 0 {
				leaver.cancel() // It may not have noticed yet when it is its turn.
			} else {
				go leaver.cancel()
			}
			served.done()
			switch got := outcome(leaver, next); got {
			case "Ca":
			case "a-":
				leaver.done()
				expect(t, "then", "a", next)
			default:
				t.Fatalf("outcome is %s, want Ca or a-", got)
			}
			next.done()
			leaver.done()
			settled(t, c)
		}
	})
}

func TestHold_a_backend_that_becomes_ready_takes_as_many_as_it_may(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backends := of(2)
		c, p := serving(t, limited(3, 100, time.Minute), backends[0])
		var all []*waiter
		for range 10 {
			all = append(all, wait(t, p))
		}
		expect(t, "three are served", "aaa-------", all...)
		c.Apply(snapshot(limited(3, 100, time.Minute), backends...))
		synctest.Wait()
		expect(t, "before a check passed", "aaa-------", all...)
		heal(c, backends[1])
		synctest.Wait()
		expect(t, "when it is ready", "aaabbb----", all...)
		c.SetHealth(backends[0].Identity, false, "refused")
		all[0].done()
		expect(t, "one that is sick takes no more", "aaabbb----", all...)
		heal(c, backends[0])
		synctest.Wait()
		expect(t, "until it is well", "aaabbba---", all...)
		for _, w := range all {
			w.done()
		}
		settled(t, c)
	})
}
