package proxy_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// retried does one request whose attempts all fail, and returns how many there were.
func retried(p *proxy.Pool) (attempts int) {
	x := p.Begin(time.Now())
	defer func() { x.Done(time.Now(), 502, proxy.CauseNoAnswer) }()
	for {
		if _, err := x.Next(&balance.Request{}); errors.Is(err, proxy.ErrNoBackend) {
			return attempts
		}
		attempts++
		if !x.Again(time.Now(), proxy.CauseNoAnswer) {
			return attempts
		}
	}
}

func retrying(retries, breaker int) containers.Settings {
	s := breaking(breaker)
	s.Retries = retries
	return s
}

// Case 13. Each request brings a fifth of a retry, and there are ten to begin with: no tolerance.
func TestBudget_when_every_backend_fails(t *testing.T) {
	const requests = 10_000
	tests := []struct {
		name             string
		retries, breaker int
	}{
		{"one retry", 1, 0}, {"four retries", 4, 0}, {"a breaker", 1, 5}, {"a breaker and four retries", 4, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, retrying(tt.retries, tt.breaker), of(6)...)
			attempts := 0
			for range requests {
				attempts += retried(p)
			}
			r := report(t, c, time.Now())
			if most := requests + requests/5 + 10; attempts > most || attempts < most-1 {
				t.Errorf("%d attempts, want %d", attempts, most)
			}
			if r.Retries != uint64(attempts-requests) {
				t.Errorf("%d retries are counted of %d", r.Retries, attempts-requests)
			}
			// Each request but those that had all their retries was denied one.
			if denied := r.RetriesDenied; denied > requests || denied < requests-2010 {
				t.Errorf("%d denied, want one for most requests", denied)
			}
			if r.InFlight != 0 || r.Requests != requests {
				t.Errorf("%d requests, %d in flight, want %d, 0", r.Requests, r.InFlight, requests)
			}
		})
	}
}

func TestBudget_holds_under_concurrency(t *testing.T) {
	const workers, each = 8, 2_500
	c, p := serving(t, retrying(2, 5), of(4)...)
	var attempts atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				attempts.Add(int64(retried(p)))
			}
		})
	}
	wg.Wait()
	const most = workers*each + workers*each/5 + 10
	if n := attempts.Load(); n > most {
		t.Errorf("%d attempts, want at most %d", n, most)
	}
	for _, b := range report(t, c, time.Now()).Backends {
		if b.InFlight != 0 {
			t.Errorf("%d are in flight at %s", b.InFlight, b.Name)
		}
	}
}

func TestBudget_refills(t *testing.T) {
	tests := []struct {
		name       string
		good, want int // Requests that went well, then retries of 1,000 that are begun at once and fail.
	}{
		{"not without requests", 0, 200},
		{"a fifth each", 100, 220},
		{"up to a hundred", 5_000, 299}, // The last hundredth is paid for by the requests after the first.
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, retrying(1, 0), of(2)...)
			for range 100 { // Spend what there is.
				retried(p)
			}
			before := report(t, c, time.Now()).Retries
			picks(p, tt.good)
			for range 1_000 {
				retried(p)
			}
			if got := int(report(t, c, time.Now()).Retries - before); got < tt.want || got > tt.want+1 {
				t.Errorf("%d retries, want %d or one more", got, tt.want)
			}
		})
	}
}

func TestBudget_is_not_asked_when_there_are_no_retries_left(t *testing.T) {
	c, p := serving(t, retrying(0, 0), of(2)...)
	for range 100 {
		retried(p)
	}
	if r := report(t, c, time.Now()); r.Retries != 0 || r.RetriesDenied != 0 {
		t.Errorf("%d retries, %d denied, want none: the pool has none", r.Retries, r.RetriesDenied)
	}
}
