// Command bench measures Ballast beside HAProxy, nginx and httputil.ReverseProxy, in one run on one
// machine, and says which of the targets are met. "make bench" builds and runs it.
//
// The balancer has the first core for itself; load and backends, which are containers, have the
// others. All balancers of a scenario run from its start to its end and are measured in turns, so that
// what else the machine does hits them alike. Of the rounds the median counts; a ratio is that of one round.
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
	"strings"
	"syscall"
	"time"
)

// settings are what the flags set.
type settings struct {
	// binaries is the directory with ballast.
	binaries  string
	scenarios []scenario
	backends  int
	rounds    int
	duration  time.Duration
	// builtin uses the load client of this program even where wrk is installed.
	builtin bool
	// lookups is a file with what go test prints of the lookups of routes, empty for none.
	lookups string
	// json is the file for the figures, empty for none.
	json string
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

// run is the program, or one of those that it starts: they are the same file.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case loadCommand:
			return loadMain(ctx, args[1:], out)
		case reverseProxyCommand:
			return reverseProxyMain(ctx, args[1:])
		case originCommand:
			return originMain(ctx, args[1:])
		}
	}
	s, err := parseFlags(args)
	if err != nil {
		return err
	}
	return runAll(ctx, s, out)
}

// parseFlags reads the settings and says what is wrong with them, or missing on this machine.
func parseFlags(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.binaries, "binaries", "bin", "directory with the binary ballast")
	chosen := flags.String("scenarios", "", "comma-separated, all by default: "+strings.Join(scenarioNames(), ", "))
	flags.IntVar(&s.backends, "backends", 3, "backends behind each balancer")
	flags.IntVar(&s.rounds, "rounds", 5, "rounds per balancer")
	flags.DurationVar(&s.duration, "duration", 3*time.Second, "length of a round")
	flags.BoolVar(&s.builtin, "builtin", false, "make the load with this program even if wrk is installed")
	flags.StringVar(&s.lookups, "lookups", "", "file with the output of go test -bench Lookup ./proxy/route, for the scenario routes")
	flags.StringVar(&s.json, "json", "", "file to write the figures to, as JSON")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if min(s.backends, s.rounds) < 1 || s.duration < time.Second {
		return s, errors.New("backends and rounds must be at least 1, the duration at least 1s")
	}
	var err error
	if s.scenarios, err = choose(*chosen); err != nil {
		return s, err
	}
	return s, checkMachine()
}

func checkMachine() error {
	if runtime.GOOS != "linux" {
		return errors.New("processor time is read from Linux's CPU clocks: this needs Linux")
	}
	if runtime.NumCPU() < 2 {
		return errors.New("the balancer needs a core of its own: this needs two")
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return fmt.Errorf("find taskset (package util-linux): %w", err)
	}
	return nil
}
