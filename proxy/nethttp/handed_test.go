package nethttp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// As HTTP/2 is really served: proxy/http1/front accepts, and hands over who chooses it.
func TestFront_HTTP_2_handed_over(t *testing.T) {
	fronttest.HTTP2(t, fronttest.Harness{Start: startHanded, Lenient: true, Spare: 64})
}

func startHanded(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
	return startBoth(t, core, o, true, func(_, _ []byte, _ bool) (proxy.Target, front.Whose) {
		return proxy.Target{}, front.Anothers
	})
}

// startPlane starts both fronts as they are really served, without TLS.
func startPlane(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
	return startBoth(t, core, o, false, func(_, _ []byte, _ bool) (proxy.Target, front.Whose) {
		return proxy.Target{Pool: core.Pool("default"), Strip: len("/lb")}, front.Pools
	})
}

// startBoth starts a front of HTTP/1.1 that route tells whose a request is, and one of net/http for what it hands over.
func startBoth(
	t testing.TB, core *proxy.Core, o fronttest.Options, secure bool, route func(host, path []byte, secure bool) (proxy.Target, front.Whose),
) fronttest.Front {
	f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop(), BodyIdle: o.BodyIdle, BackendIdle: o.BackendIdle})
	server := f.Server(below(f.Handler("default", "/lb")))
	listener := fronttest.Listen(t)
	given := &channel{addr: listener.Addr(), conns: make(chan net.Conn, 1000), closed: make(chan struct{})}
	wire := front.New(core, front.Options{
		Logger: zerolog.Nop(), BodyIdle: o.BodyIdle, BackendIdle: o.BackendIdle,
		Route:   route,
		HandOff: func(c net.Conn, _ bool) { given.conns <- c },
	})
	served := make(chan error, 2)
	accepting := listener
	if secure {
		accepting = tls.NewListener(listener, fronttest.Certificate(t))
	}
	go func() { served <- wire.Serve(accepting) }()
	go func() { served <- server.Serve(given) }()
	t.Cleanup(func() {
		server.Close()
		<-served
		<-served
	})
	return fronttest.Front{
		Address:  listener.Addr().String(),
		InFlight: func() int { return wire.InFlight() + f.InFlight() },
		Drain:    func(ctx context.Context) error { return errors.Join(wire.Drain(ctx), f.Drain(ctx)) },
		Shutdown: server.Shutdown,
	}
}

// below leads what is below /lb to a pool's handler. No http.ServeMux does, which would redirect /lb//a to /lb/a.
func below(pool http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.EscapedPath(); path == "/lb" || len(path) > 3 && path[:4] == "/lb/" {
			pool.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

// channel is a listener of connections that somebody else accepted.
type channel struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
}

func (c *channel) Accept() (net.Conn, error) {
	select {
	case conn := <-c.conns:
		return conn, nil
	case <-c.closed:
		return nil, net.ErrClosed
	}
}

func (c *channel) Addr() net.Addr { return c.addr }

// Close is called once by a server that shuts down, and once more by one that is closed after that.
func (c *channel) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}
