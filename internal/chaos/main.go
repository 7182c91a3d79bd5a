package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type settings struct {
	binaries string
	duration time.Duration
	rate     int
	seed     uint64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var s settings
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.StringVar(&s.binaries, "binaries", "bin", "directory with the binaries ballast and mock-backend")
	f.DurationVar(&s.duration, "duration", 10*time.Minute, "how long faults are made")
	f.IntVar(&s.rate, "rate", 500, "requests per second")
	f.Uint64Var(&s.seed, "seed", 0, "what the order of faults follows from; 0 is any")
	if err := f.Parse(args); err != nil {
		return err
	}
	if s.rate < 10 {
		return fmt.Errorf("-rate %d: must be at least 10", s.rate)
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	fmt.Fprintf(out, "seed %d: %d requests per second for %s\n", s.seed, s.rate, s.duration)
	st, err := raise(ctx, s)
	defer func() { err = errors.Join(err, st.strike()) }()
	if err != nil {
		return err
	}
	d := &drill{settings: s, stage: st, out: out, log: newLedger()}
	return d.run(ctx)
}
