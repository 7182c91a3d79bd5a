package app

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// counters are what the recorder is fed with.
func (a *App) counters(now time.Time) iter.Seq2[string, autoscale.Counters] {
	return func(yield func(string, autoscale.Counters) bool) {
		for _, p := range a.reconciler.Snapshot().Pools {
			pool := a.core.Pool(p.Name)
			if pool == nil {
				continue // The core is about to hear of it.
			}
			load := pool.Load(now)
			if !yield(p.Name, autoscale.Counters{Requests: load.Requests, Served: load.Served, Service: load.Service}) {
				return
			}
		}
	}
}

// serveTrace answers how many requests a pool got in each second of the last day, as ballast simulate reads it.
func (a *App) serveTrace(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "pool")
	pool := a.core.Pool(name)
	record, ok := a.recorder.Record(name)
	if !ok && pool == nil {
		noSuchPool(w)
		return
	}
	if !ok { // It has just come.
		record.Started = time.Now()
	}
	slots := 0
	if pool != nil {
		slots = pool.Settings().Concurrency
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	// A client that has gone is no news.
	_ = writeTrace(w, record, slots)
}

// writeTrace writes a trace as CSV, oldest second first. What is not known is left out of its comments: slots of 0, and how
// long a request takes if none was served.
func writeTrace(out io.Writer, r autoscale.Record, slots int) error {
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "# resolution_seconds=1")
	if slots > 0 {
		fmt.Fprintf(w, "# slots=%d\n", slots)
	}
	if r.Service > 0 {
		// Finer than a millisecond is not read.
		fmt.Fprintf(w, "# service_seconds=%.3f\n", max(r.Service, 0.001))
	}
	fmt.Fprintf(w, "# started=%s\nrequests\n", r.Started.UTC().Format(time.RFC3339))
	var line []byte
	for n := range r.Seconds() {
		line = append(strconv.AppendUint(line[:0], uint64(n), 10), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

func noSuchPool(w http.ResponseWriter) {
	nethttp.Problem(w, http.StatusNotFound, "no-such-pool", "no container has joined a pool of this name: see /api/v1/pools")
}
