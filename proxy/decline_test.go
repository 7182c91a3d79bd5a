package proxy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// Who is declined has no part in the request, whether another one serves it or none.
func TestExchange_Decline(t *testing.T) {
	s := settings()
	s.Retries = 0 // Nothing that is asked of them.
	c, p := serving(t, s, backend("a", 1), backend("b", 1))
	x := p.Begin(time.Now())
	x.Decline() // There is nobody yet.
	first, err := x.Next(&balance.Request{})
	if err != nil {
		t.Fatal(err)
	}
	x.Decline()
	second, err := x.Next(&balance.Request{})
	if err != nil || second == first {
		t.Fatalf("after %s Next() = %v, %v, want the other", first.Name(), second, err)
	}
	x.Decline()
	if _, err := x.Next(&balance.Request{}); !errors.Is(err, proxy.ErrNoBackend) {
		t.Errorf("Next() = %v after all were declined, want ErrNoBackend", err)
	}
	x.Done(time.Now(), 503, proxy.CauseNoBackend)
	r := report(t, c, time.Now())
	if r.Requests != 1 || r.InFlight != 0 || r.RetriesDenied != 0 {
		t.Errorf("requests, in flight, retries denied = %d, %d, %d, want 1, 0, 0", r.Requests, r.InFlight, r.RetriesDenied)
	}
	for _, b := range r.Backends {
		if b.Requests != 0 || b.Errors != 0 || b.InFlight != 0 || b.Breaker.Failures != 0 {
			t.Errorf("%s: requests, errors, in flight, failures = %d, %d, %d, %d, want 0",
				b.Name, b.Requests, b.Errors, b.InFlight, b.Breaker.Failures)
		}
	}
}
