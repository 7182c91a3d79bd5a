package proxy_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// mending is more than the end of an ejection or a step of a slow start may be late.
const mending = 101 * time.Millisecond

// running is serving with the core's Run going on until the test ends. It is for a bubble.
func running(t *testing.T, s containers.Settings, backends ...containers.Backend) (*proxy.Core, *proxy.Pool) {
	t.Helper()
	c, p := serving(t, s, backends...)
	run(t, c)
	return c, p
}

func run(t *testing.T, c *proxy.Core) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// pass lets time pass in a bubble, and what is due at its end happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// of returns n backends of weight 1, called a, b, c and so on.
func of(n int) []containers.Backend {
	out := make([]containers.Backend, n)
	for i := range out {
		out[i] = backend(string(rune('a'+i)), 1)
	}
	return out
}

// member finds a pool's backend by name.
func member(t testing.TB, p *proxy.Pool, name string) *proxy.Backend {
	t.Helper()
	for b := range p.Members() {
		if b.Name() == name {
			return b
		}
	}
	t.Fatalf("the pool has no backend %s", name)
	return nil
}

// at begins an exchange at the backend of a name, which must be available in a sticky pool.
func at(t testing.TB, p *proxy.Pool, name string) *proxy.Exchange {
	t.Helper()
	x := p.Begin(time.Now())
	b, err := x.Next(&balance.Request{Affinity: member(t, p, name).Affinity()})
	if err != nil || b.Name() != name {
		t.Fatalf("Next() = %v, %v, want backend %s", b, err, name)
	}
	return &x
}

// outcomes are how a request may end, by a letter.
var outcomes = map[rune]func(x *proxy.Exchange, now time.Time){
	's': func(x *proxy.Exchange, now time.Time) { // Success.
		x.Answered(200)
		x.Done(now, 200, proxy.CauseNone)
	},
	'4': func(x *proxy.Exchange, now time.Time) {
		x.Answered(404)
		x.Done(now, 404, proxy.CauseNone)
	},
	'5': func(x *proxy.Exchange, now time.Time) {
		x.Answered(500)
		x.Done(now, 500, proxy.CauseNone)
	},
	'r': func(x *proxy.Exchange, now time.Time) { x.Done(now, 502, proxy.CauseConnectFailed) }, // Refused.
	'n': func(x *proxy.Exchange, now time.Time) { x.Done(now, 502, proxy.CauseNoAnswer) },
	'b': func(x *proxy.Exchange, now time.Time) { x.Done(now, 502, proxy.CauseBadResponse) },
	'o': func(x *proxy.Exchange, now time.Time) { x.Done(now, 504, proxy.CauseTimeout) },    // Time is over.
	'g': func(x *proxy.Exchange, now time.Time) { x.Done(now, 499, proxy.CauseClientGone) }, // Gone.
	'q': func(x *proxy.Exchange, now time.Time) { x.Done(now, 400, proxy.CauseBadRequest) }, // Question is bad.
	't': func(x *proxy.Exchange, now time.Time) { // Truncated.
		x.Answered(200)
		x.Done(now, 200, proxy.CauseTruncated)
	},
	'T': func(x *proxy.Exchange, now time.Time) { // An error that was truncated.
		x.Answered(500)
		x.Done(now, 500, proxy.CauseTruncated)
	},
}

// send does requests at the backend of a name, which end as the letters say.
func send(t testing.TB, p *proxy.Pool, name, letters string) {
	t.Helper()
	for _, l := range letters {
		end := outcomes[l]
		if end == nil {
			t.Fatalf("no outcome %q", l)
		}
		end(at(t, p, name), time.Now())
	}
}

// backendReport returns what the core tells of a pool's backend.
func backendReport(t testing.TB, c *proxy.Core, name string) proxy.BackendReport {
	t.Helper()
	for _, b := range report(t, c, time.Now()).Backends {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("no report of %s", name)
	return proxy.BackendReport{}
}

// states are those of all backends, by name: "a ready, b ejected".
func states(t testing.TB, c *proxy.Core) string {
	t.Helper()
	r := report(t, c, time.Now())
	out := make([]string, 0, len(r.Backends))
	for _, b := range r.Backends {
		out = append(out, b.Name+" "+string(b.State))
	}
	return strings.Join(out, ", ")
}

func breaking(failures int) containers.Settings {
	s := settings()
	s.Breaker = failures
	return s
}
