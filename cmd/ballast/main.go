// Command ballast is a load balancer that manages the containers behind it.
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
)

// command is one subcommand. run returns nil for exit code 0; its error is printed as it is.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "run the balancer (the default)", serve},
		{"demo", "run it without Docker: three mock backends in this process, and a scaling pool", demo},
		{"check", "check the configuration and say what is wrong", check},
		{"status", "show the pools of the running balancer and why they scale: --watch, --json, --url", status},
		{"why", "say why a container is routed, or not, and what to do: NAME, --json, --url", why},
		{"scale", "scale a pool of the running balancer by hand: POOL N, --pause, --resume, --min, --max, --url", scale},
		{"healthcheck", "ask the running balancer whether it is healthy, for HEALTHCHECK", healthcheck},
		{"simulate", "what this and other scaling policies would do with a trace of requests", simulate},
		{"version", "print the version", printVersion},
	}
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go obey(signals, stop)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ballast: "+strings.ReplaceAll(err.Error(), "\n", "\nballast: "))
		os.Exit(1)
	}
}

// obey stops the program at the first signal, and ends the process at a Ctrl-C after it: who presses
// that does not want to wait for what is in flight.
func obey(signals <-chan os.Signal, stop func()) {
	<-signals
	stop()
	for s := range signals {
		if s == os.Interrupt {
			break
		}
	}
	fmt.Fprintln(os.Stderr, "ballast: interrupted again: what was in flight is cut")
	os.Exit(1)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	name := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	} else if len(args) == 1 {
		switch args[0] {
		case "-h", "-help", "--help":
			name = "help"
		case "-version", "--version":
			name = "version"
		}
	}
	if name == "help" {
		return help(ctx, out)
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return fmt.Errorf("unknown command %q: see ballast help", name)
	}
	err := all[i].run(ctx, args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil // the help has been written
	}
	return err
}

func help(ctx context.Context, out io.Writer) error {
	fmt.Fprint(out, "Ballast is a load balancer that manages the containers behind it.\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprint(out, "\nExamples:\n  ballast serve --admin.listen=:9090\n  ballast demo\n  ballast check --config ballast.yml\n  ballast status --watch\n  ballast why web-1\n  ballast scale web 4\n  ballast simulate bursty --warm 2 --plot bursty.svg\n\nFlags of serve, demo, check, status, why and scale:\n")
	if err := check(ctx, []string{"--help"}, out); !errors.Is(err, flag.ErrHelp) {
		return err
	}
	return nil
}
