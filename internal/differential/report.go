package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// comparison is all that was found.
type comparison struct {
	probes       []*probe
	servers      []*server // Ballast is the first.
	results      [][]result
	differences  []difference
	explanations []*explanation
}

// newComparison finds the differences.
func newComparison(probes []*probe, servers []*server, results [][]result, explanations []*explanation) *comparison {
	c := &comparison{probes: probes, servers: servers, results: results, explanations: explanations}
	for i, s := range servers {
		for j, p := range probes {
			if d, differs := compare(p, s, results[0][j], results[i][j]); i > 0 && differs {
				d.why = explain(explanations, d)
				c.differences = append(c.differences, d)
			}
		}
	}
	return c
}

// print writes the report. It returns how many things are wrong: what is unexplained, and what Ballast did that
// it should not.
func (c *comparison) print(w io.Writer) int {
	c.printDifferences(w)
	c.printTwofold(w)
	c.printStricter(w)
	wrong := c.printOurs(w)
	c.printTotals(w)
	for _, d := range c.differences {
		if d.why == "" {
			wrong++
		}
	}
	return wrong
}

func (c *comparison) printDifferences(w io.Writer) {
	type group struct{ server, ours, theirs, why string }
	for at := range classes {
		groups := map[group][]string{}
		for _, d := range c.differences {
			if d.class == at {
				g := group{d.server, d.ours, d.theirs, d.why}
				groups[g] = append(groups[g], d.probe.title())
			}
		}
		if len(groups) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n== %s\n", headings[at])
		for _, g := range sortedKeys(groups, func(a, b group) int {
			return cmp.Or(cmp.Compare(a.server, b.server), cmp.Compare(a.why, b.why), cmp.Compare(a.theirs, b.theirs), cmp.Compare(a.ours, b.ours))
		}) {
			fmt.Fprintf(w, "\n%s: %s; we: %s (%d)\n", g.server, g.theirs, g.ours, len(groups[g]))
			fmt.Fprintf(w, "  why: %s\n", cmp.Or(g.why, "UNEXPLAINED"))
			for _, title := range groups[g] {
				fmt.Fprintf(w, "    %s\n", title)
			}
		}
	}
}

func sortedKeys[K comparable, V any](m map[K]V, order func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, order)
	return keys
}

// title names a case and what we make of it.
func (p *probe) title() string {
	return fmt.Sprintf("%-11s %s [%s, %s]", p.kind, p.name, p.verdict, p.rfc)
}

func (c *comparison) printTwofold(w io.Writer) {
	fmt.Fprintf(w, "\n== Passed on, and read in two ways by two readers\n")
	for i, s := range c.servers {
		n := 0
		fmt.Fprintf(w, "\n%s\n", s.name)
		for j, p := range c.probes {
			r := c.results[i][j]
			if r.twofold != "" {
				fmt.Fprintf(w, "    %s\n      %s\n", p.title(), r.twofold)
				n++
			}
			if r.poisoned != "" {
				fmt.Fprintf(w, "    %s\n      ANOTHER CLIENT GOT: %s\n", p.title(), r.poisoned)
				n++
			}
		}
		if n == 0 {
			fmt.Fprintln(w, "    nothing")
		}
	}
}

// printStricter lists what we refuse although every other server passes it on and no two readers disagree on it.
func (c *comparison) printStricter(w io.Writer) {
	if len(c.servers) < 2 {
		return
	}
	fmt.Fprintf(w, "\n== We refuse, all others pass on, and all readers agree\n\n")
	why := map[*probe]string{}
	for _, d := range c.differences {
		why[d.probe] = d.why
	}
	for j, p := range c.probes {
		all := !c.results[0][j].taken()
		for i := range c.servers[1:] {
			r := c.results[i+1][j]
			all = all && r.taken() && r.twofold == ""
		}
		if all {
			fmt.Fprintf(w, "    %s\n      %s\n", p.title(), why[p])
		}
	}
}

// printOurs lists in what Ballast is not as the corpus asks.
func (c *comparison) printOurs(w io.Writer) int {
	wrong := 0
	fmt.Fprintf(w, "\n== Ballast against the corpus\n\n")
	for j, p := range c.probes {
		if why := unlike(p, c.results[0][j]); why != "" {
			fmt.Fprintf(w, "    %s\n      WRONG: %s\n", p.title(), why)
			wrong++
		}
	}
	if wrong == 0 {
		fmt.Fprintf(w, "    all %d cases came out as they should\n", len(c.probes))
	}
	return wrong
}

func (c *comparison) printTotals(w io.Writer) {
	fmt.Fprintf(w, "\n== Totals\n\n%-10s %6s %10s %12s %8s %13s %9s\n", "server", "cases", "passed on",
		"hostile ones", "two ways", "unlike ours", "unexpl.")
	for i, s := range c.servers {
		var taken, hostile, twofold, unlikeOurs, unexplained int
		for j, p := range c.probes {
			r := c.results[i][j]
			if r.taken() {
				taken++
				if p.hostile() {
					hostile++
				}
			}
			if r.twofold != "" || r.poisoned != "" {
				twofold++
			}
		}
		for _, d := range c.differences {
			if d.server == s.name {
				unlikeOurs++
				if d.why == "" {
					unexplained++
				}
			}
		}
		fmt.Fprintf(w, "%-10s %6d %10d %12d %8d %13d %9d\n", s.name, len(c.probes), taken, hostile, twofold, unlikeOurs, unexplained)
	}
	for _, e := range c.explanations {
		if !e.used && slices.ContainsFunc(c.servers, func(s *server) bool { return slices.Contains(e.servers, s.name) }) {
			fmt.Fprintf(w, "explains nothing here: %s | %s\n", strings.Join(e.theirs, " / "), strings.Join(e.cases, " / "))
		}
	}
}

// printAll writes what each server made of each case.
func (c *comparison) printAll(w io.Writer) {
	fmt.Fprintf(w, "\n== All cases\n\n")
	for j, p := range c.probes {
		fmt.Fprintln(w, p.title())
		for i, s := range c.servers {
			r := c.results[i][j]
			fmt.Fprintf(w, "    %-8s %s", s.name, r.outcome)
			if r.begun() {
				fmt.Fprintf(w, ": %s, framed by %s: %.300q", r.first, r.first.framing, r.bytes)
			}
			if r.follows {
				fmt.Fprint(w, "; then the next")
			}
			fmt.Fprintln(w)
		}
	}
}
