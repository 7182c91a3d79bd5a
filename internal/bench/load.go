package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// loadOrder is what a load client shall do.
type loadOrder struct {
	url         string
	connections int
	// closes makes a new connection for every request.
	closes   bool
	duration time.Duration
	// builtin uses the load client of this program even where wrk is installed.
	builtin bool
}

// load is what a load client did.
type load struct {
	requests, failed int64
	took             time.Duration
	// p50 and p99 are over the answers, from the first byte of the request to the last of the answer.
	p50, p99 time.Duration
}

// makeLoad sends requests for a while, with wrk where it is installed.
func makeLoad(ctx context.Context, o loadOrder) (load, error) {
	args := []string{"--cpu-list", otherCores()}
	wrk := !o.builtin && haveWrk()
	if wrk {
		args = append(append(args, "wrk"), wrkArgs(o)...)
	} else {
		self, err := os.Executable()
		if err != nil {
			return load{}, fmt.Errorf("find this program: %w", err)
		}
		args = append(args, self, loadCommand, "-connections", strconv.Itoa(o.connections),
			"-duration", o.duration.String(), "-close="+strconv.FormatBool(o.closes), o.url)
	}
	out, err := exec.CommandContext(ctx, "taskset", args...).Output()
	if err != nil {
		return load{}, fmt.Errorf("make load: %w: %s", err, out)
	}
	if wrk {
		return parseWrk(string(out))
	}
	return parseReport(out)
}

func haveWrk() bool {
	_, err := exec.LookPath("wrk")
	return err == nil
}
