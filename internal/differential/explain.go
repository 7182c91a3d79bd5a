package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed explanations.txt
var explanationsText string

// explanation says why servers differ from us in some cases.
type explanation struct {
	servers, kinds, theirs, cases []string
	why                           string
	used                          bool
}

// parseExplanations reads lines of columns: servers | kinds | what they do | our slug or the case's name in quotes | why. What
// is listed within a column has " / " between.
func parseExplanations(text string) ([]*explanation, error) {
	var all []*explanation
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		columns := columnsOf(line)
		if len(columns) != 5 || slices.Contains(columns, "") {
			return nil, fmt.Errorf("explanations, line %d: want servers | kinds | theirs | cases | why", n)
		}
		list := func(i int) []string { return strings.Split(columns[i], " / ") }
		all = append(all, &explanation{servers: list(0), kinds: list(1), theirs: list(2), cases: list(3), why: columns[4]})
	}
	return all, nil
}

// explain returns the reason for a difference. One for the case by its name goes before one for all that are
// refused for the same.
func explain(all []*explanation, d difference) string {
	for _, key := range []string{d.probe.quoted(), d.probe.slug()} {
		for _, e := range all {
			if slices.Contains(e.servers, d.server) && slices.Contains(e.kinds, string(d.probe.kind)) &&
				slices.Contains(e.theirs, d.theirs) && slices.Contains(e.cases, key) {
				e.used = true
				return e.why
			}
		}
	}
	return ""
}
