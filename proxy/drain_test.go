package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

func thousand() (*proxy.Core, []containers.Backend) {
	backends := make([]containers.Backend, 1000)
	for i := range backends {
		b := backend("a", i%3+1)
		b.Container = fmt.Sprintf("id-%d", i)
		b.Address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)
		backends[i] = b
	}
	c := newCore()
	c.Apply(snapshot(settings(), backends...))
	return c, backends
}

// A container that is dialled at another address from now on still answers what came by the old one.
func TestCore_Drain_waits_for_what_is_in_flight_at_an_address_that_left(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := backend("a", 1)
		c, p := serving(t, settings(), a)
		x, _ := begin(t, p, time.Now())
		moved := a
		moved.Network, moved.Address = "other", netip.MustParseAddrPort("10.9.9.9:80")
		for range 2 { // The second finds it gone already.
			c.Apply(snapshot(settings(), moved))
		}
		done := make(chan error, 1)
		go func() { done <- c.Drain(t.Context(), a.Container) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("Drain() = %v with one in flight", err)
			done <- err
		default:
		}
		x.Done(time.Now(), 200, proxy.CauseNone)
		if err := <-done; err != nil {
			t.Errorf("Drain() = %v", err)
		}
	})
}

func TestCore_Drain_waits_for_what_is_in_flight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := backend("a", 1)
		c, p := serving(t, settings(), a)
		first, _ := begin(t, p, time.Now())
		second, _ := begin(t, p, time.Now())
		done := make(chan error, 2)
		for range 2 { // Two may wait.
			go func() { done <- c.Drain(t.Context(), a.Container) }()
		}
		synctest.Wait()
		if got := picks(p, 1); got != "-" {
			t.Errorf("picks = %s while draining, want none", got)
		}
		first.Done(time.Now(), 200, proxy.CauseNone)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Drain() = %v with one in flight", err)
		default:
		}
		second.Done(time.Now(), 200, proxy.CauseNone)
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("Drain() = %v", err)
			}
		}
		c.Undrain(a.Container)
		if got := picks(p, 1); got != "a" {
			t.Errorf("picks = %s after Undrain, want a", got)
		}
	})
}

func TestCore_Drain_gives_up_when_told(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := backend("a", 1)
		c, p := serving(t, settings(), a)
		x, _ := begin(t, p, time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := c.Drain(ctx, a.Container); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain() = %v, want the deadline", err)
		}
		if got := picks(p, 1); got != "-" {
			t.Errorf("picks = %s afterwards, want none", got)
		}
		x.Done(time.Now(), 200, proxy.CauseNone)
	})
}

func TestCore_Drain_waits_although_the_container_is_gone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := backend("a", 1)
		c, p := serving(t, settings(), a)
		x, _ := begin(t, p, time.Now())
		done := make(chan error, 1)
		go func() { done <- c.Drain(t.Context(), a.Container) }()
		synctest.Wait()
		c.Apply(&containers.Snapshot{})
		x.Done(time.Now(), 200, proxy.CauseNone)
		if err := <-done; err != nil {
			t.Errorf("Drain() = %v", err)
		}
	})
}

func TestCore_Drain_lasts_over_a_restart_and_ends_with_the_container(t *testing.T) {
	a := backend("a", 1)
	c, p := serving(t, settings(), a)
	if err := c.Drain(t.Context(), a.Container); err != nil {
		t.Fatal(err)
	}
	a.StartedAt++
	c.Apply(snapshot(settings(), a))
	heal(c, a)
	if got := picks(p, 1); got != "-" {
		t.Errorf("picks = %s after a restart, want none", got)
	}
	c.Apply(snapshot(settings()))
	c.Apply(snapshot(settings(), a))
	heal(c, a)
	if got := picks(p, 1); got != "a" {
		t.Errorf("picks = %s when it came anew, want a", got)
	}
}

// A request either sees that a backend drains or is waited for: none is taken after Drain returned.
// What people set aside and what Ballast drains are kept apart: neither takes back the other.
func TestCore_SetAside(t *testing.T) {
	a, b := backend("a", 1), backend("b", 1)
	c, p := serving(t, settings(), a, b)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"nothing", func() {}, "abab"},
		{"set aside", func() { c.SetAside(a.Container) }, "bbbb"},
		{"what was not drained undrained", func() { c.Undrain(a.Container) }, "bbbb"},
		{"drained as well", func() { _ = c.Drain(ctx, a.Container) }, "bbbb"},
		{"put back", func() { c.PutBack(a.Container) }, "bbbb"},
		{"undrained", func() { c.Undrain(a.Container) }, "abab"},
		{"set aside and restarted", func() {
			c.SetAside(a.Container)
			again := a
			again.StartedAt++
			c.Apply(snapshot(settings(), again, b))
			heal(c, again)
		}, "bbbb"},
		{"put back for good", func() { c.PutBack(a.Container) }, "abab"},
	}
	for _, s := range steps {
		s.do()
		got := []byte(picks(p, 4))
		slices.Sort(got)
		want := []byte(s.want)
		slices.Sort(want)
		if string(got) != string(want) {
			t.Errorf("%s: picks = %s, want %s", s.name, got, want)
		}
	}
	if c.SetAside("nobody") || c.PutBack(a.Container) {
		t.Error("SetAside of what is not known, or PutBack of what was not set aside, = true")
	}
	c.SetAside(a.Container)
	c.Apply(snapshot(settings(), b))
	if c.PutBack(a.Container) {
		t.Error("what is gone is remembered")
	}
}

func TestCore_Drain_misses_no_request(t *testing.T) {
	a, b := backend("a", 1), backend("b", 1)
	c, p := serving(t, settings(), a, b)
	var (
		drained atomic.Bool
		late    atomic.Int64
		wg      sync.WaitGroup
	)
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := drained.Load()
				x := p.Begin(time.Now())
				got, err := x.Next(&balance.Request{})
				if err == nil && before && got.Name() == "a" && drained.Load() {
					late.Add(1)
				}
				x.Done(time.Now(), 200, proxy.CauseNone)
			}
		})
	}
	for range 300 {
		if err := c.Drain(t.Context(), a.Container); err != nil {
			t.Fatal(err)
		}
		drained.Store(true)
		for range 20 {
			p.Load(time.Now())
		}
		drained.Store(false)
		c.Undrain(a.Container)
	}
	close(stop)
	wg.Wait()
	if n := late.Load(); n != 0 {
		t.Errorf("%d requests went to a drained backend", n)
	}
}
