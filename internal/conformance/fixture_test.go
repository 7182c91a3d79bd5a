package conformance_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// overHTTP2 starts proxy/nethttp, with the pool at the root: over TLS, or for clients that know that it speaks HTTP/2.
func overHTTP2(secure bool) fronttest.Harness {
	return fronttest.Harness{Start: func(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
		f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop(), BodyIdle: o.BodyIdle, BackendIdle: o.BackendIdle})
		address := serve(t, f.Server(f.Handler("default", "")), secure)
		return fronttest.Front{Address: address, InFlight: f.InFlight, Drain: f.Drain}
	}}
}

// serve starts a server of HTTP/2, over TLS or without, and HTTP/1.1. It returns the address.
func serve(t testing.TB, server *http.Server, secure bool) string {
	t.Helper()
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(secure)
	server.Protocols.SetUnencryptedHTTP2(!secure)
	listener := fronttest.Listen(t)
	served := make(chan error, 1)
	go func() {
		if secure {
			server.TLSConfig = fronttest.Certificate(t)
			served <- server.ServeTLS(listener, "", "")
		} else {
			served <- server.Serve(listener)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return listener.Addr().String()
}

// overHTTP1 starts proxy/http1/front, with the pool at the root.
var overHTTP1 = fronttest.Harness{Start: func(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
	route := func(_, _ []byte, _ bool) (proxy.Target, front.Whose) {
		return proxy.Target{Pool: core.Pool("default")}, front.Pools
	}
	f := front.New(core, front.Options{Logger: zerolog.Nop(), Route: route, BodyIdle: o.BodyIdle, BackendIdle: o.BackendIdle})
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

// page is a handler that reads what it gets and answers with some text.
func page(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "The quick brown fox jumps over the lazy dog.\n")
}

// trusting is for clients of servers with a certificate that nobody knows.
func trusting() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }
