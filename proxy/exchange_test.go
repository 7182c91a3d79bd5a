package proxy_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

func TestExchange_Next_tries_each_backend_once(t *testing.T) {
	s := limited(0, 10, time.Minute)
	s.Retries = 3
	c, p := serving(t, s, backend("a", 200), backend("b", 1), backend("c", 1))
	x := p.Begin(time.Now())
	seen := ""
	for range 3 {
		b, err := x.Next(&balance.Request{})
		if err != nil {
			t.Fatalf("after %q Next() = %v", seen, err)
		}
		if strings.Contains(seen, b.Name()) {
			t.Errorf("%s was tried again after %q", b.Name(), seen)
		}
		seen += b.Name()
		x.Again(time.Now(), proxy.CauseNoAnswer)
	}
	if _, err := x.Next(&balance.Request{}); !errors.Is(err, proxy.ErrBusy) {
		t.Errorf("Next() = %v after all were tried, want ErrBusy: they may be about to leave", err)
	}
	if _, err := x.Hold(t.Context(), &balance.Request{}); !errors.Is(err, proxy.ErrNoBackend) {
		t.Errorf("Hold() = %v after all were tried, want ErrNoBackend", err)
	}
	x.Done(time.Now(), 502, proxy.CauseConnectFailed)
	r := report(t, c, time.Now())
	if r.Requests != 1 || r.Errors != 1 || r.Retries != 2 || r.InFlight != 0 {
		t.Errorf("requests, errors, retries, in flight = %d, %d, %d, %d, want 1, 1, 2, 0",
			r.Requests, r.Errors, r.Retries, r.InFlight)
	}
	for _, b := range r.Backends {
		if b.Requests != 0 || b.Errors != 1 || b.InFlight != 0 {
			t.Errorf("%s: requests, errors, in flight = %d, %d, %d, want 0, 1, 0", b.Name, b.Requests, b.Errors, b.InFlight)
		}
	}
}

func TestExchange_Done_accounts_once(t *testing.T) {
	tests := []struct {
		name          string
		status        int
		cause         proxy.Cause
		errors        uint64 // Of the pool.
		backendErrors uint64
		rejected      map[string]uint64
		recorded      uint64
	}{
		{"answered", 200, proxy.CauseNone, 0, 0, nil, 1},
		{"answered with an error", 500, proxy.CauseNone, 1, 1, nil, 1},
		{"not found", 404, proxy.CauseNone, 0, 0, nil, 1},
		{"client left", 499, proxy.CauseClientGone, 0, 0, nil, 1},
		{"client left during an error", 500, proxy.CauseClientGone, 0, 0, nil, 1},
		{"broken off", 200, proxy.CauseTruncated, 1, 1, nil, 1},
		{"timeout", 504, proxy.CauseTimeout, 1, 1, map[string]uint64{"timeout": 1}, 1},
		{"bad request", 400, proxy.CauseBadRequest, 0, 0, map[string]uint64{"bad-request": 1}, 1},
		{"cut at the drain limit", 503, proxy.CauseShutdown, 1, 0, map[string]uint64{"shutting-down": 1}, 1},
		{"stream cut at the drain limit", 200, proxy.CauseShutdown, 0, 0, nil, 1},
		{"upgraded", 101, proxy.CauseNone, 0, 0, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, settings(), backend("a", 1))
			now := time.Now()
			x, _ := begin(t, p, now)
			for range 3 {
				x.Done(now.Add(time.Second), tt.status, tt.cause)
				x.Again(now, proxy.CauseConnectFailed)
			}
			r := report(t, c, now.Add(time.Second))
			b := r.Backends[0]
			if r.Requests != 1 || b.Requests != 1 || r.InFlight != 0 || b.InFlight != 0 {
				t.Errorf("requests %d and %d, in flight %d and %d, want 1, 1, 0, 0", r.Requests, b.Requests, r.InFlight, b.InFlight)
			}
			if r.Errors != tt.errors || b.Errors != tt.backendErrors {
				t.Errorf("errors = %d and %d, want %d and %d", r.Errors, b.Errors, tt.errors, tt.backendErrors)
			}
			if tt.rejected == nil {
				tt.rejected = map[string]uint64{}
			}
			if diff := cmp.Diff(tt.rejected, r.Rejected); diff != "" {
				t.Errorf("Rejected differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]proxy.StatusCount{{Status: tt.status, Count: 1}}, b.Statuses); diff != "" {
				t.Errorf("Statuses differs (-want +got):\n%s", diff)
			}
			if r.Durations.Count != tt.recorded || b.Durations.Count != tt.recorded {
				t.Errorf("durations recorded: %d and %d, want %d", r.Durations.Count, b.Durations.Count, tt.recorded)
			}
		})
	}
}

func TestExchange_a_backend_is_charged_for_its_own_attempt_only(t *testing.T) {
	c, p := serving(t, settings(), backend("a", 1), backend("b", 1))
	now := time.Now()
	x, first := begin(t, p, now)
	x.Again(now.Add(2*time.Second), proxy.CauseConnectFailed)
	if _, err := x.Next(&balance.Request{}); err != nil {
		t.Fatal(err)
	}
	x.Done(now.Add(2*time.Second+10*time.Millisecond), 200, proxy.CauseNone)
	r := report(t, c, now.Add(3*time.Second))
	if got := r.Durations.Quantile(1); got < 1900*time.Millisecond {
		t.Errorf("the pool's duration is %s, want about 2 s", got)
	}
	for _, b := range r.Backends {
		if b.Name == first.Name() {
			continue
		}
		if got := b.Durations.Quantile(1); got > 11*time.Millisecond || got < 9*time.Millisecond {
			t.Errorf("the second backend's duration is %s, want about 10 ms", got)
		}
	}
}

func TestPool_Busy_is_the_exact_integral(t *testing.T) {
	_, p := serving(t, settings(), backend("a", 1))
	at := func(seconds float64) time.Time {
		return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	}
	base := p.Load(at(0)).Busy
	a, _ := begin(t, p, at(0)) // 0 to 4
	b, _ := begin(t, p, at(1)) // 1 to 2
	b.Done(at(2), 200, proxy.CauseNone)
	c, _ := begin(t, p, at(3)) // 3 to 7
	a.Done(at(4), 200, proxy.CauseNone)
	for _, want := range []struct{ at, busy float64 }{{4, 6}, {5, 7}, {6.5, 8.5}} {
		if got := p.Load(at(want.at)).Busy - base; got < want.busy-1e-5 || got > want.busy+1e-5 {
			t.Errorf("Busy at %v s = %v, want %v", want.at, got, want.busy)
		}
	}
	c.Done(at(7), 200, proxy.CauseNone)
	if got := p.Load(at(100)).Busy - base; got < 9-1e-5 || got > 9+1e-5 {
		t.Errorf("Busy at the end = %v, want 9", got)
	}
}

// While requests come and go the integral must never jump: reading its parts at different moments
// would be off by all the time since the core began, for each request in between. That time is a
// thousand hours here, so that a goroutine which is kept waiting with its stamp in hand can't be
// mistaken for it.
func TestPool_Busy_is_consistent_while_requests_come_and_go(t *testing.T) {
	_, p := serving(t, settings(), backend("a", 1))
	const workers, jump = 4, 100.0
	now := func() time.Time { return time.Now().Add(1000 * time.Hour) }
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				x := p.Begin(now())
				x.Done(now(), 200, proxy.CauseNone)
			}
		})
	}
	last := p.Load(now())
	for range 50 {
		l := p.Load(now())
		if grown := l.Busy - last.Busy; grown < -jump || grown > jump || l.InFlight > workers || l.InFlight < 0 {
			t.Fatalf("busy grew by %v s between two readings, with %d in flight", grown, l.InFlight)
		}
		last = l
	}
	close(stop)
	wg.Wait()
	if l := p.Load(now()); l.InFlight != 0 {
		t.Errorf("%d in flight at the end, want 0", l.InFlight)
	}
}

func TestExchange_allocates_nothing(t *testing.T) {
	_, p := serving(t, settings(), backend("a", 3), backend("b", 2))
	request := &balance.Request{}
	if got := testing.AllocsPerRun(1000, func() {
		x := p.Begin(time.Now())
		if _, err := x.Next(request); err != nil {
			t.Error(err)
		}
		x.Done(time.Now(), 200, proxy.CauseNone)
	}); got != 0 {
		t.Errorf("an exchange allocates %v times, want 0", got)
	}
}

func BenchmarkExchange(b *testing.B) {
	_, p := serving(b, settings(), backend("a", 3), backend("b", 2), backend("c", 1))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		request := &balance.Request{}
		for pb.Next() {
			x := p.Begin(time.Now())
			_, _ = x.Next(request)
			x.Done(time.Now(), 200, proxy.CauseNone)
		}
	})
}

func BenchmarkCore_SetHealth_of_1000(b *testing.B) {
	c, backends := thousand()
	heal(c, backends...)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.SetHealth(backends[i/2%1000].Identity, i%2 == 1, "refused")
	}
}
