package proxy

import (
	"errors"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/proxy/balance"
)

// ErrNoBackend says that no backend of the pool is available that was not tried already.
var ErrNoBackend = errors.New("no backend is available")

// Exchange is one request and its answer. It belongs to the goroutine that serves the request; it
// is begun by Pool.Begin and must be ended by Done. It may be copied before it is used.
type Exchange struct {
	pool           *Pool
	began, attempt time.Duration
	current        *Backend
	tried          []*Backend
	done           bool
}

// Next picks a backend that was not tried yet, and counts the request in flight there until Failed
// or Done. The error is ErrNoBackend.
func (x *Exchange) Next(r *balance.Request) (*Backend, error) {
	if x.done || x.current != nil {
		return nil, errors.New("exchange: next without failed, or after done")
	}
	b := x.pool.view.Load().take(r, x)
	if b == nil {
		// The view may have been replaced while it was looked at.
		b = x.pool.view.Load().take(r, x)
	}
	if b == nil {
		return nil, ErrNoBackend
	}
	if len(x.tried) > 0 {
		x.pool.retries.Add(1)
	}
	x.current = b
	return b, nil
}

// Failed ends an attempt that another one may follow, for none of the request was sent. It counts
// as an error of the backend.
func (x *Exchange) Failed(now time.Time) {
	if x.current == nil {
		return
	}
	x.current.errors.Add(1)
	x.current.release()
	x.tried = append(x.tried, x.current)
	x.current = nil
	x.attempt = x.pool.since(now)
}

// Done ends the exchange when the answer has been passed on whole, or as much of it as there will
// be. status is what the client was answered, or 499 if it left before. Only the first call counts.
func (x *Exchange) Done(now time.Time, status int, cause Cause) {
	if x.done || x.pool == nil {
		return
	}
	x.done = true
	at := x.pool.since(now)
	if b := x.current; b != nil {
		x.current = nil
		b.answered(status, cause, at-x.attempt)
		b.release()
	}
	x.pool.answered(at, at-x.began, status, cause)
}

func (x *Exchange) wasTried(b *Backend) bool { return slices.Contains(x.tried, b) }
