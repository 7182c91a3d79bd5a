package proxy_test

import (
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// A backend that does not know a method is not sick.
func TestBreaker_does_not_count_what_the_request_did(t *testing.T) {
	for status, ejected := range map[int]bool{500: true, 503: true, 501: false, 505: false, 404: false} {
		s := settings()
		s.Breaker = 3
		c, p := serving(t, s, backend("a", 1), backend("b", 1))
		for range 20 {
			x, _ := begin(t, p, time.Now())
			x.Answered(status)
			x.Done(time.Now(), status, proxy.CauseNone)
		}
		got := false
		for _, b := range report(t, c, time.Now()).Backends {
			got = got || b.State == containers.StateEjected
		}
		if got != ejected {
			t.Errorf("20 answers of %d: ejected %t, want %t", status, got, ejected)
		}
	}
}
