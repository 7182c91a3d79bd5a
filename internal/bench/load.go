package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// loadOrder is what a load client shall do.
type loadOrder struct {
	url string
	// headers are sent with each request, as "Name: value".
	headers     []string
	connections int
	// streams, rate, closes and builtin are as in scenario. Only HTTP/2 has streams, and only this program a rate.
	streams, rate   int
	closes, builtin bool
	duration        time.Duration
}

// load is what a load client did.
type load struct {
	requests, failed int64
	// slow is how many of them the slow backend answered, where there is one.
	slow int64
	took time.Duration
	// p50 and p99 are over the answers, from the first byte of the request to the last of the answer.
	p50, p99 time.Duration
}

// makeLoad sends requests for a while, with wrk where it is installed, and HTTP/2 with h2load.
func makeLoad(ctx context.Context, o loadOrder) (load, error) {
	switch {
	case o.streams > 0:
		return runH2load(ctx, o)
	case !o.builtin && o.rate == 0 && haveWrk():
		out, err := runLoad(ctx, append([]string{"wrk"}, wrkArgs(o)...))
		if err != nil {
			return load{}, err
		}
		return parseWrk(string(out))
	}
	self, err := os.Executable()
	if err != nil {
		return load{}, fmt.Errorf("find this program: %w", err)
	}
	out, err := runLoad(ctx, append([]string{self, loadCommand}, clientArgs(o)...))
	if err != nil {
		return load{}, err
	}
	return parseReport(out)
}

// runLoad runs a load client on the cores that the balancers leave, and returns what it printed.
func runLoad(ctx context.Context, command []string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "taskset", append([]string{"--cpu-list", child.OtherCores()}, command...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("make load: %w: %s", err, out)
	}
	return out, nil
}

// clientArgs are the arguments of this program's client for an order.
func clientArgs(o loadOrder) []string {
	args := []string{
		"-connections", strconv.Itoa(o.connections), "-duration", o.duration.String(),
		"-close=" + strconv.FormatBool(o.closes), "-rate", strconv.Itoa(o.rate),
	}
	for _, h := range o.headers {
		args = append(args, "-header", h)
	}
	return append(args, o.url)
}

func haveWrk() bool {
	_, err := exec.LookPath("wrk")
	return err == nil
}
