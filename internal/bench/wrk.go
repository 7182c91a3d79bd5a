package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// wrkArgs are wrk's arguments for an order.
func wrkArgs(o loadOrder) []string {
	args := []string{
		"--threads", "1", "--latency", "--connections", strconv.Itoa(o.connections),
		"--duration", fmt.Sprintf("%.0fs", o.duration.Seconds()),
	}
	if o.closes {
		args = append(args, "--header", "Connection: close")
	}
	for _, h := range o.headers {
		args = append(args, "--header", h)
	}
	return append(args, o.url)
}

var (
	wrkTotal  = regexp.MustCompile(`(\d+) requests in ([0-9.]+(?:us|ms|s|m|h)),`)
	wrkSocket = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	wrkP50    = regexp.MustCompile(`(?m)^\s+50%\s+([0-9.]+(?:us|ms|s|m|h))$`)
	wrkP99    = regexp.MustCompile(`(?m)^\s+99%\s+([0-9.]+(?:us|ms|s|m|h))$`)
)

// parseWrk reads the summary that wrk prints.
func parseWrk(out string) (load, error) {
	total := wrkTotal.FindStringSubmatch(out)
	if total == nil {
		return load{}, fmt.Errorf("read wrk's summary: no total in %q", out)
	}
	requests, err := strconv.ParseInt(total[1], 10, 64)
	if err != nil {
		return load{}, fmt.Errorf("read wrk's summary: %w", err)
	}
	l := load{requests: requests}
	if l.took, err = time.ParseDuration(total[2]); err != nil {
		return load{}, fmt.Errorf("read wrk's summary: %w", err)
	}
	for re, to := range map[*regexp.Regexp]*time.Duration{wrkP50: &l.p50, wrkP99: &l.p99} {
		match := re.FindStringSubmatch(out)
		if match == nil {
			return load{}, fmt.Errorf("read wrk's summary: no percentiles in %q", out)
		}
		if *to, err = time.ParseDuration(match[1]); err != nil {
			return load{}, fmt.Errorf("read wrk's summary: %w", err)
		}
	}
	l.failed, err = wrkFailures(out)
	return l, err
}

// wrkFailures adds up all kinds of failures that the summary tells of.
func wrkFailures(out string) (failed int64, err error) {
	for _, re := range []*regexp.Regexp{wrkSocket, wrkStatus} {
		for _, match := range re.FindAllStringSubmatch(out, -1) {
			for _, count := range match[1:] {
				n, err := strconv.ParseInt(count, 10, 64)
				if err != nil {
					return 0, fmt.Errorf("read wrk's summary: %w", err)
				}
				failed += n
			}
		}
	}
	return failed, nil
}
