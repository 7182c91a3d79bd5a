package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrintTable(t *testing.T) {
	var out bytes.Buffer
	err := printTable(&out, []metric{perSecond, cpu}, []result{
		rounds(direct, perSecond, 30000, 31000, 29000),
		{Name: ballast, Rounds: []sample{{perSecond: 9000, cpu: 99.6}, {perSecond: 8000, cpu: 112.25}, {perSecond: 9500, cpu: 9.876}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
requests/s CPU us/request
direct 30000 29000-31000
Ballast 9000 8000-9500 99.6 9.88-112`
	sameWords(t, out.String(), want)
}

func TestPrintVerdicts(t *testing.T) {
	var out bytes.Buffer
	err := printVerdicts(&out, []verdict{
		{Scenario: "1m", Subject: ballast, Metric: cpu, Peer: haproxySplice, AtMost: 0.9, Verdict: "met", Median: 0.81234, Lowest: 0.8, Highest: 0.9},
		{Scenario: "small", Subject: ballast, Metric: p99, Peer: nginx, AtMost: 1, Verdict: notMeasured},
		{Scenario: "idle", Subject: ballast, Metric: rss, AtMost: 10, Verdict: "missed", Median: 11, Lowest: 10.5, Highest: 12},
		{Scenario: "tls", Subject: ballast, Metric: cpu, Peer: nginx, Verdict: "told", Median: 1.5, Lowest: 1, Highest: 2},
		{Scenario: "features", Subject: ballastFull, Metric: cpu, Peer: ballastBare, AtMost: 1.1, Verdict: "met", Median: 1.05, Lowest: 1, Highest: 1.1},
		{Scenario: "slow-backend", Subject: ballastPeakEWMA, Metric: slowShare, AtMost: 0.15, Verdict: "met"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
scenario target at most measured lowest highest verdict
1m CPU / HAProxy splice 0.90 0.812 0.800 0.900 met
small p99 / nginx 1.00 not measured
idle KB/connection 10.00 11.000 10.500 12.000 missed
tls CPU / nginx 1.500 1.000 2.000 told
features Ballast full: CPU / Ballast bare 1.10 1.050 1.000 1.100 met
slow-backend Ballast peak-ewma: slow % 0.15 0.000 0.000 0.000 met`
	sameWords(t, out.String(), want)
}

// sameWords compares but for the widths of columns.
func sameWords(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(got)); diff != "" {
		t.Errorf("printed\n%s\n(-want +got):\n%s", got, diff)
	}
}

func TestDocument_write(t *testing.T) {
	d := newDocument(settings{backends: 3, rounds: 1, duration: 2 * time.Second, builtin: true})
	d.addVersion(nginx, "1.22.1")
	d.addVersion(ballast, "")
	d.add(scenarios[2], []result{rounds(ballast, cpu, 10), rounds(haproxy, cpu, 20)})
	file := filepath.Join(t.TempDir(), "figures.json")
	if err := d.write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got document
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("what was written differs (-want +got):\n%s", diff)
	}
	for _, want := range []string{`"cpu_us_per_request": 10`, `"verdict": "met"`, `"subject": "Ballast"`, `"nginx": "1.22.1"`, `"load": "builtin"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if err := d.write(filepath.Join(file, "below")); err == nil {
		t.Error("write() below a file: error = nil, want one")
	}
}
