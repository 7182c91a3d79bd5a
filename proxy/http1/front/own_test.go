package front_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// own starts fronts with options as they are, but for a route if there is none, on listeners that wrap may replace.
func own(o front.Options, wrap func(net.Listener) net.Listener) fronttest.Harness {
	return draining(o, wrap, (*front.Front).Drain)
}

// draining is own with fronts that are ended by drain.
func draining(o front.Options, wrap func(net.Listener) net.Listener, drain func(*front.Front, context.Context) error) fronttest.Harness {
	return fronttest.Harness{Start: func(t testing.TB, core *proxy.Core, _ fronttest.Options) fronttest.Front {
		o := o
		if o.Route == nil {
			o.Route = lb(core)
		}
		f := front.New(core, o)
		listener := fronttest.Listen(t)
		address := listener.Addr().String()
		if wrap != nil {
			listener = wrap(listener)
		}
		served := make(chan error, 1)
		go func() { served <- f.Serve(listener) }()
		t.Cleanup(func() {
			if err := <-served; err != nil {
				t.Errorf("Serve() = %v", err)
			}
		})
		return fronttest.Front{Address: address, InFlight: f.InFlight, Drain: func(ctx context.Context) error { return drain(f, ctx) }}
	}}
}

// newOwn is a site of the suite with such a front.
func newOwn(t testing.TB, conf containers.Settings, o front.Options, addresses ...string) *fronttest.Site {
	t.Helper()
	return fronttest.NewSite(t, own(o, nil), conf, fronttest.Options{}, addresses...)
}

// both starts fronts as own does, and has what they hand over served by net/http: the same pool at /lb, and other
// elsewhere. Each connection that is handed over is shown to see.
func both(wrap func(net.Listener) net.Listener, other http.HandlerFunc, see func(net.Conn)) fronttest.Harness {
	return fronttest.Harness{Start: func(t testing.TB, core *proxy.Core, limits fronttest.Options) fronttest.Front {
		second := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop()})
		pool := second.Handler("default", "/lb")
		server := second.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/lb/") {
				pool.ServeHTTP(w, r)
				return
			}
			other(w, r)
		}))
		h := &handed{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(h) }()
		t.Cleanup(func() {
			server.Close()
			<-served
		})
		first := own(front.Options{Logger: zerolog.Nop(), HandOff: func(c net.Conn, _ bool) {
			see(c)
			h.take(c)
		}}, wrap).Start(t, core, limits)
		return fronttest.Front{
			Address:  first.Address,
			InFlight: func() int { return first.InFlight() + second.InFlight() },
			Drain: func(ctx context.Context) error {
				return errors.Join(first.Drain(ctx), server.Shutdown(ctx), second.Drain(ctx))
			},
		}
	}}
}

// handed is a listener whose connections are those that a front hands over.
type handed struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (h *handed) take(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }
