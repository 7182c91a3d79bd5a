package proxy_test

import (
	"math"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

func TestDeadline(t *testing.T) {
	began := time.Unix(1_000_000, 0)
	for text, want := range map[string]time.Duration{
		"1n": 1, "99999999H": math.MaxInt64 / time.Hour * time.Hour, "2S": 2 * time.Second, "10m": 10 * time.Millisecond, "3u": 3 * time.Microsecond, "1M": time.Minute, "1H": time.Hour,
		"": 0, "n": 0, "5": 0, "5x": 0, "-1S": 0, "+1S": 0, "999999999n": 0,
	} {
		got := proxy.Deadline(text, began)
		if want == 0 && !got.IsZero() || want != 0 && got.Sub(began) < want {
			t.Errorf("Deadline(%q) = %v, want %v after it began", text, got, want)
		}
	}
}

// What is nobody's fault is not tried again, for that would count against the backend.
func TestExchange_Again_blames_nobody_without_a_fault(t *testing.T) {
	s := settings()
	s.Retries, s.Breaker = 1, 1
	c, p := serving(t, s, backend("a", 1), backend("b", 1))
	for _, cause := range []proxy.Cause{proxy.CauseClientGone, proxy.CauseTooManyFields, proxy.CauseOverloaded, proxy.CauseShutdown} {
		x, _ := begin(t, p, time.Now())
		if x.Again(time.Now(), cause) {
			t.Errorf("Again() with %s = true, want false", cause)
		}
		x.Done(time.Now(), 503, cause)
	}
	for _, b := range report(t, c, time.Now()).Backends {
		if b.Errors != 0 || b.Breaker.Ejections != 0 {
			t.Errorf("%s has %d errors, %d ejections, want none", b.Name, b.Errors, b.Breaker.Ejections)
		}
	}
}
