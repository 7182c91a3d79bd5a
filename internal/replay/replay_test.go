package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseFlags(t *testing.T) {
	s, err := parseFlags([]string{"-trace", "step", "-rate", "0.5", "-length", "3m", "-warm", "2"})
	if err != nil {
		t.Fatal(err)
	}
	trace, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	if trace.Duration() != 3*time.Minute || trace.Requests[0] != 25 || trace.Requests[150] != 250 || s.sim.Warm != 2 {
		t.Errorf("%s of %v and %v requests per second, %d warm, want 3m of 25 and 250, 2 warm",
			trace.Duration(), trace.Requests[0], trace.Requests[150], s.sim.Warm)
	}
}

func TestParseFlags_says_what_is_wrong(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"-rate", "0"}, "-rate 0 must be above 0"},
		{[]string{"-length", "10ms"}, "-length 10ms"},
		{[]string{"-speed", "-1"}, "-speed -1 must be above 0"},
		{[]string{"step"}, `unexpected argument "step"`},
		{[]string{"-trace", "/does/not/exist"}, "named ones are step"},
	}
	for _, tt := range tests {
		s, err := parseFlags(tt.args)
		if err == nil {
			_, err = s.open()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q = %v, want an error with %q", tt.args, err, tt.want)
		}
	}
}

func TestReport(t *testing.T) {
	simulated := &sim.Result{Requests: 1000, Violations: 2, OracleSeconds: 100, Cost: 1.5}
	tests := []struct {
		name  string
		live  outcome
		agree bool
	}{
		{"the_same", outcome{sent: 1000, late: 15, failed: 5, active: 150}, true},
		{"near_the_edges", outcome{sent: 1000, late: 25, active: 164}, true}, // 25 %, 9.3 %
		{"more_are_late", outcome{sent: 1000, late: 27, active: 150}, false},
		{"fewer_are_late", outcome{sent: 1000, late: 13, active: 150}, false},
		{"costs_more", outcome{sent: 1000, late: 20, active: 166}, false},
		{"costs_less", outcome{sent: 1000, late: 20, active: 134}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if err := report(&out, tt.live, simulated); (err == nil) != tt.agree {
				t.Errorf("report() = %v, want that they agree: %v\n%s", err, tt.agree, out.String())
			}
			if !strings.Contains(out.String(), "cost over the oracle") {
				t.Errorf("report() prints %s", out.String())
			}
		})
	}
}

func TestReport_takes_points_where_there_are_few_violations(t *testing.T) {
	simulated := &sim.Result{Violations: 0.1, OracleSeconds: 100, Cost: 1}
	if err := report(&strings.Builder{}, outcome{sent: 1000, late: 3, active: 100}, simulated); err != nil {
		t.Errorf("0.3 %% and 0.1 %%: %v", err)
	}
	if err := report(&strings.Builder{}, outcome{sent: 1000, late: 5, active: 100}, simulated); err == nil {
		t.Error("0.5 % and 0.1 % agree")
	}
}

func TestSimulate_knows_the_oracle(t *testing.T) {
	s, err := parseFlags([]string{"-trace", "step", "-length", "30s"})
	if err != nil {
		t.Fatal(err)
	}
	if s.sim.Trace, err = s.open(); err != nil {
		t.Fatal(err)
	}
	if r, err := simulate(t.Context(), s.sim); err != nil || r.OracleSeconds < 30 || r.Cost < 0.9 {
		t.Errorf("simulate() = %v, want at least 30 oracle seconds", err)
	}
}

// What is sent is what is scheduled, and what fails counts as failed.
func TestSend(t *testing.T) {
	var n atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("ms") == "" {
			t.Errorf("GET %s, want ms", r.URL)
		}
		if n.Add(1)%4 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer backend.Close()
	c := sim.Default()
	c.SLO = time.Minute
	c.Trace = &sim.Trace{Resolution: 100 * time.Millisecond, Requests: []float64{20, 0, 20}}
	got := tally{began: time.Now()}
	if err := got.send(t.Context(), backend.URL, c); err != nil {
		t.Fatal(err)
	}
	if got.sent.Load() != 40 || got.failed.Load() != 10 || got.late.Load() != 0 {
		t.Errorf("sent %d, failed %d, late %d, want 40, 10, 0", got.sent.Load(), got.failed.Load(), got.late.Load())
	}
	if n := len(got.line.ends); n != 40 {
		t.Errorf("%d requests on the timeline, want 40", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Trace = &sim.Trace{Resolution: time.Hour, Requests: []float64{1}}
	if err := got.send(ctx, backend.URL, c); err == nil {
		t.Error("send() goes on without a context")
	}
}
