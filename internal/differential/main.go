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
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// errWrong says that the report has something in it that must be looked at.
var errWrong = errors.New("differences without an explanation, or Ballast does not keep the corpus")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

// starters are the servers, Ballast first.
var starters = []struct {
	name  string
	start func(context.Context, settings) (*server, error)
}{
	{"ballast", startBallast},
	{"nginx", startNginx},
	{"haproxy", startHAProxy},
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("differential", flag.ContinueOnError)
	flags.SetOutput(out)
	corpus := flags.String("corpus", "proxy/http1/testdata/corpus", "directory of the cases")
	lanes := flags.Int("lanes", 16, "how many cases a server gets at a time")
	all := flags.Bool("all", false, "print what each server made of each case too")
	alone := flags.Bool("alone", false, "leave nginx and HAProxy out")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *lanes < 1 || flags.NArg() > 0 {
		return errors.New("want -lanes of 1 at least, and no arguments")
	}
	probes, err := loadCorpus(*corpus)
	if err != nil {
		return err
	}
	explanations, err := parseExplanations(explanationsText)
	if err != nil {
		return err
	}
	began := time.Now()
	servers, results, err := runAll(ctx, out, probes, *lanes, *alone)
	if err != nil {
		return err
	}
	c := newComparison(probes, servers, results, explanations)
	if *all {
		c.printAll(out)
	}
	wrong := c.print(out)
	fmt.Fprintf(out, "took %.1f s\n", time.Since(began).Seconds())
	if wrong > 0 {
		return errWrong
	}
	return nil
}

// runAll sends all cases to one server after the other.
func runAll(ctx context.Context, out io.Writer, probes []*probe, lanes int, alone bool) ([]*server, [][]result, error) {
	var servers []*server
	var results [][]result
	for _, s := range starters {
		if alone && s.name != "ballast" {
			continue
		}
		server, found, err := runOne(ctx, s.start, probes, lanes)
		switch {
		case errors.Is(err, exec.ErrNotFound):
			fmt.Fprintf(out, "left out: %s is not installed\n", s.name)
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(out, "%s %s: %d cases\n", server.name, server.version, len(found))
		if server.hides != "" {
			fmt.Fprintf(out, "  it names its own upstream as the host to backends, so the host is not compared\n")
		}
		servers, results = append(servers, server), append(results, found)
	}
	return servers, results, nil
}

func runOne(ctx context.Context, start func(context.Context, settings) (*server, error), probes []*probe, lanes int) (s *server, found []result, err error) {
	work, err := os.MkdirTemp("", "ballast-differential-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	s, err = start(ctx, settings{work: work, lanes: lanes})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	found = make([]result, len(probes))
	next := make(chan int)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		for i := range probes {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for _, l := range s.lanes {
		group.Go(func() error {
			for i := range next {
				o, err := l.run(ctx, probes[i])
				if err != nil {
					return fmt.Errorf("%s %s: %w", probes[i].kind, probes[i].name, err)
				}
				found[i] = judge(probes[i], o)
			}
			return nil
		})
	}
	return s, found, group.Wait()
}
