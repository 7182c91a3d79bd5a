package front_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Who waits for a backend, and is given one that speaks otherwise because it has just joined, is served by the next that does not.
func TestFront_passes_over_who_speaks_otherwise(t *testing.T) {
	conf := fronttest.Settings()
	conf.Concurrency, conf.Queue = 1, containers.Queue{Size: 10, Timeout: fronttest.Patience}
	arrived, open := make(chan struct{}, 2), make(chan struct{})
	s := newSite(t, conf, front.Options{}, fronttest.Serve(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-open
	}))
	answers := make(chan fronttest.Answer, 2)
	ask := func() {
		answer, err := s.Ask("POST", "/", strings.NewReader("body"))
		if err != nil {
			t.Error(err)
		}
		answers <- answer
	}
	go ask()
	<-arrived
	go ask()
	queued := func() bool { return s.Core.Report(time.Now()).Pools[0].Queued == 1 }
	fronttest.Eventually(t, "the second to be held", queued)
	other := fronttest.NewOK(t)
	b := fronttest.Spec("b", other.Address)
	b.Scheme = containers.SchemeHTTPS
	s.Backends = append(s.Backends, b)
	s.Apply()
	fronttest.Eventually(t, "the second to be held again", func() bool {
		for _, b := range s.Core.Report(time.Now()).Pools[0].Backends {
			if b.Name == "b" && b.InFlight > 0 {
				return false
			}
		}
		return queued() || len(answers) > 0
	})
	close(open)
	for range 2 {
		if answer := <-answers; answer.Status != 200 {
			t.Errorf("%v, want 200", answer)
		}
	}
	if got := other.Captured(); len(got) > 0 {
		t.Errorf("the backend that speaks otherwise got %q", got)
	}
	s.WantCounts(2, 0, 0)
	if r := s.Report(); r.RetriesDenied != 0 {
		t.Errorf("%d retries denied, want none", r.RetriesDenied)
	}
}

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
