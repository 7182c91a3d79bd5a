package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/histogram"
)

// runH2load makes load with h2load. It tells percentiles only by a file with a line per request.
func runH2load(ctx context.Context, o loadOrder) (load, error) {
	file, err := os.CreateTemp("", "ballast-bench-h2load-")
	if err != nil {
		return load{}, fmt.Errorf("make h2load's file: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if err := file.Close(); err != nil {
		return load{}, fmt.Errorf("make h2load's file: %w", err)
	}
	out, err := runLoad(ctx, append([]string{"h2load", "--log-file", file.Name()}, h2loadArgs(o)...))
	if err != nil {
		return load{}, err
	}
	log, err := os.ReadFile(file.Name())
	if err != nil {
		return load{}, fmt.Errorf("read h2load's file: %w", err)
	}
	l, err := parseH2load(string(out))
	if err != nil {
		return load{}, err
	}
	latency, err := parseH2loadLog(string(log))
	l.p50, l.p99 = latency.Quantile(0.5), latency.Quantile(0.99)
	return l, err
}

// h2loadArgs are h2load's arguments for an order.
func h2loadArgs(o loadOrder) []string {
	args := []string{
		"--clients", strconv.Itoa(o.connections), "--max-concurrent-streams", strconv.Itoa(o.streams),
		"--duration", fmt.Sprintf("%.0f", o.duration.Seconds()),
	}
	for _, h := range o.headers {
		args = append(args, "--header", h)
	}
	return append(args, o.url)
}

var (
	h2loadTook     = regexp.MustCompile(`(?m)^finished in ([0-9.]+(?:us|ms|s|m|h)),`)
	h2loadRequests = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$`)
	h2loadStatus   = regexp.MustCompile(`(?m)^status codes: (\d+) 2xx,`)
	h2loadProtocol = regexp.MustCompile(`(?m)^Application protocol: (\S+)$`)
)

// parseH2load reads the summary that h2load prints. It is an error if what was spoken is not HTTP/2: then the
// figures would be of something else.
func parseH2load(out string) (load, error) {
	if spoken := h2loadProtocol.FindStringSubmatch(out); spoken == nil || spoken[1] != "h2" {
		return load{}, fmt.Errorf("read h2load's summary: not by h2, it says %q in %q", spoken, out)
	}
	took, requests, status := h2loadTook.FindStringSubmatch(out), h2loadRequests.FindStringSubmatch(out), h2loadStatus.FindStringSubmatch(out)
	if took == nil || requests == nil || status == nil {
		return load{}, fmt.Errorf("read h2load's summary: no totals in %q", out)
	}
	var l load
	var err error
	if l.took, err = time.ParseDuration(took[1]); err != nil {
		return load{}, fmt.Errorf("read h2load's summary: %w", err)
	}
	var answered int64
	counts := []struct {
		text string
		to   *int64
	}{{requests[1], &l.requests}, {status[1], &answered}}
	for _, c := range counts {
		if *c.to, err = strconv.ParseInt(c.text, 10, 64); err != nil {
			return load{}, fmt.Errorf("read h2load's summary: %w", err)
		}
	}
	// What is answered but not 2xx counts as succeeded there.
	l.failed = l.requests - answered
	for _, text := range requests[2:] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return load{}, fmt.Errorf("read h2load's summary: %w", err)
		}
		l.failed = max(l.failed, n)
	}
	return l, nil
}

// parseH2loadLog reads the third column of h2load's log, which is microseconds to the end of the answer.
func parseH2loadLog(log string) (histogram.Snapshot, error) {
	var latency histogram.Histogram
	for line := range strings.Lines(log) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return histogram.Snapshot{}, fmt.Errorf("read h2load's log: no latency in %q", line)
		}
		us, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return histogram.Snapshot{}, fmt.Errorf("read h2load's log: %w", err)
		}
		latency.Record(time.Duration(us) * time.Microsecond)
	}
	return latency.Snapshot(), nil
}

// measureHTTP2 is measureLoad where h2load is installed. wrk does not speak HTTP/2.
func (b *bench) measureHTTP2(ctx context.Context, sc scenario) ([]result, error) {
	if _, err := lookPath("h2load"); err != nil {
		fmt.Fprintf(b.out, "left out %s: %v (package nghttp2-client)\n", sc.name, err)
		return nil, nil
	}
	return b.measureLoad(ctx, sc)
}
