package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report says what goes on while it does, and then what was met.
type report struct {
	out    io.Writer
	checks []finding
}

// finding is one thing that was looked at.
type finding struct {
	what, target, measured string
	met                    bool
}

func (r *report) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

func (r *report) add(what, target, measured string, met bool) {
	r.checks = append(r.checks, finding{what, target, measured, met})
}

// atMost adds a finding that is met up to a limit.
func (r *report) atMost(what string, measured, limit float64, unit string) {
	r.add(what, fmt.Sprintf("at most %.4g%s", limit, unit), fmt.Sprintf("%.4g%s", measured, unit), measured <= limit)
}

// print prints all findings. Its error says how many were not met.
func (r *report) print() error {
	table := tabwriter.NewWriter(r.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nwhat\ttarget\tmeasured\tverdict")
	missed := 0
	for _, f := range r.checks {
		verdict := "met"
		if !f.met {
			verdict = "missed"
			missed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.what, f.target, f.measured, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d targets were missed", missed, len(r.checks))
	}
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
