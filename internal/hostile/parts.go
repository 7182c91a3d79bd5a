package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// The parts of a run.
const (
	partAttacks   = "attacks"
	partDownloads = "downloads"
	partUploads   = "uploads"
	partSlow      = "slow"
)

// part is one of them. It measures on a stage of its own, so that the peak of memory is its own too.
type part struct {
	name string
	run  func(context.Context, *stage, *report) error
}

var parts = []part{
	{partAttacks, runAttacks},
	{partDownloads, func(ctx context.Context, st *stage, r *report) error { return runStreams(ctx, st, r, false) }},
	{partUploads, func(ctx context.Context, st *stage, r *report) error { return runStreams(ctx, st, r, true) }},
	{partSlow, runSlow},
}

func partNames() []string {
	return []string{partAttacks, partDownloads, partUploads, partSlow}
}

// runParts runs what was chosen, and prints the verdicts. A part that fails does not keep the others from being run.
func runParts(ctx context.Context, s settings, out io.Writer) (err error) {
	work, err := os.MkdirTemp("", "ballast-hostile-")
	if err != nil {
		return fmt.Errorf("make a working directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	r := &report{out: out}
	var failures []error
	for _, p := range parts {
		if ctx.Err() == nil && slices.Contains(s.parts, p.name) {
			failures = append(failures, runPart(ctx, p, settingsAt{s, work}, r))
		}
	}
	return errors.Join(append(failures, r.print())...)
}

func runPart(ctx context.Context, p part, s settingsAt, r *report) error {
	st, err := newStage(ctx, s)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	defer st.close()
	if err := p.run(ctx, st, r); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}
