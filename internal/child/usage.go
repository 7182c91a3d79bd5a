package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Files is how many descriptors a process has open.
func Files(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's descriptors: %w", err)
	}
	return len(open), nil
}

// PeakRSS is the most resident memory that a process ever had, in bytes; see proc_pid_status(5).
func PeakRSS(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's memory: %w", err)
	}
	return parseKB(string(status), "VmHWM:")
}

// SettledRSS is the resident memory of a process in bytes, when it has stopped to change: when two
// readings in a row are within a percent, which takes ten seconds at most.
func SettledRSS(ctx context.Context, pid int) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last int64
	for {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, fmt.Errorf("read a process's memory: %w", err)
		}
		now, err := parseKB(string(rollup), "Rss:")
		if err != nil || max(now-last, last-now) <= now/100 {
			return now, err
		}
		last = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for a process's memory to settle: %w", ctx.Err())
		}
	}
}

// parseKB reads an amount of memory from what the kernel tells of a process. The figures in smaps_rollup are exact where
// those in status may lag; see proc_pid_smaps(5).
func parseKB(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == key && fields[2] == "kB" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read a process's memory: %w", err)
			}
			return kb * 1024, nil
		}
	}
	return 0, errors.New("read a process's memory: no " + key)
}
