package nethttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// startRoot is start with the pool by its route, at the root.
func startRoot(t testing.TB, core *proxy.Core, _ fronttest.Options) fronttest.Front {
	f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop()})
	server := f.Server(f.Routed(http.NotFoundHandler()))
	listener := fronttest.Listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return fronttest.Front{Address: listener.Addr().String(), InFlight: f.InFlight, Drain: f.Drain}
}

// RFC 9110 9.3.7: OPTIONS * asks of the server as a whole.
func TestFront_forwards_OPTIONS_asterisk(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, func(s *httptest.Server) {
				s.Config.DisableGeneralOptionsHandler = true
				tt.start(s)
			}, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method, " ", r.RequestURI) })
			h := harness
			h.Start = startRoot
			fronttest.Root(t, h, func(s *fronttest.Site) { addBackend(s, "a", address, tt.scheme) })
		})
	}
}
