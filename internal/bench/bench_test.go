package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMedian(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1}, 2},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 100}, 3.5},
	}
	for _, tt := range tests {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %g, want %g", tt.values, got, tt.want)
		}
	}
}

func TestParseStat(t *testing.T) {
	tail := " S 1 42 42 0 -1 4194560 900 0 0 0 150 27 0 0 20 0 7 0 100 0 0"
	for _, name := range []string{"(nginx)", "(a b)", "(odd) name)"} {
		got, err := parseStat("42 " + name + tail)
		if want := 1770 * time.Millisecond; err != nil || got != want {
			t.Errorf("parseStat() with name %s = %s, %v, want %s", name, got, err, want)
		}
	}
	for _, bad := range []string{"", "42 (nginx) S 1", "42 (nginx)" + strings.ReplaceAll(tail, "150", "x")} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("parseStat(%q) error = nil, want one", bad)
		}
	}
}

func TestCPUTime_grows_with_work(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Skipf("LEFT OUT: there is no /proc here: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		after, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			return
		}
	}
	t.Error("10 s of work took no processor time")
}

func TestParseWrk(t *testing.T) {
	const head = "Running 3s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n"
	tests := []struct {
		name, out string
		want      load
	}{
		{"clean", head + "  30518 requests in 3.00s, 8.09MB read\nRequests/sec:  10166.71\n", load{requests: 30518, took: 3 * time.Second}},
		{"a minute", head + "  600 requests in 1.00m, 1MB read\n", load{requests: 600, took: time.Minute}},
		{
			"failures",
			head + "  90 requests in 500.00ms, 1MB read\n  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n",
			load{requests: 90, failed: 15, took: 500 * time.Millisecond},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := parseWrk(tt.out); err != nil || got != tt.want {
				t.Errorf("parseWrk() = %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	if _, err := parseWrk("unable to connect"); err == nil {
		t.Error("parseWrk() without a summary: error = nil, want one")
	}
}

func TestLoad_counts_what_was_answered(t *testing.T) {
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "n=126" {
			t.Errorf("query = %q, want n=126", r.URL.RawQuery)
		}
		served.Add(1)
		_, _ = w.Write(make([]byte, 126))
	}))
	defer server.Close()
	var out bytes.Buffer
	if err := run(t.Context(), []string{loadCommand, "-connections", "4", "-duration", "50ms", server.URL + "/bytes?n=126"}, &out); err != nil {
		t.Fatal(err)
	}
	got, err := parseReport(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.failed != 0 || got.requests != served.Load() || got.requests < 4 || got.took < 50*time.Millisecond {
		t.Errorf("load = %+v, want the %d requests that were served, in 50ms or more", got, served.Load())
	}
}

func TestLoad_counts_failures(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := send(t.Context(), address, 3, time.Second); got.failed != 3 || got.requests != 3 {
		t.Errorf("answered 404: load = %+v, want 3 requests, all failed", got)
	}
	server.Close()
	if got := send(t.Context(), address, 3, time.Second); got.failed != 3 {
		t.Errorf("nobody listens: load = %+v, want 3 failures", got)
	}
}

func TestRun_refuses_bad_settings(t *testing.T) {
	tests := [][]string{
		{"-rounds", "0"},
		{"-connections", "0"},
		{"-backends", "0"},
		{"-bytes", "-1"},
		{"-duration", "10ms"},
		{"-speed", "high"},
		{loadCommand, "not a URL"},
	}
	for _, args := range tests {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil {
			t.Errorf("run(%q) error = nil, want one", args)
		}
	}
}

func TestPrintTable(t *testing.T) {
	var out bytes.Buffer
	err := printTable(&out, []result{
		{name: "direct", perSecond: []float64{30000, 31000, 29000}},
		{name: "ballast", perSecond: []float64{9000, 8000, 9500}, cpu: []float64{110, 112.25, 109}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
requests/s lowest highest CPU us/request lowest highest
direct 30000 29000 31000
ballast 9000 8000 9500 110.0 109.0 112.2`
	if got := out.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("table =\n%s\nwant\n%s", got, want)
	}
}
