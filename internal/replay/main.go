package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/containers/autoscale/sim"
	"github.com/ballast-lb/ballast/internal/plot"
)

// settings are what the flags set.
type settings struct {
	// plot is the file to draw into; "" for none.
	binaries, trace, plot string
	// rate and length cut the trace down to what one machine can do.
	rate, speed float64
	length      time.Duration
	sim         sim.Config
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parseFlags(args)
	if err != nil {
		return err
	}
	t, err := s.open()
	if err != nil {
		return err
	}
	s.sim.Trace = t
	fmt.Fprintf(out, "%s for %s, %.0f requests; %d slots, service %s, boot %s, at most %d replicas, %d warm\n",
		t.Name, t.Duration(), t.Total(), s.sim.Slots, s.sim.Service, s.sim.Boot, s.sim.Max, s.sim.Warm)
	simulated, err := simulate(ctx, s.sim)
	if err != nil {
		return err
	}
	live, err := replay(ctx, s)
	if err != nil {
		return err
	}
	return errors.Join(s.draw(&live, simulated), report(out, live, simulated))
}

// draw writes the plot, if one was asked for.
func (s *settings) draw(live *outcome, simulated *sim.Result) error {
	if s.plot == "" {
		return nil
	}
	t, c := s.sim.Trace, &s.sim
	svg := plot.SVG(plot.About{
		Title: t.Name + ", on real containers and simulated", Service: c.Service, SLO: c.SLO, Length: t.Duration(),
		Settings: fmt.Sprintf("%d slots, %s a request, boot %s, up to %d replicas, %d warm, SLO %s", c.Slots, c.Service, c.Boot, c.Max, c.Warm, c.SLO),
	}, []sim.Outcome{
		{Label: "real containers", Result: sim.Result{
			Violations: live.violations(), Cost: live.active / simulated.OracleSeconds, Actions: live.actions, Peak: live.peak, Curve: live.curve,
		}},
		{Label: "simulated", Result: *simulated},
	})
	if err := os.WriteFile(s.plot, svg, 0o644); err != nil { //nolint:gosec // To be shown around.
		return fmt.Errorf("-plot=%s: %w", s.plot, err)
	}
	return nil
}

// simulate runs the simulator on what is replayed; the result has the oracle's cost.
func simulate(ctx context.Context, c sim.Config) (*sim.Result, error) {
	one := sim.Case{Label: "replay", Make: func(uint64) sim.Config { return c }}
	outcomes, err := sim.Compare(ctx, []sim.Case{one}, c.Seed, 1, nil)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return &outcomes[0].Result, nil
}

func parseFlags(args []string) (settings, error) {
	s := settings{sim: sim.Default()}
	c := &s.sim
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.StringVar(&s.binaries, "binaries", "bin", "directory with ballast and mock-backend, static")
	flags.StringVar(&s.trace, "trace", "bursty", "trace, a file or one of "+traceNames())
	flags.StringVar(&s.plot, "plot", "", "write a plot of both to this SVG `file`")
	flags.Float64Var(&s.rate, "rate", 0.25, "factor on the trace's requests per second")
	flags.Float64Var(&s.speed, "speed", 1, "how many times faster the trace's time passes, at the same requests per second")
	flags.DurationVar(&s.length, "length", 4*time.Minute, "how much of the trace is replayed, from its beginning")
	flags.IntVar(&c.Slots, "slots", 5, "requests that one replica serves at once")
	flags.DurationVar(&c.Service, "service-time", c.Service, "what a request takes on average")
	flags.DurationVar(&c.Boot, "boot", c.Boot, "what a replica takes to listen, once it has been started")
	flags.IntVar(&c.Max, "max", 20, "most replicas")
	flags.IntVar(&c.Warm, "warm", 0, "warm clones")
	flags.DurationVar(&c.HoldDown, "hold-down", 30*time.Second, "how long demand must stay low before replicas go")
	flags.DurationVar(&c.SLO, "slo", c.SLO, "what a request is to be answered within")
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "of the arrivals and of what each request takes")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.speed <= 0 {
		return s, fmt.Errorf("-speed %v must be above 0", s.speed)
	}
	if s.rate <= 0 || s.length < time.Second {
		return s, fmt.Errorf("-rate %v must be above 0, -length %s at least 1s", s.rate, s.length)
	}
	return s, nil
}

// open reads the trace and cuts it down.
func (s settings) open() (*sim.Trace, error) {
	t := sim.Named(s.trace, s.sim.Seed)
	if t == nil {
		f, err := os.Open(s.trace)
		if err != nil {
			return nil, fmt.Errorf("-trace: %w; named ones are %s", err, traceNames())
		}
		defer f.Close()
		if t, err = sim.ReadTrace(f); err != nil {
			return nil, fmt.Errorf("-trace %s: %w", s.trace, err)
		}
		t.Name = s.trace
	}
	t = t.Scale(s.rate, s.speed)
	cut := *t
	cut.Requests = t.Requests[:min(len(t.Requests), int(s.length/t.Resolution))]
	return &cut, nil
}

func traceNames() string {
	names, _ := sim.Names()
	return strings.Join(names, ", ")
}
