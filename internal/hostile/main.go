// Command hostile puts Ballast under clients that mean it harm, or that only take long, and says whether the others
// notice and what it costs. "make hostile" builds and runs it.
//
// Ballast is the program itself, in a process of its own on the first core. All else has the other cores: the backend
// is another process, the good clients, the long transfers and the Docker Engine that Ballast asks for its containers are
// in this one. The attackers are slowhttptest's, at a priority (SCHED_IDLE) at which they take as little processor time as can
// be from anybody else. Still they keep the kernel busy: so good clients also use a bare TCP relay on Ballast's core that is
// not attacked, at the same time, and what they feel there is not held against Ballast.
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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// settings are what the flags set.
type settings struct {
	// binaries is the directory with ballast.
	binaries string
	parts    []string
	// connections is how many each attack has, rate how many requests per second the good clients make.
	connections, rate int
	// rounds is how often calm and attack take turns, calm how long the first lasts.
	rounds int
	calm   time.Duration

	streams     int
	streamBytes int64
	// slow is how long a slow transfer takes.
	slow time.Duration
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
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// run is the program, or one of those that it starts: they are the same file.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case originCommand:
			return originMain(ctx, strings.Join(args[1:], ""))
		case relayCommand:
			return relayMain(ctx, args[1:])
		}
	}
	s, err := parseFlags(args)
	if err == nil {
		err = checkMachine(s)
	}
	if err != nil {
		return err
	}
	// Threads that start later inherit it.
	pin := exec.CommandContext(ctx, "taskset", "--all-tasks", "--pid", "--cpu-list", child.OtherCores(), strconv.Itoa(os.Getpid()))
	if text, err := pin.CombinedOutput(); err != nil {
		return fmt.Errorf("leave the first core to Ballast: %w: %s", err, text)
	}
	if _, err := child.RaiseFileLimit(); err != nil {
		return err
	}
	return runParts(ctx, s, out)
}

func parseFlags(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	flags.StringVar(&s.binaries, "binaries", "bin", "directory with the binary ballast")
	chosen := flags.String("parts", strings.Join(partNames(), ","), "comma-separated, what to run")
	flags.IntVar(&s.connections, "connections", 1000, "connections of each attack")
	flags.IntVar(&s.rounds, "rounds", 3, "how often calm and attack take turns")
	flags.DurationVar(&s.calm, "calm", 30*time.Second, "length of a calm; an attack lasts until all is cut, a good minute")
	flags.IntVar(&s.rate, "rate", 500, "requests per second of the good clients")
	flags.IntVar(&s.streams, "streams", 200, "transfers at a time")
	flags.Int64Var(&s.streamBytes, "stream-bytes", 1<<30, "length of each of them")
	flags.DurationVar(&s.slow, "slow", 150*time.Second, "length of the slow transfers, more than a limit")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if min(s.connections, s.rounds, s.rate, s.streams) < 1 || s.streamBytes < 1 || min(s.calm, s.slow) < time.Second {
		return s, errors.New("numbers must be at least 1, durations at least 1s")
	}
	s.parts = strings.Split(*chosen, ",")
	for _, name := range s.parts {
		if !slices.Contains(partNames(), name) {
			return s, fmt.Errorf("no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	return s, nil
}

// checkMachine says what is missing on this machine.
func checkMachine(s settings) error {
	if runtime.GOOS != "linux" {
		return errors.New("memory and descriptors are read from /proc: this needs Linux")
	}
	if runtime.NumCPU() < 2 {
		return errors.New("this needs two cores, one of them for Ballast")
	}
	for _, tool := range []string{"taskset", "chrt"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("find %s (package util-linux): %w", tool, err)
		}
	}
	if _, err := exec.LookPath("slowhttptest"); err != nil && slices.Contains(s.parts, partAttacks) {
		return fmt.Errorf("slowhttptest is not installed: apt-get install slowhttptest (or leave out the part %s): %w", partAttacks, err)
	}
	return nil
}
