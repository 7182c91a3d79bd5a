// Command soak sends millions of random requests through the HTTP/1.1 front, with clients that abort and backends
// that die, and checks every answer. "make soak" runs it.
//
// What happens in an exchange is its plan, which follows from the seed and the request's number: so the clients and
// the origins, which are in this process, agree on it without a word, and a body is compared byte for byte with what
// it must be. The front is a process of its own (this program once more), so that its memory and its descriptors
// are its own; it is told over its standard input which backends there are. A request may end without its answer
// only if a fault of its plan, or the death of a backend, allows for just that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// settings are what the flags set.
type settings struct {
	requests    int
	connections int
	backends    int
	report      time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == frontCommand {
		return frontMain(os.Stdin, out)
	}
	var (
		s    settings
		seed uint64
	)
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.IntVar(&s.requests, "requests", 10_000_000, "how many requests to make")
	flags.Uint64Var(&seed, "seed", 0, "what makes the plans of two runs the same; 0 draws one")
	flags.IntVar(&s.connections, "connections", 64, "clients, each with a connection")
	flags.IntVar(&s.backends, "backends", 4, "backends")
	flags.DurationVar(&s.report, "report", 10*time.Second, "time between two reports")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case runtime.GOOS != "linux":
		return errors.New("memory and descriptors are read from /proc, and backends have loopback addresses of their own: this needs Linux")
	case s.requests < 1 || s.connections < 1 || s.backends < 2 || s.backends > 100 || s.report <= 0:
		return errors.New("requests, connections and report must be positive, and backends between 2 and 100")
	}
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	return newSoak(seed, s, out).run(ctx)
}
