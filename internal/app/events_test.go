package app

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// listen opens the stream of events, with what is kept of those before.
func (r *running) listen() *bufio.Scanner {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.base+"/api/v1/events", http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Last-Event-Id", "another-1")
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	if k := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || k != "text/event-stream" {
		r.t.Fatalf("GET events = %s %s, want 200 text/event-stream", resp.Status, k)
	}
	return bufio.NewScanner(resp.Body)
}

// await reads on to an event of a kind that ok says is the one.
func await[T any](t *testing.T, in *bufio.Scanner, kind string, ok func(T) bool) {
	t.Helper()
	for is := ""; in.Scan(); {
		if k, found := strings.CutPrefix(in.Text(), "event: "); found {
			is = k
		}
		data, found := strings.CutPrefix(in.Text(), "data: ")
		if !found || is != kind {
			continue
		}
		var v T
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatalf("data of %s: %v: %s", kind, err, data)
		}
		if ok(v) {
			return
		}
	}
	t.Fatalf("the stream ended (%v) before the %s that is awaited", in.Err(), kind)
}

func TestApp_events(t *testing.T) {
	r := start(t)
	in := r.listen()
	defer time.AfterFunc(20*time.Second, r.stop).Stop()
	await(t, in, "engine", func(e telemetry.EngineDoc) bool { return e.Connected && e.Kind == "embedded" })
	if err := r.app.engine.Pause(t.Context(), "web-a"); err != nil {
		t.Fatal(err)
	}
	await(t, in, "backend", func(e history.Event) bool {
		return e.Name == "web-a" && e.Pool == "default" && len(e.ID) == 64 && e.From == containers.StateReady && e.To == containers.StatePaused && !e.Time.IsZero()
	})
	for range 30 { // More than the slots that are left.
		go func() {
			if resp, err := r.client.Get(r.base + "/lb/slow?ms=1000"); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
	}
	await(t, in, "decision", func(d autoscale.Decision) bool {
		return d.Pool == "default" && d.Action == autoscale.ActionScaleOut && d.Reason != ""
	})
}

// A stream of events never ends by itself: a shutdown does not wait for it.
func TestApp_events_end_at_shutdown(t *testing.T) {
	r := start(t)
	in := r.listen()
	if !in.Scan() {
		t.Fatal(in.Err())
	}
	began := time.Now()
	r.stop()
	for in.Scan() {
	}
	if err := r.end(); err != nil || in.Err() != nil {
		t.Errorf("Run() = %v, and the stream ended with %v, want both in good order", err, in.Err())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the shutdown took %s, want it not to wait for streams", took)
	}
}

// No limit of the server's may cut a stream in which nothing is wrong.
func TestApp_events_have_no_limit_in_time(t *testing.T) {
	r := start(t)
	for i, s := range r.app.admin.servers {
		if s.WriteTimeout != 0 || s.ReadTimeout != 0 {
			t.Errorf("server %d has a WriteTimeout of %s and a ReadTimeout of %s, want none", i, s.WriteTimeout, s.ReadTimeout)
		}
	}
}
