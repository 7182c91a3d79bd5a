package proxy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCore() *proxy.Core { return proxy.New(proxy.Options{Logger: zerolog.Nop()}) }

func settings() containers.Settings {
	return containers.Settings{
		Policy:  balance.PolicyWeighted,
		Timeout: 5 * time.Second, ConnectTimeout: time.Second, Retries: 1,
		Sticky: containers.Sticky{Enabled: true, TTL: time.Hour, Cookie: "ballast_affinity"},
	}
}

// backend returns a ready one called name, whose container ID is "id-<name>".
func backend(name string, weight int) containers.Backend {
	return containers.Backend{
		Identity: containers.Identity{
			Container: "id-" + name, StartedAt: 1, Network: "net",
			Address: netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:80", name[0])),
		},
		Name: name, Weight: weight, Scheme: "http", State: containers.StateReady,
	}
}

func snapshot(s containers.Settings, backends ...containers.Backend) *containers.Snapshot {
	return &containers.Snapshot{Pools: []*containers.Pool{{Name: "default", Settings: s, Backends: backends}}}
}

// serving returns a core whose pool "default" has these backends, all healthy.
func serving(t testing.TB, s containers.Settings, backends ...containers.Backend) (*proxy.Core, *proxy.Pool) {
	t.Helper()
	c := newCore()
	c.Apply(snapshot(s, backends...))
	heal(c, backends...)
	p := c.Pool("default")
	if p == nil {
		t.Fatal("Pool(default) = nil")
	}
	return c, p
}

func heal(c *proxy.Core, backends ...containers.Backend) {
	for _, b := range backends {
		c.SetHealth(b.Identity, true, "")
	}
}

// begin begins an exchange at a backend; the test must end it.
func begin(t testing.TB, p *proxy.Pool, now time.Time) (*proxy.Exchange, *proxy.Backend) {
	t.Helper()
	x := p.Begin(now)
	b, err := x.Next(&balance.Request{})
	if err != nil {
		t.Fatalf("Next() = %v", err)
	}
	return &x, b
}

// picks does n whole requests and returns the names of the backends, in order; "-" for none.
func picks(p *proxy.Pool, n int) string {
	out := ""
	for range n {
		x := p.Begin(time.Now())
		if b, err := x.Next(&balance.Request{}); err != nil {
			out += "-"
			x.Done(time.Now(), 503, proxy.CauseNoBackend)
		} else {
			out += b.Name()
			x.Done(time.Now(), 200, proxy.CauseNone)
		}
	}
	return out
}

func report(t testing.TB, c *proxy.Core, now time.Time) proxy.PoolReport {
	t.Helper()
	r := c.Report(now)
	if len(r.Pools) != 1 {
		t.Fatalf("Report has %d pools, want 1", len(r.Pools))
	}
	return r.Pools[0]
}
