package proxy_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// get does what fronts do for a backend: Next, and Hold if that says so.
func get(ctx context.Context, x *proxy.Exchange, r *balance.Request) (*proxy.Backend, error) {
	b, err := x.Next(r)
	if errors.Is(err, proxy.ErrBusy) {
		b, err = x.Hold(ctx, r)
	}
	return b, err
}

// waiter is a request that waits for a backend in a goroutine of its own.
type waiter struct {
	x      proxy.Exchange
	cancel context.CancelFunc
	over   atomic.Bool
	// Set when it is over.
	b      *proxy.Backend
	err    error
	waited time.Duration
}

// wait begins one, and returns when it waits or is over. It is for a bubble.
func wait(t *testing.T, p *proxy.Pool) *waiter {
	t.Helper()
	return waitWith(t, p.Begin(time.Now()), &balance.Request{})
}

func waitWith(t *testing.T, x proxy.Exchange, r *balance.Request) *waiter {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &waiter{x: x, cancel: cancel}
	began := time.Now()
	go func() {
		w.b, w.err = get(ctx, &w.x, r)
		w.waited = time.Since(began)
		w.over.Store(true)
	}()
	synctest.Wait()
	return w
}

func (w *waiter) done() {
	if w.err != nil {
		w.x.Done(time.Now(), 503, proxy.CauseOf(w.err))
	} else {
		w.x.Done(time.Now(), 200, proxy.CauseNone)
	}
	synctest.Wait()
}

// outcome of waiters, a letter each: - waits, the backend's name, F full, T timeout, C cancelled, N no backend, X none will come, W the waiting page.
func outcome(waiters ...*waiter) string {
	var out strings.Builder
	for _, w := range waiters {
		switch {
		case !w.over.Load():
			out.WriteByte('-')
		case w.err == nil:
			out.WriteString(w.b.Name())
		case errors.Is(w.err, proxy.ErrQueueFull):
			out.WriteByte('F')
		case errors.Is(w.err, proxy.ErrQueueTimeout):
			out.WriteByte('T')
		case errors.Is(w.err, context.Canceled):
			out.WriteByte('C')
		case errors.Is(w.err, proxy.ErrNoBackend):
			out.WriteByte('N')
		case errors.Is(w.err, proxy.ErrNotComing):
			out.WriteByte('X')
		case errors.Is(w.err, proxy.ErrWaitPage):
			out.WriteByte('W')
		default:
			out.WriteByte('?')
		}
	}
	return out.String()
}

func expect(t *testing.T, when, want string, waiters ...*waiter) {
	t.Helper()
	if got := outcome(waiters...); got != want {
		t.Fatalf("%s: %s, want %s", when, got, want)
	}
}

// settled says that nobody is served and nobody waits.
func settled(t *testing.T, c *proxy.Core) {
	t.Helper()
	r := report(t, c, time.Now())
	if r.InFlight != 0 || r.Queued != 0 {
		t.Errorf("in the end %d are in flight and %d wait, want 0, 0", r.InFlight, r.Queued)
	}
	for _, b := range r.Backends {
		if b.InFlight != 0 {
			t.Errorf("in the end %d are in flight at %s, want 0", b.InFlight, b.Name)
		}
	}
}
