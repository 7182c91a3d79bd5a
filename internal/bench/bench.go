package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
)

// bench is one run: the backends, the balancers before them, and what was measured.
type bench struct {
	site
	out       io.Writer
	fileLimit int
	// running are the balancers that are installed, by name.
	running map[string]*balancer
	doc     document
}

// runAll starts backends and balancers, measures, prints, and removes all of it, also when ctx ends
// halfway.
func runAll(ctx context.Context, s settings, out io.Writer) (err error) {
	b := &bench{site: site{settings: s}, out: out, running: map[string]*balancer{}, doc: newDocument(s)}
	if b.fileLimit, err = raiseFileLimit(); err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp("", "ballast-bench-"); err != nil {
		return fmt.Errorf("make a working directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()

	var remove func(context.Context) error
	b.origins, remove, err = startOrigins(ctx, s, b.work)
	// Containers must go whatever happened to ctx.
	defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	defer b.stopBalancers()
	if err := b.startBalancers(ctx); err != nil {
		return err
	}
	return b.runScenarios(ctx)
}

func (b *bench) startBalancers(ctx context.Context) error {
	for _, k := range balancers {
		started, err := k.prepare(ctx, b.site)
		if errors.Is(err, exec.ErrNotFound) {
			fmt.Fprintf(b.out, "left out %s: %v\n", k.name, err)
			continue
		}
		if err != nil {
			return err
		}
		started.name = k.name
		if err := started.start(ctx); err != nil {
			return err
		}
		b.running[k.name] = started
		b.doc.addVersion(k.name, started.version)
	}
	return nil
}

func (b *bench) stopBalancers() {
	for _, running := range b.running {
		running.stop()
	}
}

// runScenarios measures one after the other and ends with the verdicts. A scenario that fails does
// not keep the others from being measured.
func (b *bench) runScenarios(ctx context.Context) error {
	b.doc.printHead(b.out)
	var failures []error
	for _, sc := range b.settings.scenarios {
		results, err := b.runScenario(ctx, &sc)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if err != nil {
			err = fmt.Errorf("scenario %s: %w", sc.name, err)
			fmt.Fprintln(b.out, err)
			failures = append(failures, err)
		}
		b.doc.add(sc, results)
	}
	fmt.Fprintln(b.out)
	failures = append(failures, printVerdicts(b.out, b.doc.Targets))
	if b.settings.json != "" {
		failures = append(failures, b.doc.write(b.settings.json))
	}
	return errors.Join(failures...)
}

// runScenario measures and prints one. It corrects the number of connections to what this machine allows.
func (b *bench) runScenario(ctx context.Context, sc *scenario) (results []result, err error) {
	var notice string
	if sc.connections, notice = fit(sc.connections, b.fileLimit); notice != "" {
		fmt.Fprintln(b.out, notice)
	}
	fmt.Fprintf(b.out, "\n%s\n", sc)
	if sc.idle {
		results, err = b.measureIdle(ctx, *sc)
	} else {
		results, err = measure(ctx, b.settings, *sc, b.subjects(*sc))
	}
	if err != nil {
		return nil, err
	}
	if err := printTable(b.out, sc.metrics(), results); err != nil {
		return nil, err
	}
	if peer := b.running[haproxySplice]; sc.has(haproxySplice) && peer != nil {
		share, err := splicedShare(ctx, peer.admin)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b.out, "%s spliced %.0f %% of its bytes\n", haproxySplice, 100*share)
	}
	return results, nil
}

// subjects are those of the scenario that run here.
func (b *bench) subjects(sc scenario) []subject {
	var subjects []subject
	for _, name := range sc.subjects {
		if name == direct {
			subjects = append(subjects, subject{name: name, url: b.origins.url(0, sc.bytes)})
		} else if running := b.running[name]; running != nil {
			subjects = append(subjects, subject{name: name, url: running.url(sc.bytes), pid: running.pid()})
		}
	}
	return subjects
}

// has tells whether the scenario measures a subject.
func (s scenario) has(name string) bool { return slices.Contains(s.subjects, name) }
