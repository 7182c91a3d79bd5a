package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// limitedBreaking is a pool whose backends serve one request at a time, and are ejected after five failures.
func limitedBreaking() containers.Settings {
	s := limited(1, 100, time.Minute)
	s.Breaker = 5
	return s
}

// A backend on trial that is full is one to wait for, where nobody else is left.
func TestHold_waits_for_who_is_on_trial(t *testing.T) {
	t.Run("and left from the start", func(t *testing.T) {
		onTrial(t, limitedBreaking(), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
			probe := at(t, p, "a")
			retry := waitWith(t, tried(t, p, "b"), &balance.Request{})
			expect(t, "a is full", "-", retry)
			outcomes['g'](probe, time.Now())
			synctest.Wait()
			expect(t, "a is free", "a", retry)
			retry.done()
			settled(t, c)
		})
	})
	t.Run("and left when the others leave", func(t *testing.T) {
		onTrial(t, limitedBreaking(), 3, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
			probe, other := at(t, p, "a"), at(t, p, "c")
			retry := waitWith(t, tried(t, p, "b"), &balance.Request{})
			expect(t, "a and c are full", "-", retry)
			_ = c.Drain(over(t), "id-c")
			synctest.Wait()
			expect(t, "c leaves", "-", retry)
			outcomes['g'](probe, time.Now())
			synctest.Wait()
			expect(t, "a is free", "a", retry)
			retry.done()
			outcomes['s'](other, time.Now())
			settled(t, c)
		})
	})
	t.Run("but not when it leaves as well", func(t *testing.T) {
		onTrial(t, limitedBreaking(), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
			probe := at(t, p, "a")
			retry := waitWith(t, tried(t, p, "b"), &balance.Request{})
			outcomes['5'](probe, time.Now())
			pass(mending)
			expect(t, "a is ejected", "N", retry)
			retry.done()
			settled(t, c)
		})
	})
}

// Who has waited since before a pause between probes is the next probe when that is over, and keeps nobody back.
func TestHold_probes_who_has_waited_for_long(t *testing.T) {
	const took = 5 * time.Second
	onTrial(t, limitedBreaking(), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
		probe, other := at(t, p, "a"), at(t, p, "b")
		first, second := wait(t, p), wait(t, p)
		pass(took)
		outcomes['g'](probe, time.Now())
		synctest.Wait()
		expect(t, "a pauses", "--", first, second)
		pass((probeShare-1)*took - time.Millisecond)
		expect(t, "just before the end", "--", first, second)
		pass(mending)
		expect(t, "when it is over", "a-", first, second)
		first.x.Answered(200)
		first.done()
		expect(t, "a is trusted again", "a", second)
		second.done()
		outcomes['s'](other, time.Now())
		settled(t, c)
	})
}

// A place that is given to who has left since is no probe: the next one has it.
func TestHold_probes_with_the_next_when_one_leaves(t *testing.T) {
	onTrial(t, limitedBreaking(), 2, func(t *testing.T, c *proxy.Core, p *proxy.Pool) {
		probe, other := at(t, p, "a"), at(t, p, "b")
		first, second := wait(t, p), wait(t, p)
		first.cancel()
		outcomes['g'](probe, time.Now())
		synctest.Wait()
		expect(t, "a is free", "Ca", first, second)
		first.done()
		second.done()
		outcomes['s'](other, time.Now())
		settled(t, c)
	})
}
