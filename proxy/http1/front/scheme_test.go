package front_test

import (
	"testing"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// What is for a backend that speaks otherwise is never sent to it as it is, without TLS above all.
func TestFront_sends_nothing_to_who_speaks_otherwise(t *testing.T) {
	for _, scheme := range []string{containers.SchemeHTTPS, containers.SchemeH2C} {
		t.Run(scheme, func(t *testing.T) {
			backend := fronttest.NewOK(t)
			s := newSite(t, fronttest.Settings(), front.Options{})
			b := fronttest.Spec("a", backend.Address)
			b.Scheme = scheme
			s.Backends = append(s.Backends, b)
			s.Apply()
			if answer, err := s.Ask("GET", "/", nil); err != nil || answer.Status != 503 || answer.Header.Get("X-Ballast-Error") != "no-backend" {
				t.Errorf("%v, %v, want 503, no-backend", answer, err)
			}
			if got := backend.Captured(); len(got) > 0 {
				t.Errorf("the backend got %q", got)
			}
			s.WantCounts(1, 1, 0)
		})
	}
}
