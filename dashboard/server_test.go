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
	document atomic.Pointer[telemetry.Document]
}

func (s *served) show(in telemetry.Input) {
	d := telemetry.NewDocument(in)
	s.document.Store(&d)
}

func serve(t *testing.T, in telemetry.Input) *served {
	t.Helper()
	s := &served{}
	s.show(in)
	r := chi.NewRouter()
	New(Options{
		Document: func() telemetry.Document { return *s.document.Load() },
		Features: []string{"Docker Engine", "clones are removed at exit", "at most 50 clones on this host"},
		Logger:   zerolog.New(zerolog.NewTestWriter(t)),
	}).Register(r)
	s.Server = httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s
}
