package front_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

func TestFront_forwards_OPTIONS_asterisk(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method, " ", r.RequestURI) }))
	backend.Config.DisableGeneralOptionsHandler = true
	backend.Start()
	t.Cleanup(backend.Close)
	root := fronttest.Harness{Start: func(t testing.TB, core *proxy.Core, o fronttest.Options) fronttest.Front {
		return own(front.Options{Logger: zerolog.Nop(), Route: func(_, _ []byte, _ bool) (proxy.Target, front.Whose) {
			return proxy.Target{Pool: core.Pool("default")}, front.Pools
		}}, nil).Start(t, core, o)
	}}
	fronttest.Root(t, root, func(s *fronttest.Site) {
		s.Backends = append(s.Backends, fronttest.Spec("a", backend.Listener.Addr().String()))
		s.Apply()
	})
}
