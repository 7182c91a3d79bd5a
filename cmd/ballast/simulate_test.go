package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

var update = flag.Bool("update", false, "write the golden files")

// traceFile is a minute at 20 requests per second, one at 200, and one at 20.
func traceFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.csv")
	text := "# the shop, <yesterday>\n# resolution_seconds=10\n# slots=5\nrequests\n" +
		strings.Repeat("200\n", 6) + strings.Repeat("2000\n", 6) + strings.Repeat("200\n", 6)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func simulated(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"simulate"}, args...), &out); err != nil {
		t.Fatalf("ballast simulate %s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

func TestSimulate_table(t *testing.T) {
	path := traceFile(t)
	got := strings.ReplaceAll(simulated(t, path, "--seeds", "2", "--boot=300ms", "--warm", "1"), path, "shop.csv")
	golden := filepath.Join("testdata", "simulate.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the table differs (go test ./cmd/ballast -run Simulate -update writes it):\n%s", diff)
	}
}

func TestSimulate_json(t *testing.T) {
	var got []sim.Outcome
	if err := json.Unmarshal([]byte(simulated(t, "--seeds=1", "--policy", "kpa,ballast", "--json", traceFile(t))), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Policy != "kpa" || got[1].Policy != "ballast" || got[0].Requests != 14400 || got[1].Cost < 1 {
		t.Errorf("--json printed %+v", got)
	}
}

// What the recorded pool was and what the trace is meant for count, unless a flag says otherwise.
func TestSimulate_takes_settings_from_the_trace(t *testing.T) {
	for _, tt := range []struct {
		args       []string
		slots, min int
	}{
		{[]string{traceFile(t)}, 5, 1},
		{[]string{traceFile(t), "--slots", "7"}, 7, 1},
		{[]string{"sparse"}, 10, 0},
		{[]string{"sparse", "--min=1"}, 10, 1},
	} {
		s, err := parseSimulation(tt.args)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.open(); err != nil {
			t.Fatal(err)
		}
		if s.config.Slots != tt.slots || s.config.Min != tt.min {
			t.Errorf("%q: %d slots, min %d, want %d and %d", tt.args, s.config.Slots, s.config.Min, tt.slots, tt.min)
		}
	}
}

func TestSimulate_scales(t *testing.T) {
	s, err := parseSimulation([]string{"step", "--rate=0.5", "--speed=2"})
	if err != nil {
		t.Fatal(err)
	}
	trace, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	if got := trace(1); got.Duration() != 10*time.Minute || got.Requests[0] != 12.5 {
		t.Errorf("%s with %v requests at first, want 10m and 12.5 in half a second", got.Duration(), got.Requests[0])
	}
}

func TestSimulate_list(t *testing.T) {
	got := simulated(t, "--list")
	names, abouts := sim.Names()
	for i := range names {
		if !strings.Contains(got, names[i]) || !strings.Contains(got, abouts[i]) {
			t.Errorf("--list leaves out %s:\n%s", names[i], got)
		}
	}
}

func TestSimulate_help(t *testing.T) {
	got := simulated(t, "--help")
	for _, want := range []string{"ballast simulate bursty", "-hold-down", "--record", "--plot FILE"} {
		if !strings.Contains(got, want) {
			t.Errorf("the help leaves out %q:\n%s", want, got)
		}
	}
}

func TestSimulate_says_what_is_wrong(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("requests\n1\nmany\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"no_trace", nil, []string{"ballast simulate step"}},
		{"unknown_trace", []string{"stp"}, []string{`"stp"`, "ballast simulate --list"}},
		{"bad_trace", []string{bad}, []string{"line 3", `"many"`}},
		{"two_traces", []string{"step", "bursty"}, []string{`"bursty"`, "only one trace"}},
		{"all_at_once", []string{"step", "--slots=0", "--min=60", "--rate=-1", "--seeds=0", "--boot=-1s", "--policy=vpa"}, []string{
			"--slots=0 must be 1 to 10000", "--min=60 must be 0 to --max, which is 50", "--rate=-1 must be above 0", "--seeds=0", "--boot=-1s",
			`--policy="vpa" must be of ballast, kpa`,
		}},
		{"unknown_flag", []string{"step", "--nope"}, []string{"nope", "ballast simulate --help"}},
		{"no_number", []string{"step", "--slots", "many"}, []string{`"many"`, "slots"}},
		{"list_with_a_trace", []string{"step", "--list"}, []string{`"step"`, "leave it out"}},
		{"no_url", []string{"--record", "localhost:8080"}, []string{"--record=localhost:8080", "http://localhost:8080"}},
		{"no_pool", []string{"--record", "http://localhost:1", "--pool="}, []string{"--pool", "/api/v1/pools"}},
		{"plot_nowhere", []string{traceFile(t), "--seeds=1", "--policy=classic", "--plot=/does/not/exist.svg"}, []string{"--plot=/does/not/exist.svg"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(t.Context(), append([]string{"simulate"}, tt.args...), io.Discard)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q = %v, want an error with %q", tt.args, err, want)
				}
			}
		})
	}
}

func TestSimulate_plot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.svg")
	simulated(t, traceFile(t), "--seeds=1", "--policy=ballast,kpa", "--plot", path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			count[e.Name.Local]++
			for _, a := range e.Attr {
				if a.Name.Local == "class" {
					count["."+a.Value]++
				}
			}
		}
	}
	// One of each in the legend.
	for _, class := range []string{".demand", ".capacity", ".p95", ".slo"} {
		if count[class] != 3 {
			t.Errorf("%d of %s, want one for each policy and one in the legend", count[class], class)
		}
	}
	if count["title"] != 1 || count["desc"] != 1 || count[".name"] != 2 {
		t.Errorf("title, desc, names of policies: %d, %d, %d", count["title"], count["desc"], count[".name"])
	}
	for _, want := range []string{"prefers-color-scheme: dark", "5 slots"} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("the plot holds no %q", want)
		}
	}
	for _, unwanted := range []string{"NaN", "Inf", "<script", "href"} {
		if bytes.Contains(data, []byte(unwanted)) {
			t.Errorf("the plot holds %q", unwanted)
		}
	}
}

func TestSimulate_record(t *testing.T) {
	const csv = "# resolution_seconds=5\nrequests\n1\n2\n"
	mux := http.NewServeMux()
	answer := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	mux.HandleFunc("GET /api/v1/pools/shop/trace", answer("text/csv; charset=utf-8", csv))
	mux.HandleFunc("GET /api/v1/pools/html/trace", answer("text/html", "<p>hello"))
	mux.HandleFunc("GET /api/v1/pools/broken/trace", answer("text/csv", "requests\nmany\n"))
	mux.HandleFunc("GET /api/v1/pools/ill/trace", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	if got := simulated(t, "--record", server.URL+"/", "--pool", "shop"); got != csv {
		t.Errorf("--record printed %q, want %q", got, csv)
	}
	for pool, want := range map[string]string{
		"none": "--pool=none", "html": "is it the admin listener?", "broken": "no trace: line 2", "ill": "401", "a/b": "--pool=a/b",
	} {
		var out bytes.Buffer
		err := run(t.Context(), []string{"simulate", "--record", server.URL, "--pool", pool}, &out)
		if err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("--pool %s = %v and printed %q, want an error with %q alone", pool, err, out.String(), want)
		}
	}
}
