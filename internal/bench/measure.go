package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// target is what is measured; pid 0 has no processor time of interest.
type target struct {
	name, url string
	pid       int
}

// result is what one target did, an element per round.
type result struct {
	name      string
	perSecond []float64
	// cpu is the processor time per request, in microseconds; empty without a process.
	cpu []float64
}

// measure puts each target under load, in turns.
func measure(ctx context.Context, s settings, targets []target) ([]result, error) {
	results := make([]result, len(targets))
	// The first round fills connection pools and caches, and does not count.
	for round := range s.rounds + 1 {
		for i, t := range targets {
			duration := s.duration
			if round == 0 {
				duration = time.Second
			}
			perSecond, cpu, err := measureOnce(ctx, s, t, duration)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", t.name, err)
			}
			r := &results[i]
			r.name = t.name
			if round == 0 {
				continue
			}
			r.perSecond = append(r.perSecond, perSecond)
			if t.pid != 0 {
				r.cpu = append(r.cpu, cpu)
			}
		}
	}
	return results, nil
}

func measureOnce(ctx context.Context, s settings, t target, duration time.Duration) (perSecond, cpu float64, err error) {
	var before, after time.Duration
	if t.pid != 0 {
		if before, err = cpuTime(t.pid); err != nil {
			return 0, 0, err
		}
	}
	l, err := makeLoad(ctx, s, t.url, duration)
	if err != nil {
		return 0, 0, err
	}
	if t.pid != 0 {
		if after, err = cpuTime(t.pid); err != nil {
			return 0, 0, err
		}
	}
	if l.requests == 0 || l.failed > 0 {
		return 0, 0, fmt.Errorf("%d of %d requests failed", l.failed, l.requests)
	}
	micros := float64((after - before).Nanoseconds()) / 1000
	return float64(l.requests) / l.took.Seconds(), micros / float64(l.requests), nil
}

// tick is the unit of /proc's processor times: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpuTime is what a process used so far, user and system, all threads.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the processor time of a balancer: %w", err)
	}
	return parseStat(string(stat))
}

// parseStat reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The second field is the name
// in parentheses and may hold anything, so count from its end.
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, errors.New("read /proc stat: too few fields")
	}
	user, userErr := strconv.ParseInt(fields[utime], 10, 64)
	system, systemErr := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(userErr, systemErr)
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func printTable(out io.Writer, results []result) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\trequests/s\tlowest\thighest\tCPU us/request\tlowest\thighest\t")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.0f\t", r.name, median(r.perSecond), slices.Min(r.perSecond), slices.Max(r.perSecond))
		if len(r.cpu) > 0 {
			fmt.Fprintf(table, "%.1f\t%.1f\t%.1f\t", median(r.cpu), slices.Min(r.cpu), slices.Max(r.cpu))
		} else {
			fmt.Fprint(table, "\t\t\t")
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
