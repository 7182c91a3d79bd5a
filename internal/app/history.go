package app

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// poolReadings are what the history of the pools is made of.
func (a *App) poolReadings(now time.Time) iter.Seq2[string, history.Reading] {
	return func(yield func(string, history.Reading) bool) {
		for p := range a.core.Pools() {
			if !yield(p.Name(), a.poolReading(p, now)) {
				return
			}
		}
	}
}

func (a *App) poolReading(p *proxy.Pool, now time.Time) history.Reading {
	t, settings := p.Tally(now), p.Settings()
	r := history.Reading{
		Requests: t.Requests, Errors: t.Errors, Held: t.Held, Durations: t.Durations,
		InFlight: int(t.InFlight), Queued: t.Queued,
	}
	for _, state := range p.Members() {
		switch state {
		case containers.StateReady:
			r.Ready++
		case containers.StateStarting:
			r.Starting++
		case containers.StateWarm:
			r.Warm++
		}
		if state != containers.StateDraining && state != containers.StateStopped {
			r.Desired++ // As telemetry has it of a pool that does not scale.
		}
	}
	if settings.Scale.Max > 0 {
		r.Desired = a.scaler.Desired(p.Name())
	}
	r.Capacity = r.Ready * settings.Concurrency
	return r
}

// poolHistory is the answer of servePoolHistory.
type poolHistory struct {
	history.Series
	// Decisions are those of the time of the series, oldest first.
	Decisions []mark `json:"decisions"`
}

// mark is a decision as a chart shows it. Time is in milliseconds of Unix time.
type mark struct {
	Time   int64            `json:"time"`
	Action autoscale.Action `json:"action"`
	From   int              `json:"from"`
	To     int              `json:"to"`
	Reason string           `json:"reason"`
	DryRun bool             `json:"dry_run,omitempty"`
}

// servePoolHistory answers what a pool was in the last minutes, or since ?since=, in milliseconds of Unix time. Who asks again
// names the last time that it was told.
func (a *App) servePoolHistory(w http.ResponseWriter, r *http.Request) {
	var since int64
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			nethttp.Problem(w, http.StatusBadRequest, "bad-since", "since is a time in milliseconds of Unix time, such as 1767355445000")
			return
		}
	}
	name := chi.URLParam(r, "pool")
	series, ok := a.pools.Series(name, time.UnixMilli(since))
	if !ok && a.core.Pool(name) == nil {
		noSuchPool(w)
		return
	}
	if !ok { // It has just come, or there are too many.
		series = history.Series{Pool: name, Time: []int64{}}
	}
	out := poolHistory{Series: series, Decisions: []mark{}}
	if n := len(series.Time); n > 0 {
		// What is older than the series is left out of the first answer too.
		since = max(since, series.Time[0]-time.Second.Milliseconds())
		out.Decisions = marks(a.scaler.Decisions(name), since, series.Time[n-1])
	}
	writeJSON(w, http.StatusOK, out)
}

// marks are the decisions after since and up to last, oldest first.
func marks(newestFirst []autoscale.Decision, since, last int64) []mark {
	out := []mark{}
	for _, d := range slices.Backward(newestFirst) {
		if t := d.Time.UnixMilli(); t > since && t <= last {
			out = append(out, mark{Time: t, Action: d.Action, From: d.From, To: d.To, Reason: d.Reason, DryRun: d.DryRun})
		}
	}
	return out
}
