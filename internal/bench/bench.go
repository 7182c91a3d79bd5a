package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"

	"github.com/ballast-lb/ballast/internal/child"
)

// bench is one run: the backends, the balancers before them, and what was measured.
type bench struct {
	site
	out       io.Writer
	fileLimit int
	// running are the balancers of the scenario, by name.
	running map[string]*balancer
	// leftOut are those that are not installed, by name.
	leftOut map[string]bool
	doc     document
}

// runAll starts backends, measures, prints, and removes all of it, also when ctx ends halfway.
func runAll(ctx context.Context, s settings, out io.Writer) (err error) {
	b := &bench{
		site: site{settings: s}, out: out, doc: newDocument(s),
		running: map[string]*balancer{}, leftOut: map[string]bool{},
	}
	if b.fileLimit, err = child.RaiseFileLimit(); err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp("", "ballast-bench-"); err != nil {
		return fmt.Errorf("make a working directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()

	var u undo
	// Containers must go whatever happened to ctx.
	defer func() { err = errors.Join(err, u.run(context.WithoutCancel(ctx))) }()
	if b.origins, err = startOrigins(ctx, s, b.work, &u); err != nil {
		return err
	}
	return b.runScenarios(ctx)
}

// installed are the kinds of balancers that the scenario measures and that are installed, each with a result to fill.
func (b *bench) installed(sc scenario) (kinds []kind, results []result) {
	for _, k := range balancers {
		if sc.has(k.name) && !b.leftOut[k.name] {
			kinds, results = append(kinds, k), append(results, result{Name: k.name})
		}
	}
	return kinds, results
}

// look finds out which of the scenario's balancers are installed, and says which are not.
func (b *bench) look(ctx context.Context, sc scenario) error {
	kinds, _ := b.installed(sc)
	for _, k := range kinds {
		made, err := k.make(ctx, b.site)
		if errors.Is(err, exec.ErrNotFound) {
			fmt.Fprintf(b.out, "left out %s: %v\n", k.name, err)
			b.leftOut[k.name] = true
			continue
		}
		if err != nil {
			return err
		}
		b.doc.addVersion(k.name, made.version)
	}
	return nil
}

func (b *bench) startBalancers(ctx context.Context, sc scenario) error {
	kinds, _ := b.installed(sc)
	for _, k := range kinds {
		started, err := k.make(ctx, b.site)
		if err != nil {
			return err
		}
		if err := started.start(ctx); err != nil {
			return err
		}
		b.running[k.name] = started
	}
	return nil
}

func (b *bench) stopBalancers() {
	for _, running := range b.running {
		running.Stop()
	}
	clear(b.running)
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
	b.doc.printVersions(b.out)
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
	b.certificate = ""
	if sc.secure {
		if b.certificate, err = writeCertificate(b.work); err != nil {
			return nil, err
		}
	}
	if err := b.look(ctx, *sc); err != nil {
		return nil, err
	}
	measure := sc.measure
	if measure == nil {
		measure = (*bench).measureLoad
	}
	if results, err = measure(b, ctx, *sc); err != nil || len(results) == 0 {
		return nil, err
	}
	return results, printTable(b.out, sc.metrics(), results)
}

// measureLoad starts the scenario's balancers and puts them under load, in turns.
func (b *bench) measureLoad(ctx context.Context, sc scenario) ([]result, error) {
	defer b.stopBalancers()
	if err := b.startBalancers(ctx, sc); err != nil {
		return nil, err
	}
	results, err := measure(ctx, b.settings, sc, b.subjects(sc))
	if err != nil {
		return nil, err
	}
	if peer := b.running[haproxySplice]; peer != nil {
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
			subjects = append(subjects, running.subject(sc.bytes))
		}
	}
	return subjects
}

// has tells whether the scenario measures a subject.
func (s scenario) has(name string) bool { return slices.Contains(s.subjects, name) }
