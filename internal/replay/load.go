package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
	"github.com/ballast-lb/ballast/internal/histogram"
)

// tally is what became of the requests.
type tally struct {
	sent, late, failed atomic.Uint64
	took               histogram.Histogram
	// behind is the most that a request was sent after it was due.
	behind time.Duration
	began  time.Time
	line   timeline
}

// send sends the trace's requests when they are due, counted from began, and returns when all have been answered.
func (t *tally) send(ctx context.Context, base string, c sim.Config) error {
	client := &http.Client{
		Timeout: c.QueueTimeout + 10*time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 10_000, DisableCompression: true,
		},
	}
	defer client.CloseIdleConnections()
	var flying sync.WaitGroup
	defer flying.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for r := range sim.Schedule(c.Trace, c.Service, c.Seed) {
		due := t.began.Add(r.At)
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		t.behind = max(t.behind, time.Since(due))
		t.sent.Add(1)
		url := fmt.Sprintf("%s/slow?ms=%d", base, max(1, r.Service.Round(time.Millisecond).Milliseconds()))
		flying.Go(func() { t.one(ctx, client, url, due, r.Service, c.SLO) })
	}
	flying.Wait()
	return ctx.Err()
}

// one sends one request.
func (t *tally) one(ctx context.Context, client *http.Client, url string, due time.Time, service, slo time.Duration) {
	ok := func() bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK
	}()
	took := time.Since(due)
	switch {
	case !ok:
		t.failed.Add(1)
	case took > slo:
		t.late.Add(1)
	}
	t.took.Record(took)
	at := due.Sub(t.began)
	t.line.end(ended{at, at + took, !ok || took > slo && service <= slo})
}
