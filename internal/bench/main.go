// Command bench measures Ballast beside nginx and HAProxy, in one run on one machine: requests per
// second and processor time per request. "make bench" builds and runs it.
//
// The balancer has the first core for itself; load and backends, which are containers, have the
// others. All balancers run from start to end and are measured in turns, so that what else the
// machine does hits them alike; of the rounds the median counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// settings are what the flags set.
type settings struct {
	// binaries is the directory with the static ballast and mock-backend.
	binaries    string
	backends    int
	connections int
	bytes       int
	rounds      int
	duration    time.Duration
	// builtin uses the load client of this program even where wrk is installed.
	builtin bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == loadCommand {
		return loadMain(ctx, args[1:], out)
	}
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.binaries, "binaries", "bin", "directory with the static binaries ballast and mock-backend")
	flags.IntVar(&s.backends, "backends", 3, "backends behind each balancer")
	flags.IntVar(&s.connections, "connections", 64, "connections that stay open")
	flags.IntVar(&s.bytes, "bytes", 126, "length of each answer's body")
	flags.IntVar(&s.rounds, "rounds", 5, "rounds per balancer")
	flags.DurationVar(&s.duration, "duration", 3*time.Second, "length of a round")
	flags.BoolVar(&s.builtin, "builtin", false, "make the load with this program even if wrk is installed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := check(s); err != nil {
		return err
	}
	return measureAll(ctx, s, out)
}

// check says what is missing on this machine.
func check(s settings) error {
	if runtime.GOOS != "linux" {
		return errors.New("processor time is read from /proc: this needs Linux")
	}
	if runtime.NumCPU() < 2 {
		return errors.New("the balancer needs a core of its own: this needs two")
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return fmt.Errorf("find taskset (package util-linux): %w", err)
	}
	if min(s.backends, s.connections, s.rounds) < 1 || s.bytes < 0 || s.duration < time.Second {
		return errors.New("backends, connections and rounds must be at least 1, the duration at least 1s")
	}
	return nil
}

// measureAll starts backends and balancers, measures, prints, and removes all of it, also when ctx
// ends halfway.
func measureAll(ctx context.Context, s settings, out io.Writer) (err error) {
	work, err := os.MkdirTemp("", "ballast-bench-")
	if err != nil {
		return fmt.Errorf("make a working directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	backends, remove, err := startOrigins(ctx, s, work)
	// Containers must go whatever happened to ctx.
	defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	var running []*balancer
	defer func() {
		for _, b := range running {
			b.stop()
		}
	}()
	for _, prepare := range []func(context.Context, settings, string, origins) (*balancer, error){newBallast, newHAProxy, newNginx} {
		b, err := prepare(ctx, s, work, backends)
		if errors.Is(err, exec.ErrNotFound) {
			fmt.Fprintf(out, "left out: %v\n", err)
			continue
		}
		if err != nil {
			return err
		}
		if err := b.start(ctx); err != nil {
			return err
		}
		running = append(running, b)
	}
	targets := []target{{name: "direct", url: backends.url(0, s.bytes)}}
	for _, b := range running {
		targets = append(targets, target{name: b.name, url: b.url, pid: b.pid()})
	}
	fmt.Fprintf(out, "%d connections, %d-byte bodies, %d backends; %d rounds of %s in turns, median; balancer on core %s, load and backends on %s\n",
		s.connections, s.bytes, s.backends, s.rounds, s.duration, balancerCore, otherCores())
	results, err := measure(ctx, s, targets)
	if err != nil {
		return err
	}
	return printTable(out, results)
}
