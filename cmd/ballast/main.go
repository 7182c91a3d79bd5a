// Command ballast is a load balancer that manages the containers behind it.
package main

//go:generate go test -run ^TestPage$ -update .

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

	"github.com/ballast-lb/ballast/internal/config"
)

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go obey(signals, stop)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ballast: "+strings.ReplaceAll(err.Error(), "\n", "\nballast: "))
		os.Exit(exitCode(os.Args[1:], err))
	}
}

// usageError says that the command line is wrong.
type usageError = config.UsageError

// usage makes one.
func usage(format string, args ...any) error { return usageError{Err: fmt.Errorf(format, args...)} }

// exitCode is what the program ends with.
func exitCode(args []string, err error) int {
	name, _ := split(args)
	c := find(name)
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, new(usageError)) && (c == nil || !c.noExit2):
		return exitUsage
	}
	return exitFailed
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

// split returns the command that args name, and what is left of them.
func split(args []string) (name string, rest []string) {
	switch {
	case len(args) > 0 && !strings.HasPrefix(args[0], "-"):
		return args[0], args[1:]
	case len(args) == 1 && isHelp(args[0]):
		return "help", nil
	case len(args) == 1 && (args[0] == "-version" || args[0] == "--version"):
		return "version", nil
	}
	return "serve", args
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// find returns the command of that name, nil if there is none.
func find(name string) *command {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func unknownCommand(name string) error { return usage("unknown command %q: see ballast help", name) }

func run(ctx context.Context, args []string, out io.Writer) error {
	name, args := split(args)
	switch name {
	case "help":
		return printHelp(args, out)
	case completeCommand:
		return complete(ctx, args, out)
	}
	c := find(name)
	if c == nil {
		return unknownCommand(name)
	}
	err := c.run(ctx, args, out)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(out, c.help())
	}
	return err
}
