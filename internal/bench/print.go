package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// printTable prints a scenario's medians, each with its lowest and highest.
func printTable(out io.Writer, metrics []metric, results []result) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "\t")
	for _, m := range metrics {
		fmt.Fprintf(table, "%s\t\t", m.title())
	}
	fmt.Fprintln(table)
	for _, r := range results {
		fmt.Fprintf(table, "%s\t", r.Name)
		for _, m := range metrics {
			values := r.values(m)
			if len(values) == 0 {
				fmt.Fprint(table, "\t\t")
				continue
			}
			fmt.Fprintf(table, "%s\t%s-%s\t", figure(median(values)), figure(slices.Min(values)), figure(slices.Max(values)))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// figure has three digits or more, for a percent of a ratio must show.
func figure(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// printVerdicts prints every target with what was measured.
func printVerdicts(out io.Writer, verdicts []verdict) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "scenario\ttarget\tat most\tmeasured\tlowest\thighest\tverdict")
	for _, v := range verdicts {
		fmt.Fprintf(table, "%s\t%s\t", v.Scenario, v.compared())
		if v.AtMost > 0 {
			fmt.Fprintf(table, "%.2f", v.AtMost)
		}
		fmt.Fprint(table, "\t")
		if v.Verdict != notMeasured {
			fmt.Fprintf(table, "%.3f\t%.3f\t%.3f\t", v.Median, v.Lowest, v.Highest)
		} else {
			fmt.Fprint(table, "\t\t\t")
		}
		fmt.Fprintln(table, v.Verdict)
	}
	return table.Flush()
}
