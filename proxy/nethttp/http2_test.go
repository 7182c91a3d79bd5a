package nethttp_test

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

func TestFront_HTTP_2(t *testing.T) {
	fronttest.HTTP2(t, fronttest.Harness{Start: startSecure, Lenient: true})
}

// startSecure is start for clients that speak TLS.
func startSecure(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
	f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop(), BodyIdle: o.BodyIdle, BackendIdle: o.BackendIdle})
	server := f.Server(below(f.Handler("default", "/lb")))
	server.TLSConfig = fronttest.Certificate(t)
	listener := fronttest.Listen(t)
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return fronttest.Front{Address: listener.Addr().String(), InFlight: f.InFlight, Drain: f.Drain, Shutdown: server.Shutdown}
}
