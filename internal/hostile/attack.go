package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long Ballast bears what it does: see the limits in the front's Options. A limit may be late by two of the
// janitor's looks, and slowhttptest tells seconds.
const (
	headLimit = 10 * time.Second
	idleLimit = 60 * time.Second
	early     = time.Second
	late      = 3 * time.Second
)

const (
	// opening is how long it takes at most to open 1,000 connections: 10 s by their rate, but slowhttptest is not fast.
	opening = 20 * time.Second
	// readBytes is what a slow reader is answered, and readFirst what of it the backend sends: more than Ballast gets rid
	// of (256 KB into the socket, as many into a pipe), so that it waits for the reader; and not so much that what waits between the
	// backend and Ballast is more than the kernel holds for all connections (tcp_mem). Where that is used up
	// segments are thrown away, also the backend's: then Ballast waits for the backend, and rightly cuts nobody.
	readBytes, readFirst = 32 << 20, 1 << 20
)

// attack is a run of slowhttptest, see slowhttptest(1).
type attack struct {
	name string
	// target is a path behind the base.
	target string
	flags  []string
	// rate is how many connections it opens per second: as many as are soon there, and no more than a machine can serve.
	rate int
	// lasts is when it gives up by itself, which must be after it was cut.
	lasts time.Duration
}

// slowHeads send another line of their head every 3 seconds and never the last one.
func slowHeads() attack {
	return attack{name: "heads", target: "/", flags: []string{"-H", "-i", "3"}, rate: 500, lasts: headLimit + opening}
}

// slowBodies announce a body, and send a part of it and no more: what trickles is a body that is slow but steady.
func slowBodies(tag string) attack {
	return attack{
		name: "bodies", target: "/up?tag=" + tag, rate: 100, lasts: idleLimit + opening,
		flags: []string{"-B", "-s", "8192", "-x", "10", "-i", "600"},
	}
}

// slowReaders take 5 bytes every 5 seconds out of a buffer that stays full.
func slowReaders(tag string) attack {
	return attack{
		name: "readers", target: fmt.Sprintf("/down?n=%d&first=%d&tag=%s", readBytes, readFirst, tag), rate: 100, lasts: idleLimit + opening,
		flags: []string{"-X", "-w", "1", "-y", "512", "-n", "5", "-z", "5"},
	}
}

// run attacks until all connections were cut or ctx ends. dir is for its files; no two may run there at a time.
func (a attack) run(ctx context.Context, base, dir string, connections int) (curve, error) {
	prefix := filepath.Join(dir, a.name)
	args := append([]string{
		"--idle", "0", "slowhttptest", "-g", "-o", prefix, "-v", "1", "-u", base + a.target,
		"-c", strconv.Itoa(connections), "-r", strconv.Itoa(a.rate), "-l", strconv.Itoa(int(a.lasts.Seconds())),
	}, a.flags...)
	cmd := exec.CommandContext(ctx, "chrt", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return curve{}, ctx.Err()
	}
	if err != nil {
		return curve{}, fmt.Errorf("slow %s: slowhttptest: %w: %s", a.name, err, out)
	}
	text, err := os.ReadFile(prefix + ".csv")
	if err != nil {
		return curve{}, fmt.Errorf("slow %s: %w", a.name, err)
	}
	c, err := parseCurve(string(text))
	if err != nil {
		return curve{}, fmt.Errorf("slow %s: %w", a.name, err)
	}
	// The last second is not among the others.
	c.allCut = strings.Contains(string(out), "No open connections left")
	return c, nil
}

// curve is what became of an attack's connections.
type curve struct {
	opened int
	allCut bool
	// held is how long they were on average: each second that one was open, over their number.
	held time.Duration
}

// parseCurve reads slowhttptest's report, a line for each second.
func parseCurve(text string) (curve, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return curve{}, fmt.Errorf("read slowhttptest's report: %w", err)
	}
	var c curve
	open := 0
	for i, row := range rows {
		if i == 0 {
			if len(row) < 4 || row[1] != "Closed" || row[3] != "Connected" {
				return curve{}, fmt.Errorf("read slowhttptest's report: unknown columns %q", row)
			}
			continue
		}
		closed, err := strconv.Atoi(row[1])
		connected, connectedErr := strconv.Atoi(row[3])
		if err = errors.Join(err, connectedErr); err != nil {
			return curve{}, fmt.Errorf("read slowhttptest's report: %w", err)
		}
		c.opened = max(c.opened, closed+connected)
		open += connected
	}
	if c.opened == 0 {
		return curve{}, errors.New("read slowhttptest's report: it opened no connections")
	}
	c.held = time.Duration(open) * time.Second / time.Duration(c.opened)
	return c, nil
}
