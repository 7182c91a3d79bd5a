package proxy_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// What Ballast answers itself takes no time, and tells nothing of how long backends take.
func TestLoad_serves_what_backends_answer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := serving(t, limited(1, 1, time.Second), of(1)...)
		served, late := wait(t, p), wait(t, p)
		full := wait(t, p)
		expect(t, "one waits", "a-F", served, late, full)
		pass(time.Second)
		full.done()
		late.done()
		x := p.BeginRefused(time.Now())
		x.Done(time.Now(), 429, proxy.CauseRateLimited)
		left := wait(t, p)
		pass(500 * time.Millisecond)
		left.cancel()
		synctest.Wait()
		left.x.Done(time.Now(), 499, proxy.CauseClientGone)
		wantLoad(t, p, proxy.Load{InFlight: 1, Requests: 4, Busy: p.Load(time.Now()).Busy, Ready: 1})
		served.done()
		wantLoad(t, p, proxy.Load{Requests: 4, Busy: p.Load(time.Now()).Busy, Served: 1, Service: 1.5, Ready: 1})

		broken, _ := begin(t, p, time.Now())
		pass(2 * time.Second)
		broken.Done(time.Now(), 200, proxy.CauseClientGone) // It was being served until then.
		silent, _ := begin(t, p, time.Now())
		pass(time.Second)
		silent.Done(time.Now(), 504, proxy.CauseTimeout)
		wantLoad(t, p, proxy.Load{Requests: 6, Busy: p.Load(time.Now()).Busy, Served: 2, Service: 3.5, Ready: 1})
	})
}

// What is refused whoever could serve it asks for no backends.
func TestLoad_what_is_refused_is_no_demand(t *testing.T) {
	_, p := serving(t, settings(), of(1)...)
	x := p.BeginRefused(time.Now())
	if l := p.Load(time.Now()); l.Requests != 0 || l.InFlight != 1 || l.Ignored != 1 {
		t.Errorf("Load() = %+v while it is answered, want none that asks", l)
	}
	x.Done(time.Now(), 429, proxy.CauseRateLimited)
	asked := p.Begin(time.Now())
	if _, err := asked.Next(&balance.Request{}); err != nil {
		t.Fatal(err)
	}
	asked.Done(time.Now(), 200, proxy.CauseNone)
	if l := p.Load(time.Now()); l.Requests != 1 || l.Served != 1 || l.Ignored != 0 {
		t.Errorf("Load() = %+v, want the one that was served", l)
	}
}

// While requests that ask for nothing come and go, none of them may be taken for one that does.
func TestLoad_never_takes_what_is_ignored_for_demand(t *testing.T) {
	_, p := serving(t, settings(), of(1)...)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				x := p.BeginRefused(time.Now())
				x.Done(time.Now(), 429, proxy.CauseRateLimited)
			}
		})
	}
	for began := time.Now(); time.Since(began) < time.Second; {
		if l := p.Load(time.Now()); l.Requests != 0 || l.InFlight > l.Ignored || l.Served != 0 || l.Service != 0 {
			t.Errorf("Load() = %+v, want no demand", l)
			break
		}
	}
	close(stop)
	wg.Wait()
}

func TestLoad_tells_who_looks_at_the_waiting_page(t *testing.T) {
	s := scaling(1, 10, time.Minute)
	s.Scale.WaitPage = true
	_, p, _ := asleep(s)
	leave, ok := p.Watch()
	if l := p.Load(time.Now()); !ok || l.Watching != 1 || l.InFlight != 0 {
		t.Errorf("Load() = %+v, want one who looks", l)
	}
	leave()
	if l := p.Load(time.Now()); l.Watching != 0 {
		t.Errorf("Load() = %+v when he has left", l)
	}
}

// A moment that was taken before the counters are read is before the beginning of what began in between.
func TestLoad_busy_never_falls(t *testing.T) {
	_, p := serving(t, settings(), of(1)...)
	now := time.Now()
	x, _ := begin(t, p, now)
	before := p.Load(now.Add(time.Second)).Busy
	y, _ := begin(t, p, now.Add(time.Second+20*time.Microsecond))
	if after := p.Load(now.Add(time.Second)).Busy; after != before || after < 0.999 {
		t.Errorf("Busy = %v, and then %v, want the same", before, after)
	}
	for _, x := range []*proxy.Exchange{x, y} {
		x.Done(now.Add(2*time.Second), 200, proxy.CauseNone)
	}
}
