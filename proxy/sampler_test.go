package proxy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

func TestCore_Run_keeps_rates_and_latencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serving(t, settings(), backend("a", 1))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()

		// For two minutes 5 requests of 100 ms a second.
		for range 120 * 5 {
			x, _ := begin(t, p, time.Now())
			<-time.After(100 * time.Millisecond)
			x.Done(time.Now(), 200, proxy.CauseNone)
			<-time.After(100 * time.Millisecond)
		}
		r := report(t, c, time.Now())
		if r.RequestsPerSecond < 4.5 || r.RequestsPerSecond > 5.5 {
			t.Errorf("RequestsPerSecond = %v, want about 5", r.RequestsPerSecond)
		}
		if got := r.Backends[0].Latency.P50; got < 97*time.Millisecond || got > 103*time.Millisecond {
			t.Errorf("p50 = %s, want about 100 ms", got)
		}
		if r.Busy < 59 || r.Busy > 61 {
			t.Errorf("Busy = %v, want about 60 request-seconds", r.Busy)
		}

		<-time.After(61 * time.Second)
		r = report(t, c, time.Now())
		if r.RequestsPerSecond != 0 || r.Latency != (proxy.Latency{}) || r.Backends[0].Latency != (proxy.Latency{}) {
			t.Errorf("after a minute of nothing rate and latencies are %v, %v, %v, want zeros",
				r.RequestsPerSecond, r.Latency, r.Backends[0].Latency)
		}
		if r.Requests != 600 || r.Durations.Count != 600 {
			t.Errorf("totals are %d and %d, want 600", r.Requests, r.Durations.Count)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want the context's error", err)
		}
	})
}
