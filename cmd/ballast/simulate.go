package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
	"github.com/ballast-lb/ballast/internal/plot"
)

const (
	// maxSeeds and maxFactor bound what somebody can mean.
	maxSeeds  = 1000
	maxFactor = 1e6
)

// simulation is what the command line asks for.
type simulation struct {
	trace       string
	config      sim.Config
	policies    []string
	policy      string // The policies as they were written.
	seeds       int
	rate, speed float64
	list, json  bool
	plot        string
	record      string
	pool        string
	// first returns the trace of the first seed, once compare has opened it.
	first func() *sim.Trace
	// given are the flags that were.
	given map[string]bool
}

func simulate(ctx context.Context, args []string, out io.Writer) error {
	s, err := parseSimulation(args)
	if err != nil {
		return err
	}
	switch {
	case s.list:
		return listTraces(out)
	case s.record != "":
		return record(ctx, s.record, s.pool, out)
	}
	return s.run(ctx, out)
}

// flagSet is where the flags are read into s, and their help.
func (s *simulation) flagSet() *flag.FlagSet {
	c := &s.config
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&c.Slots, "slots", c.Slots, "requests that a replica serves at once")
	flags.DurationVar(&c.Service, "service-time", c.Service, "what a replica takes for a request on average")
	flags.DurationVar(&c.Boot, "boot", c.Boot, "what a replica takes to serve once it was started")
	flags.IntVar(&c.Min, "min", c.Min, "fewest replicas; 0 stops them all when idle")
	flags.IntVar(&c.Max, "max", c.Max, "most replicas")
	flags.IntVar(&c.Warm, "warm", c.Warm, "paused clones beside them (policy ballast)")
	flags.DurationVar(&c.HoldDown, "hold-down", c.HoldDown, "how long demand must stay low before replicas go (policy ballast)")
	flags.DurationVar(&c.Idle, "idle", c.Idle, "with min 0: how long nothing must be requested (policy ballast)")
	flags.StringVar(&s.policy, "policy", strings.Join(sim.Policies(), ","), "`policies` to compare, separated by commas")
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "first seed of what is random")
	flags.IntVar(&s.seeds, "seeds", 5, "how many seeds to run")
	flags.DurationVar(&c.SLO, "slo", c.SLO, "what a request is to be answered within")
	flags.Float64Var(&s.rate, "rate", 1, "factor on the requests per second")
	flags.Float64Var(&s.speed, "speed", 1, "factor on the speed: 24 makes an hour of a day")
	flags.BoolVar(&s.json, "json", false, "print JSON instead of a table")
	flags.StringVar(&s.plot, "plot", "", "write a plot to this SVG `file`: demand, capacity and latency over time")
	flags.BoolVar(&s.list, "list", false, "list the traces that come with Ballast")
	flags.StringVar(&s.record, "record", "", "print the trace of a pool of the Ballast whose admin listener has this `URL`")
	flags.StringVar(&s.pool, "pool", "default", "the pool to record")
	return flags
}

// simulationFlags are the flags as help tells of them.
func simulationFlags() (all []option) {
	s := &simulation{config: sim.Default()}
	s.flagSet().VisitAll(func(f *flag.Flag) {
		o := option{name: f.Name}
		o.value, o.meaning = flag.UnquoteUsage(f)
		switch o.value {
		case "int", "uint", "float":
			o.value = "N"
		case "string":
			o.value = "NAME"
		}
		o.value = strings.ToUpper(o.value)
		switch f.Name {
		case "plot":
			o.kind = files
		case "pool":
			o.kind = pools
		case "policy":
			o.kind, o.values, o.list = words, sim.Policies(), true
		}
		if d := f.DefValue; d != "" && d != "false" {
			o.meaning += " (default " + strings.ReplaceAll(d, ",", ", ") + ")"
		}
		all = append(all, o)
	})
	return all
}

func parseSimulation(args []string) (*simulation, error) {
	s := &simulation{config: sim.Default(), given: map[string]bool{}}
	flags := s.flagSet()
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		s.trace, args = args[0], args[1:]
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, usage("%w: see ballast simulate --help", err)
	}
	flags.Visit(func(f *flag.Flag) { s.given[f.Name] = true })
	rest := flags.Args()
	if s.trace == "" && len(rest) > 0 {
		s.trace, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		return nil, usage("unexpected argument %q after the trace: flags begin with --, and only one trace is simulated", rest[0])
	}
	s.policies = strings.Split(s.policy, ",")
	return s, s.check()
}

// check returns all that is wrong, each with the flag, its value and a remedy.
func (s *simulation) check() error {
	if s.list || s.record != "" {
		if s.trace != "" {
			return usage("--list and --record take no trace, %q is one: leave it out", s.trace)
		}
		return nil
	}
	if s.trace == "" {
		return usage("no trace: name a file, or one that ballast simulate --list names, as in ballast simulate step")
	}
	c := &s.config
	var errs []error
	must := func(is bool, name string, value any, what string) {
		if !is {
			errs = append(errs, fmt.Errorf("--%s=%v must be %s", name, value, what))
		}
	}
	day := func(d, least time.Duration) bool { return d >= least && d <= 24*time.Hour }
	must(c.Slots >= 1 && c.Slots <= 10_000, "slots", c.Slots, "1 to 10000")
	must(day(c.Service, time.Millisecond), "service-time", c.Service, "1ms to 24h")
	must(day(c.Boot, 0), "boot", c.Boot, "0s to 24h")
	must(c.Max >= 1 && c.Max <= 10_000, "max", c.Max, "1 to 10000")
	must(c.Min >= 0 && c.Min <= c.Max, "min", c.Min, fmt.Sprintf("0 to --max, which is %d", c.Max))
	must(c.Warm >= 0 && c.Warm <= 10_000, "warm", c.Warm, "0 to 10000")
	must(day(c.HoldDown, 0), "hold-down", c.HoldDown, "0s to 24h")
	must(day(c.Idle, 0), "idle", c.Idle, "0s to 24h")
	must(day(c.SLO, time.Millisecond), "slo", c.SLO, "1ms to 24h")
	must(s.seeds >= 1 && s.seeds <= maxSeeds, "seeds", s.seeds, "1 to "+strconv.Itoa(maxSeeds))
	must(s.rate > 0 && s.rate <= maxFactor, "rate", s.rate, "above 0, as in 0.5")
	must(s.speed > 0 && s.speed <= maxFactor, "speed", s.speed, "above 0, as in 24")
	for _, p := range s.policies {
		must(slices.Contains(sim.Policies(), p), "policy", strconv.Quote(p), "of "+strings.Join(sim.Policies(), ", ")+", separated by commas")
	}
	if len(errs) == 0 {
		return nil
	}
	return usageError{Err: errors.Join(errs...)}
}

func listTraces(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	names, abouts := sim.Names()
	for i, name := range names {
		fmt.Fprintf(w, "%s\t%s\n", name, abouts[i])
	}
	return w.Flush()
}

// open returns how to come by the trace for a seed.
func (s *simulation) open() (func(seed uint64) *sim.Trace, error) {
	if t := sim.Named(s.trace, s.config.Seed); t != nil {
		s.suit(t)
		return func(seed uint64) *sim.Trace { return sim.Named(s.trace, seed).Scale(s.rate, s.speed) }, nil
	}
	f, err := os.Open(s.trace)
	if err != nil {
		return nil, fmt.Errorf("trace %q is no file that can be read (%w), and none that ballast simulate --list names", s.trace, err)
	}
	defer f.Close()
	t, err := sim.ReadTrace(f)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", s.trace, err)
	}
	t.Name = s.trace
	s.suit(t)
	scaled := t.Scale(s.rate, s.speed)
	return func(uint64) *sim.Trace { return scaled }, nil
}

// suit takes from the trace what no flag says: what the recorded pool was, and that the trace is meant for pools that
// run nothing when idle.
func (s *simulation) suit(t *sim.Trace) {
	c := &s.config
	if t.Slots > 0 && !s.given["slots"] {
		c.Slots = t.Slots
	}
	if t.Service > 0 && !s.given["service-time"] {
		c.Service = t.Service
	}
	if t.FromZero && !s.given["min"] {
		c.Min = 0
	}
}

// compare runs all policies with all seeds; ended, which may be nil, is called after each run, one call at a time.
func (s *simulation) compare(ctx context.Context, progress *runs, ended func()) ([]sim.Outcome, error) {
	trace, err := s.open()
	if err != nil {
		return nil, err
	}
	cases := make([]sim.Case, len(s.policies))
	for i, policy := range s.policies {
		cases[i] = sim.Case{Label: policy, Make: func(seed uint64) sim.Config {
			progress.begin(policy, seed)
			c := s.config
			c.Policy, c.Trace = policy, trace(seed)
			return c
		}}
	}
	s.first = func() *sim.Trace { return trace(s.config.Seed) }
	outcomes, err := sim.Compare(ctx, cases, s.config.Seed, s.seeds, func(done, of int) {
		progress.end(done, of)
		if ended != nil {
			ended()
		}
	})
	if err != nil {
		return nil, fmt.Errorf("simulate %s: %w", s.trace, err)
	}
	return outcomes, nil
}

func (s *simulation) run(ctx context.Context, out io.Writer) error {
	progress := &runs{of: len(s.policies) * s.seeds, policy: s.policies[0], seed: s.config.Seed}
	// Results may go to a file meanwhile.
	stop := newScreen(os.Stderr).during(func() string { return "simulate " + s.trace + ": " + progress.String() })
	outcomes, err := s.compare(ctx, progress, nil)
	stop()
	if err != nil {
		return err
	}
	t := s.first()
	if s.plot != "" {
		if err := s.writePlot(t, outcomes); err != nil {
			return err
		}
	}
	if s.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(outcomes)
	}
	return s.table(out, t, outcomes)
}

// writePlot writes the SVG file.
func (s *simulation) writePlot(t *sim.Trace, outcomes []sim.Outcome) error {
	svg := plot.SVG(plot.About{
		Title: t.Name, Settings: s.settings(), Service: s.config.Service, SLO: s.config.SLO, Length: t.Duration(),
	}, outcomes)
	if err := os.WriteFile(s.plot, svg, 0o644); err != nil { //nolint:gosec // To be shown around.
		return fmt.Errorf("--plot=%s: %w", s.plot, err)
	}
	return nil
}

// settings is a line about what is simulated.
func (s *simulation) settings() string {
	c := &s.config
	return fmt.Sprintf("%d slots, %s a request, boot %s, %d to %d replicas, %d warm, SLO %s", c.Slots, c.Service, c.Boot, c.Min, c.Max, c.Warm, c.SLO)
}

func (s *simulation) table(out io.Writer, t *sim.Trace, outcomes []sim.Outcome) error {
	about := ""
	if t.About != "" {
		about = ": " + t.About
	}
	fmt.Fprintf(out, "%s%s\n%.0f requests in %s; %s; %d seeds\n\n", t.Name, about, t.Total(), t.Duration(), s.settings(), s.seeds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "policy\tviolations\tcost\twarm s\tactions\tflaps\trecovery\tpeak\tp95\t")
	for i := range outcomes {
		o := &outcomes[i]
		recovery := "-"
		if o.Recovery != nil {
			recovery = fmt.Sprintf("%.1f s", *o.Recovery)
		}
		fmt.Fprintf(w, "%s\t%.2f %%\t%.2f\t%.0f\t%d\t%d\t%s\t%d\t%.0f ms\t\n",
			o.Label, o.Violations, o.Cost, o.WarmSeconds, o.Actions, o.Flaps, recovery, o.Peak, o.P95*1000)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nViolations took longer than the SLO or failed. Cost is over who knows the future; warm seconds come on top.\n"+
		"Recovery and peak are the worst of the seeds, the rest means. At rest the busiest minute needs %d replicas.\n", outcomes[0].Steady)
	return err
}
