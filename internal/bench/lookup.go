package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
)

// The cases of the benchmark of proxy/route that have a target, as go test prints them. Those that are left out have
// a host or path of 64 KiB, or other tables.
const (
	lookupDeep     = "1000_hosts/exact,_deep_path"
	lookupShort    = "1000_hosts/exact,_short_path"
	lookupWildcard = "1000_hosts/wildcard"
	lookupNoHost   = "1000_hosts/unknown_host"
	lookupNoPath   = "1000_hosts/unknown_path"
)

func lookupCases() []string {
	return []string{lookupDeep, lookupShort, lookupWildcard, lookupNoHost, lookupNoPath}
}

// measureLookups reads what go test measured before: it has no balancer, and no load.
func (b *bench) measureLookups(_ context.Context, sc scenario) ([]result, error) {
	if b.settings.lookups == "" {
		fmt.Fprintf(b.out, "left out %s: no -lookups; make bench has it\n", sc.name)
		return nil, nil
	}
	text, err := os.ReadFile(b.settings.lookups)
	if err != nil {
		return nil, fmt.Errorf("read the lookups: %w", err)
	}
	all, err := parseLookups(string(text))
	if err != nil {
		return nil, err
	}
	results := make([]result, 0, len(sc.subjects))
	for _, name := range sc.subjects {
		i := slices.IndexFunc(all, func(r result) bool { return r.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("read the lookups: nothing of %s", name)
		}
		results = append(results, all[i])
	}
	return results, nil
}

// What is behind the last dash is how many processors there were; it is left out where that was one.
var lookupLine = regexp.MustCompile(`(?m)^BenchmarkTable_Lookup/(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// parseLookups reads what go test -bench prints: a result per case, a round per -count.
func parseLookups(out string) ([]result, error) {
	var results []result
	for _, match := range lookupLine.FindAllStringSubmatch(out, -1) {
		ns, err := strconv.ParseFloat(match[2], 64)
		if err != nil {
			return nil, fmt.Errorf("read the lookups: %w", err)
		}
		i := slices.IndexFunc(results, func(r result) bool { return r.Name == match[1] })
		if i < 0 {
			i, results = len(results), append(results, result{Name: match[1]})
		}
		results[i].Rounds = append(results[i].Rounds, sample{lookup: ns})
	}
	return results, nil
}
