package proxy_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// 50,000 requests by 200 goroutines: no backend ever serves more than it may, as the requests themselves count it.
func TestHold_never_more_than_the_limit(t *testing.T) {
	const workers, each, limit = 200, 250, 3
	for _, policy := range []string{balance.PolicyWeighted, balance.PolicyLeastRequest, balance.PolicyPeakEWMA} {
		t.Run(policy, func(t *testing.T) {
			s := limited(limit, workers, time.Minute)
			s.Policy = policy
			backends := []containers.Backend{backend("a", 5), backend("b", 1), backend("c", 2)}
			c, p := serving(t, s, backends...)
			counts := map[string]*atomic.Int64{"a": {}, "b": {}, "c": {}}
			var most atomic.Int64
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					for range each {
						x := p.Begin(time.Now())
						b, err := get(t.Context(), &x, &balance.Request{})
						if err != nil {
							t.Errorf("no backend: %v", err)
							return
						}
						n := counts[b.Name()].Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						x.Answered(200)
						runtime.Gosched() // Let others come while it is served.
						counts[b.Name()].Add(-1)
						x.Done(time.Now(), 200, proxy.CauseNone)
					}
				})
			}
			wg.Wait()
			if got := most.Load(); got != limit {
				t.Errorf("up to %d were in flight at a backend, want %d", got, limit)
			}
			settled(t, c)
			if got := report(t, c, time.Now()).Requests; got != workers*each {
				t.Errorf("%d requests are counted, want %d", got, workers*each)
			}
		})
	}
}

// stress is what goroutines do to a pool at random, and what came of it.
type stress struct {
	c        *proxy.Core
	p        *proxy.Pool
	backends []containers.Backend

	served, refused, left, failed atomic.Int64
}

// request does one request, at random with retries, little patience and a client that leaves.
func (s *stress) request(ctx context.Context, r *rand.Rand) {
	if r.IntN(4) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(200))*time.Microsecond)
		defer cancel()
	}
	x := s.p.Begin(time.Now())
	for {
		b, err := get(ctx, &x, &balance.Request{})
		now := time.Now()
		switch {
		case (b == nil) != (err != nil):
			s.failed.Add(1)
			return
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			s.left.Add(1)
			x.Done(now, 499, proxy.CauseClientGone)
			return
		case err != nil:
			s.refused.Add(1)
			x.Done(now, 503, proxy.CauseOf(err))
			return
		case r.IntN(5) == 0 && x.Again(now, proxy.CauseConnectFailed):
			continue
		}
		s.served.Add(1)
		outcomes[rune("sssssss5tg"[r.IntN(10)])](&x, now)
		return
	}
}

// disturb changes something at random.
func (s *stress) disturb(ctx context.Context, r *rand.Rand) {
	b := s.backends[r.IntN(len(s.backends))]
	switch r.IntN(5) {
	case 0:
		s.c.SetHealth(b.Identity, r.IntN(2) == 0, "refused")
	case 1:
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		_ = s.c.Drain(ctx, b.Container)
		cancel()
		s.c.Undrain(b.Container)
	case 2:
		set := limited(r.IntN(4), 20, 5*time.Millisecond)
		set.Breaker, set.Retries = 3*r.IntN(2), 2
		s.c.Apply(snapshot(set, s.backends[r.IntN(3):]...))
	case 3:
		s.c.Passed(b.Identity)
	default:
		heal(s.c, s.backends...)
	}
}

// Whatever happens meanwhile: each request gets one backend or an error, and in the end nobody waits, nothing is in
// flight, and each backend still takes as many as it may.
func TestHold_loses_nothing_and_doubles_nothing(t *testing.T) {
	const workers, each = 30, 700
	seed := uint64(time.Now().UnixNano())
	set := limited(2, 20, 5*time.Millisecond)
	backends := of(5)
	c, p := serving(t, set, backends...)
	s := &stress{c: c, p: p, backends: backends}
	stop := make(chan struct{})
	var disturbers, requesters sync.WaitGroup
	for i := range uint64(2) {
		disturbers.Go(func() {
			r := rand.New(rand.NewPCG(seed, i))
			for {
				select {
				case <-stop:
					return
				default:
					s.disturb(t.Context(), r)
				}
			}
		})
	}
	for i := range uint64(workers) {
		requesters.Go(func() {
			r := rand.New(rand.NewPCG(seed, 100+i))
			for range each {
				s.request(t.Context(), r)
			}
		})
	}
	requesters.Wait()
	close(stop)
	disturbers.Wait()
	if n := s.served.Load() + s.refused.Load() + s.left.Load(); n != workers*each || s.failed.Load() != 0 {
		t.Errorf("seed %d: %d of %d requests have an outcome, %d a wrong one", seed, n, workers*each, s.failed.Load())
	}
	if s.served.Load() == 0 {
		t.Errorf("seed %d: nothing was served", seed)
	}
	t.Logf("served %d, refused %d, left %d", s.served.Load(), s.refused.Load(), s.left.Load()) // How many wait is up to the machine.
	set.Breaker = 0
	c.Apply(snapshot(set, backends...))
	heal(c, backends...)
	settled(t, c)
	full := ""
	for range 11 {
		x := p.Begin(time.Now())
		b, err := x.Next(&balance.Request{})
		if err != nil {
			full += "-"
			x.Done(time.Now(), 503, proxy.CauseOf(err))
			continue
		}
		full += b.Name()
		defer x.Done(time.Now(), 200, proxy.CauseNone)
	}
	if len(full) != 11 || full[10] != '-' || full[:10] == "----------" {
		t.Errorf("seed %d: in the end eleven requests get %s, want ten backends and none", seed, full)
	}
}

// Each time the backend is taken out and put back, who waits must find out. A wait that ends with a timeout was forgotten.
func TestHold_wakes_who_waits_while_a_backend_leaves_and_comes_back(t *testing.T) {
	const rounds, workers = 2_000, 4
	c, p := serving(t, limited(1, 100, time.Minute), of(1)...)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				x := p.Begin(time.Now())
				if _, err := get(t.Context(), &x, &balance.Request{}); err != nil && !errors.Is(err, proxy.ErrNoBackend) {
					t.Errorf("no backend: %v", err)
				}
				x.Done(time.Now(), 200, proxy.CauseNone)
			}
		})
	}
	wg.Go(func() {
		gone, cancel := context.WithCancel(t.Context())
		cancel() // Drain marks the backend and does not wait.
		for range rounds {
			_ = c.Drain(gone, "id-a")
			c.Undrain("id-a")
		}
	})
	wg.Wait()
	settled(t, c)
}
