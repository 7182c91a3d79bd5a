package front_test

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFront(t *testing.T) { fronttest.Run(t, harness(front.Options{Logger: zerolog.Nop()})) }

// harness starts fronts with options, in which the limits of a test take the place of theirs.
func harness(o front.Options) fronttest.Harness {
	return fronttest.Harness{Spare: 64, Start: func(t testing.TB, core *proxy.Core, limits fronttest.Options) fronttest.Front {
		o := o
		o.Route, o.Edge, o.BodyIdle, o.BackendIdle = lb(core), limits.Edge, limits.BodyIdle, limits.BackendIdle
		f := front.New(core, o)
		listener := fronttest.Listen(t)
		served := make(chan error, 1)
		go func() { served <- f.Serve(listener) }()
		t.Cleanup(func() {
			if err := <-served; err != nil {
				t.Errorf("Serve() = %v", err)
			}
		})
		return fronttest.Front{Address: listener.Addr().String(), InFlight: f.InFlight, Drain: f.Drain}
	}}
}

// lb leads /lb to the pool.
func lb(core *proxy.Core) func(_, path []byte, _ bool) (proxy.Target, front.Whose) {
	return func(_, path []byte, _ bool) (proxy.Target, front.Whose) {
		rest, ok := strings.CutPrefix(string(path), "/lb")
		if !ok || rest != "" && rest[0] != '/' {
			return proxy.Target{}, front.Anothers
		}
		return proxy.Target{Pool: core.Pool("default"), Strip: len("/lb")}, front.Pools
	}
}

// newSite is a site of the suite with a front that has options.
func newSite(t testing.TB, conf containers.Settings, o front.Options, addresses ...string) *fronttest.Site {
	t.Helper()
	o.Logger = zerolog.Nop()
	return fronttest.NewSite(t, harness(o), conf, fronttest.Options{}, addresses...)
}
