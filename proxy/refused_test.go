package proxy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// fails does one request whose attempts fail with these causes in turn, each after some time, and then with the last one. It
// returns how many there were.
func fails(t *testing.T, p *proxy.Pool, took time.Duration, causes ...proxy.Cause) (attempts int) {
	t.Helper()
	now := time.Now()
	x := p.Begin(now)
	seen := map[*proxy.Backend]bool{}
	for {
		b, err := x.Next(&balance.Request{})
		if err != nil {
			if !errors.Is(err, proxy.ErrNoBackend) && !errors.Is(err, proxy.ErrBusy) {
				t.Errorf("Next() = %v", err)
			}
			x.Done(now, 502, proxy.CauseConnectFailed)
			return attempts
		}
		if seen[b] {
			t.Errorf("%s was tried twice", b.Name())
		}
		seen[b] = true
		cause := causes[min(attempts, len(causes)-1)]
		attempts++
		if now = now.Add(took); !x.Again(now, cause) {
			x.Done(now, 502, cause)
			return attempts
		}
	}
}

// A connection that could not be made carried nothing: the request goes on to three other backends at most, for as long as an
// answer may take, whatever retries the pool allows, and whether or not their budget is used up.
func TestRefused_goes_on_to_other_backends(t *testing.T) {
	const refused, unanswered = proxy.CauseConnectFailed, proxy.CauseNoAnswer
	tests := []struct {
		name              string
		backends, retries int
		took              time.Duration
		causes            []proxy.Cause
		want              int
	}{
		{"to all", 3, 0, 0, []proxy.Cause{refused}, 3},
		{"to three others", 8, 0, 0, []proxy.Cause{refused}, 4},
		{"and then on as a retry", 8, 1, 0, []proxy.Cause{refused}, 5},
		{"in time", 8, 0, 2 * time.Second, []proxy.Cause{refused}, 3}, // 5 s are over with the third.
		{"not where it was sent", 8, 0, 0, []proxy.Cause{unanswered}, 1},
		{"a retry that reaches nobody is none", 8, 1, 0, []proxy.Cause{unanswered, refused, refused, unanswered}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := serving(t, retrying(tt.retries, 0), of(tt.backends)...)
			if got := fails(t, p, tt.took, tt.causes...); got != tt.want {
				t.Errorf("%d attempts, want %d", got, tt.want)
			}
			if r := report(t, c, time.Now()); r.Retries != uint64(tt.want-1) || r.RetriesDenied != 0 || r.InFlight != 0 {
				t.Errorf("retries, denied, in flight = %d, %d, %d, want %d, 0, 0", r.Retries, r.RetriesDenied, r.InFlight, tt.want-1)
			}
		})
	}
}

// However many find nobody, they cost the budget nothing, and none asks more than four. The breaker makes them fewer.
func TestRefused_costs_no_budget(t *testing.T) {
	const requests = 1000
	for breaker, most := range map[int]int{0: 4 * requests, 5: 3*requests + 30} {
		c, p := serving(t, retrying(0, breaker), of(6)...)
		attempts := 0
		for range requests {
			attempts += fails(t, p, 0, proxy.CauseConnectFailed)
		}
		if attempts > most || attempts < most-30 {
			t.Errorf("breaker %d: %d attempts, want about %d", breaker, attempts, most)
		}
		if r := report(t, c, time.Now()); r.RetriesDenied != 0 || r.Retries != uint64(attempts-requests) {
			t.Errorf("breaker %d: %d retries, %d denied, want %d, 0", breaker, r.Retries, r.RetriesDenied, attempts-requests)
		}
	}
	t.Run("what it leaves is there for others", func(t *testing.T) {
		_, p := serving(t, retrying(1, 0), of(3)...)
		for range 50 { // More than there is.
			fails(t, p, 0, proxy.CauseNoAnswer)
		}
		if got := fails(t, p, 0, proxy.CauseConnectFailed, proxy.CauseConnectFailed, proxy.CauseNoAnswer); got != 3 {
			t.Errorf("%d attempts without a budget, want 3", got)
		}
	})
}
