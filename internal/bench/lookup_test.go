package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lookupOutput = `goos: linux
BenchmarkTable_Lookup/1000_hosts/exact,_deep_path-2         	 1443490	       152.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkTable_Lookup/1000_hosts/exact,_deep_path-2         	 1443490	       160 ns/op	       0 B/op	       0 allocs/op
BenchmarkTable_Lookup/1000_hosts/wildcard         	 1443490	       90.25 ns/op	       0 B/op	       0 allocs/op
BenchmarkBuild-2         	      18	  66000000 ns/op
PASS
`

func TestParseLookups(t *testing.T) {
	got, err := parseLookups(lookupOutput)
	want := []result{rounds(lookupDeep, lookup, 152.5, 160), rounds(lookupWildcard, lookup, 90.25)}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("parseLookups() error = %v (-want +got):\n%s", err, diff)
	}
	if _, err := parseLookups("BenchmarkTable_Lookup/a-2 1 1.2.3 ns/op\n"); err == nil {
		t.Error("parseLookups() of no number: error = nil, want one")
	}
}

func TestMeasureLookups(t *testing.T) {
	var out bytes.Buffer
	b := bench{out: &out}
	sc := scenario{name: "routes", subjects: []string{lookupWildcard}}
	if got, err := b.measureLookups(t.Context(), sc); err != nil || got != nil || !strings.Contains(out.String(), "left out routes") {
		t.Errorf("measureLookups() without a file = %v, %v and said %q, want nothing, and that", got, err, out.String())
	}
	b.settings.lookups = filepath.Join(t.TempDir(), "lookups")
	if _, err := b.measureLookups(t.Context(), sc); err == nil {
		t.Error("measureLookups() of a file that is not there: error = nil, want one")
	}
	if err := os.WriteFile(b.settings.lookups, []byte(lookupOutput), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := b.measureLookups(t.Context(), sc)
	if diff := cmp.Diff([]result{rounds(lookupWildcard, lookup, 90.25)}, got); err != nil || diff != "" {
		t.Errorf("measureLookups() error = %v (-want +got):\n%s", err, diff)
	}
	sc.subjects = append(sc.subjects, lookupShort)
	if _, err := b.measureLookups(t.Context(), sc); err == nil {
		t.Error("measureLookups() without one of the cases: error = nil, want one")
	}
}
