// Command simulate runs every named trace with every policy and several boots, and says which of the autoscaler's
// targets are met. "make simulate" builds and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
)

// warms are the warm clones that ours is run with.
var warms = [...]int{0, 1, 6}

// cell is what one trace with one boot made of every policy.
type cell struct {
	trace    string
	boot     time.Duration
	fromZero bool
	// others are by policy, ours by the number of warm clones.
	others map[string]sim.Outcome
	ours   map[int]sim.Outcome
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	names, _ := sim.Names()
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	traces := flags.String("traces", strings.Join(names, ","), "traces, separated by commas")
	seeds := flags.Int("seeds", 5, "seeds")
	boots := []time.Duration{300 * time.Millisecond, 2 * time.Second, 10 * time.Second}
	flags.Func("boots", "boots, separated by commas (default 300ms,2s,10s)", func(list string) error {
		boots = nil
		for text := range strings.SplitSeq(list, ",") {
			d, err := time.ParseDuration(text)
			if err != nil {
				return err
			}
			boots = append(boots, d)
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *seeds < 1 {
		return fmt.Errorf("-seeds %d must be 1 or more", *seeds)
	}
	fmt.Fprintf(out, "violations %% / cost over who knows the future; means of %d seeds\n\n", *seeds)
	var cells []cell
	for name := range strings.SplitSeq(*traces, ",") {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-traces %q must be of %s", name, strings.Join(names, ", "))
		}
		for _, boot := range boots {
			c, err := simulate(ctx, name, boot, *seeds)
			if err != nil {
				return err
			}
			cells = append(cells, c)
			fmt.Fprintln(out, c.line())
		}
	}
	fmt.Fprintln(out)
	return judge(out, cells)
}

// simulate runs all policies on one trace with one boot.
func simulate(ctx context.Context, name string, boot time.Duration, seeds int) (cell, error) {
	c := cell{trace: name, boot: boot, fromZero: sim.Named(name, 1).FromZero, others: map[string]sim.Outcome{}, ours: map[int]sim.Outcome{}}
	var cases []sim.Case
	add := func(policy string, warm int) {
		cases = append(cases, sim.Case{Label: policy, Make: func(seed uint64) sim.Config {
			config := sim.Default()
			config.Trace, config.Boot, config.Policy, config.Warm = sim.Named(name, seed), boot, policy, warm
			if c.fromZero {
				config.Min = 0
			}
			return config
		}})
	}
	for _, policy := range sim.Policies() {
		if policy != "ballast" {
			add(policy, 0)
		}
	}
	for _, warm := range warms {
		add("ballast", warm)
	}
	outcomes, err := sim.Compare(ctx, cases, 1, seeds, nil)
	if err != nil {
		return c, fmt.Errorf("simulate %s with boot %s: %w", name, boot, err)
	}
	for _, o := range outcomes {
		if o.Label == "ballast" {
			c.ours[o.Warm] = o
		} else {
			c.others[o.Label] = o
		}
	}
	return c, nil
}

// line is the cell in one line.
func (c *cell) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s boot %-6s", c.trace, c.boot)
	for _, policy := range sim.Policies() {
		if o, ok := c.others[policy]; ok {
			fmt.Fprintf(&b, "  %s %.2f/%.2f", policy, o.Violations, o.Cost)
		}
	}
	for _, warm := range warms {
		fmt.Fprintf(&b, "  ballast+%d %.2f/%.2f", warm, c.ours[warm].Violations, c.ours[warm].Cost)
	}
	return b.String()
}

// judge prints the targets, met or missed.
func judge(out io.Writer, cells []cell) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "target\ttrace\tboot\twarm\t\tfound")
	met, all := 0, 0
	for i := range cells {
		for _, f := range cells[i].findings() {
			all++
			verdict := "MISSED"
			if f.met {
				met++
				verdict = "met"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", f.target, cells[i].trace, cells[i].boot, f.warm, verdict, f.found)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d of %d met\n", met, all)
	return err
}
