package dashboard

import (
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/telemetry"
)

// served is a dashboard on a listener of its own; what it shows can be changed under way.
type served struct {
	*httptest.Server
	pages    *Dashboard
	document atomic.Pointer[telemetry.Document]
	in       atomic.Pointer[telemetry.Input]
}

func (s *served) show(in telemetry.Input) {
	d := telemetry.NewDocument(in)
	s.document.Store(&d)
	s.in.Store(&in)
}

func serve(t *testing.T, in telemetry.Input) *served {
	t.Helper()
	s := &served{}
	s.show(in)
	r := chi.NewRouter()
	s.pages = New(Options{
		Document:   func() telemetry.Document { return *s.document.Load() },
		Listeners:  func() []string { return []string{"HTTP :80", "HTTPS :443"} },
		Containers: func() []telemetry.ContainerDoc { return telemetry.NewContainers(*s.in.Load()) },
		Features: func() []string {
			return []string{
				"HTTP at :80", "HTTPS at :443", "certificate shop.pem", "ACME certificates for a.shop.example, b.shop.example",
				"HTTP is redirected to HTTPS", "trusted proxies 10.0.0.0/8, 2001:db8::/32",
				"access log to stdout: 1 % of the requests and every status from 500", "every request has an X-Request-Id",
				"clones are removed at exit",
			}
		},
		Logger: zerolog.New(zerolog.NewTestWriter(t)),
	})
	s.pages.Register(r)
	s.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		s.pages.Close()
		s.Close()
	})
	return s
}
