package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

// sampleEvery is how often the replicas are counted.
const sampleEvery = 100 * time.Millisecond

// outcome is how a replay went.
type outcome struct {
	sent, late, failed uint64
	p50, p95, p99      time.Duration
	// active is the integral of the replicas that start, serve, drain or stop, warm of those that are warm; in seconds.
	active, warm float64
	peak         int
	behind       time.Duration
	// actions are the decisions that were carried out, recovery and first those of sim.Result.
	actions         int
	recovery, first *float64
	curve           sim.Curve
}

// violations are the requests that were late or failed, in percent of all.
func (o *outcome) violations() float64 {
	return 100 * float64(o.late+o.failed) / float64(max(o.sent, 1))
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
	t := tally{began: time.Now()}
	counting, stop := context.WithCancel(ctx)
	defer stop()
	counted := make(chan error, 1)
	go func() { counted <- st.count(counting, &o, &t) }()
	err = t.send(ctx, st.base, s.sim)
	stop()
	if err := errors.Join(err, <-counted); err != nil {
		return o, err
	}
	h := t.took.Snapshot()
	o.sent, o.late, o.failed, o.behind = t.sent.Load(), t.late.Load(), t.failed.Load(), t.behind
	o.p50, o.p95, o.p99 = h.Quantile(0.5), h.Quantile(0.95), h.Quantile(0.99)
	length := s.sim.Trace.Duration()
	o.recovery, o.curve = t.line.recovery(s.sim.Trace.Steps, length), t.line.curve(length, s.sim.Slots)
	err = st.decided(ctx, s.sim.Trace, &t, &o)
	return o, err
}

// decided reads what Ballast has decided.
func (st *stage) decided(ctx context.Context, trace *sim.Trace, t *tally, o *outcome) error {
	began := t.began
	var decisions []autoscale.Decision
	if err := st.read(ctx, st.decisions, &decisions); err != nil {
		return fmt.Errorf("read the decisions: %w", err)
	}
	slices.Reverse(decisions) // The oldest first.
	length := trace.Duration()
	for _, d := range decisions {
		if d.From == d.To || d.Time.Before(began) || d.Time.After(began.Add(length)) {
			continue
		}
		o.actions++
	}
	for _, step := range trace.Steps {
		asked, ok := t.line.asked(step)
		i := slices.IndexFunc(decisions, func(d autoscale.Decision) bool {
			return d.To > d.From && !d.Time.Before(began.Add(step))
		})
		if !ok || i < 0 || trace.Requests[int(step/trace.Resolution)] < trace.Requests[max(int(step/trace.Resolution)-1, 0)] {
			continue // Fewer are asked for from here on.
		}
		if took := decisions[i].Time.Sub(began.Add(asked)).Seconds(); o.first == nil || took > *o.first {
			o.first = &took
		}
	}
	return nil
}

// document is what is read of GET /metrics.
type document struct {
	Pools []struct {
		Queued   int `json:"queued"`
		Replicas struct {
			Warming int `json:"warming"`
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
		c, err := st.census(ctx)
		if err != nil {
			return err
		}
		if c.warm == warm {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit:
			return fmt.Errorf("%d of %d clones are warm after two minutes", c.warm, warm)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// count adds up the replicas until ctx ends.
func (st *stage) count(ctx context.Context, o *outcome, t *tally) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c, err := st.census(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		now := time.Now()
		o.active += float64(c.active) * now.Sub(last).Seconds()
		o.warm += float64(c.warm+c.warming) * now.Sub(last).Seconds()
		o.peak = max(o.peak, c.active)
		t.line.look(looked{now.Sub(t.began), c.ready, c.queued})
		last = now
	}
}

// read gets a document of Ballast's.
func (st *stage) read(ctx context.Context, url string, to any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(to)
}

// census is how many replicas there are, and how many requests wait for one. active are all that are neither warm nor
// stopped, and do not boot to be warm.
type census struct{ active, ready, warm, warming, queued int }

func (st *stage) census(ctx context.Context) (c census, err error) {
	var d document
	if err := st.read(ctx, st.metrics, &d); err != nil {
		return c, fmt.Errorf("count the replicas: %w", err)
	}
	for _, p := range d.Pools {
		c.queued += p.Queued
		for _, b := range p.Backends {
			switch b.State {
			case "warm":
				c.warm++
				continue
			case "stopped":
				continue
			case "ready":
				c.ready++
			}
			c.active++
		}
		// What boots to be warm is a backend like others, and paid for as a warm one.
		booting := min(p.Replicas.Warming, c.active-c.ready)
		c.active, c.warming = c.active-booting, c.warming+booting
	}
	return c, nil
}

const (
	// Simulator and reality agree if their violations are as near as either of these, in shares and in points of
	// percent, and their costs as near as that.
	nearRelative, nearPoints, nearCost = 0.3, 0.3, 0.1
)

// report prints both, and fails if they do not agree.
func report(out io.Writer, live outcome, s *sim.Result) error {
	violations, cost := live.violations(), live.active/s.OracleSeconds
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tlive\tsimulated")
	fmt.Fprintf(w, "requests\t%d\t%d\n", live.sent, s.Requests)
	fmt.Fprintf(w, "failed\t%d\t%d\n", live.failed, s.Failed)
	fmt.Fprintf(w, "violations\t%.2f %%\t%.2f %%\n", violations, s.Violations)
	fmt.Fprintf(w, "cost over the oracle\t%.2f\t%.2f\n", cost, s.Cost)
	fmt.Fprintf(w, "actions\t%d\t%d\n", live.actions, s.Actions)
	fmt.Fprintf(w, "a step was over after\t%s\t%s\n", said(live.recovery), said(s.Recovery))
	fmt.Fprintf(w, "from a step's first request to the first action\t%s\t%s\n", said(live.first), said(s.FirstAction))
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

// said is a number of seconds, if there is one.
func said(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f s", *seconds)
}
