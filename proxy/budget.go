package proxy

import "sync"

// Retries are paid for from a budget, so that a pool that fails is not asked twice for everything: each request
// brings a fifth of a retry, of which so many are kept (Finagle's RetryBudget, with a bound in number and not in time).
// Failing pools see 1.2 attempts per request in the long run.
const (
	retryRatio = 0.2
	retryFirst = 10
	retryMost  = 100
)

// budget is one pool's.
type budget struct {
	mu       sync.Mutex
	begun    bool
	tokens   float64 // guarded by mu
	requests uint64  // guarded by mu; those that have paid in
}

// withdraw takes a retry, if there is one. requests is how many the pool has had: so they pay in without doing
// anything.
func (b *budget) withdraw(requests uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		b.begun, b.tokens = true, retryFirst
	}
	if requests > b.requests {
		b.tokens = min(b.tokens+retryRatio*float64(requests-b.requests), retryMost)
		b.requests = requests
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
