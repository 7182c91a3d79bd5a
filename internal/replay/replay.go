package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

// sampleEvery is how often the replicas are counted.
const sampleEvery = 100 * time.Millisecond

// outcome is how a replay went.
type outcome struct {
	sent, late, failed uint64
	p50, p95, p99      time.Duration
	// active is the integral of the replicas that start, serve or drain, warm of those that are warm; in seconds.
	active, warm float64
	peak         int
	behind       time.Duration
}

// replay sends the trace to real containers.
func replay(ctx context.Context, s settings) (o outcome, err error) {
	st, err := raise(ctx, s)
	defer func() { err = errors.Join(err, st.strike()) }()
	if err != nil {
		return o, err
	}
	if err := st.settle(ctx, s.sim.Warm); err != nil {
		return o, err
	}
	counting, stop := context.WithCancel(ctx)
	defer stop()
	counted := make(chan error, 1)
	go func() { counted <- st.count(counting, &o) }()
	t, err := send(ctx, st.base, s.sim)
	stop()
	if err := errors.Join(err, <-counted); err != nil {
		return o, err
	}
	h := t.took.Snapshot()
	o.sent, o.late, o.failed, o.behind = t.sent.Load(), t.late.Load(), t.failed.Load(), t.behind
	o.p50, o.p95, o.p99 = h.Quantile(0.5), h.Quantile(0.95), h.Quantile(0.99)
	return o, nil
}

// document is what is read of GET /metrics.
type document struct {
	Pools []struct {
		Replicas struct {
			Warm int `json:"warm"`
		} `json:"replicas"`
		Backends []struct {
			State string `json:"state"`
		} `json:"backends"`
	} `json:"pools"`
}

// settle waits until as many clones are warm as are to be.
func (st *stage) settle(ctx context.Context, warm int) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	limit := time.After(2 * time.Minute)
	for {
		_, w, err := st.replicas(ctx)
		if err != nil {
			return err
		}
		if w == warm {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit:
			return fmt.Errorf("%d of %d clones are warm after two minutes", w, warm)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// count adds up the replicas until ctx ends.
func (st *stage) count(ctx context.Context, o *outcome) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		active, warm, err := st.replicas(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		now := time.Now()
		o.active += float64(active) * now.Sub(last).Seconds()
		o.warm += float64(warm) * now.Sub(last).Seconds()
		o.peak = max(o.peak, active)
		last = now
	}
}

func (st *stage) replicas(ctx context.Context) (active, warm int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, st.metrics, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, fmt.Errorf("count the replicas: %w", err)
	}
	defer resp.Body.Close()
	var d document
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		return 0, 0, fmt.Errorf("count the replicas: %w", err)
	}
	for _, p := range d.Pools {
		for _, b := range p.Backends {
			switch b.State {
			case "warm":
				warm++
			case "stopped":
			default:
				active++
			}
		}
	}
	return active, warm, nil
}

const (
	// Simulator and reality agree if their violations are as near as either of these, in shares and in points of
	// percent, and their costs as near as that.
	nearRelative, nearPoints, nearCost = 0.3, 0.3, 0.1
)

// report prints both, and fails if they do not agree.
func report(out io.Writer, live outcome, s *sim.Result) error {
	violations := 100 * float64(live.late+live.failed) / float64(max(live.sent, 1))
	cost := live.active / s.OracleSeconds
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tlive\tsimulated")
	fmt.Fprintf(w, "requests\t%d\t%d\n", live.sent, s.Requests)
	fmt.Fprintf(w, "failed\t%d\t%d\n", live.failed, s.Failed)
	fmt.Fprintf(w, "violations\t%.2f %%\t%.2f %%\n", violations, s.Violations)
	fmt.Fprintf(w, "cost over the oracle\t%.2f\t%.2f\n", cost, s.Cost)
	fmt.Fprintf(w, "warm seconds\t%.0f\t%.0f\n", live.warm, s.WarmSeconds)
	fmt.Fprintf(w, "peak\t%d\t%d\n", live.peak, s.Peak)
	fmt.Fprintf(w, "p50\t%.0f ms\t%.0f ms\n", live.p50.Seconds()*1000, s.P50*1000)
	fmt.Fprintf(w, "p95\t%.0f ms\t%.0f ms\n", live.p95.Seconds()*1000, s.P95*1000)
	fmt.Fprintf(w, "p99\t%.0f ms\t%.0f ms\n", live.p99.Seconds()*1000, s.P99*1000)
	fmt.Fprintf(w, "sent late by at most\t%.0f ms\t\n", live.behind.Seconds()*1000)
	if err := w.Flush(); err != nil {
		return err
	}
	apart := math.Abs(violations - s.Violations)
	agreeV := apart <= nearPoints || apart <= nearRelative*s.Violations
	agreeC := math.Abs(cost-s.Cost) <= nearCost*s.Cost
	fmt.Fprintf(out, "violations agree (30 %% or 0.3 points): %v; cost agrees (10 %%): %v\n", agreeV, agreeC)
	if !agreeV || !agreeC {
		return errors.New("simulator and reality do not agree")
	}
	return nil
}
