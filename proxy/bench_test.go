package proxy_test

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// load is one kind of pool and of requests.
type load struct {
	name     string
	settings containers.Settings
	sticky   bool
}

func loads() []load {
	bare := containers.Settings{Policy: balance.PolicyWeighted, Retries: 1}
	with := func(change func(s *containers.Settings)) containers.Settings {
		s := bare
		change(&s)
		return s
	}
	breaker := func(s *containers.Settings) { s.Breaker = 5 }
	limit := func(s *containers.Settings) {
		s.Concurrency, s.Queue = 100, containers.Queue{Size: 1024, Timeout: 30 * time.Second}
	}
	rate := func(s *containers.Settings) { s.RateLimit = rated(1_000_000_000, 1_000_000_000).RateLimit }
	ewma := func(s *containers.Settings) { s.Policy = balance.PolicyPeakEWMA }
	sticky := func(s *containers.Settings) { s.Sticky = settings().Sticky }
	return []load{
		{"bare", bare, false},
		{"breaker", with(breaker), false},
		{"concurrency limit", with(limit), false},
		{"rate limit", with(rate), false},
		{"peak-ewma", with(ewma), false},
		{"sticky", with(sticky), true},
		{"everything", with(func(s *containers.Settings) {
			for _, change := range []func(s *containers.Settings){breaker, limit, rate, ewma, sticky} {
				change(s)
			}
		}), true},
		{"everything, and not sticky", with(func(s *containers.Settings) {
			for _, change := range []func(s *containers.Settings){breaker, limit, rate, ewma, sticky} {
				change(s)
			}
		}), false},
	}
}

// once does a whole exchange, as a front does it.
func once(p *proxy.Pool, r *balance.Request) error {
	now := time.Now()
	p.Admit(now, r.Client)
	x := p.Begin(now)
	if _, err := x.Next(r); err != nil {
		return err
	}
	x.Answered(200)
	x.Done(time.Now(), 200, proxy.CauseNone)
	return nil
}

// set returns the pool of a load, and what its requests look like.
func (l load) set(t testing.TB) (*proxy.Pool, *balance.Request) {
	_, p := serving(t, l.settings, backend("a", 3), backend("b", 2), backend("c", 1))
	r := &balance.Request{Client: client(1)}
	if l.sticky {
		r.Affinity = member(t, p, "b").Affinity()
	}
	return p, r
}

func TestExchange_allocates_nothing_whatever_is_on(t *testing.T) {
	for _, l := range loads() {
		t.Run(l.name, func(t *testing.T) {
			p, r := l.set(t)
			if got := testing.AllocsPerRun(1_000, func() {
				if err := once(p, r); err != nil {
					t.Error(err)
				}
			}); got != 0 {
				t.Errorf("an exchange allocates %v times, want 0", got)
			}
		})
	}
}

func BenchmarkExchange_with(b *testing.B) {
	for _, l := range loads() {
		b.Run(l.name, func(b *testing.B) {
			p, r := l.set(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := once(p, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExchange_with_contended(b *testing.B) {
	for _, l := range loads() {
		b.Run(l.name, func(b *testing.B) {
			p, r := l.set(b)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := once(p, r); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// One backend that serves one at a time: every request but one waits for another to end.
func BenchmarkHold(b *testing.B) {
	_, p := serving(b, limited(1, 1_000, time.Minute), of(1)...)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		r := &balance.Request{}
		for pb.Next() {
			x := p.Begin(time.Now())
			if _, err := get(b.Context(), &x, r); err != nil {
				b.Error(err)
				return
			}
			x.Done(time.Now(), 200, proxy.CauseNone)
		}
	})
}
