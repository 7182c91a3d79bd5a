package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/ballast-lb/ballast/engine"
)

// Stats yields a running container's resource use about once a second.
func (e *Engine) Stats(ctx context.Context, id string) iter.Seq2[engine.Stats, error] {
	return func(yield func(engine.Stats, error) bool) {
		if err := e.stats(ctx, id, yield); err != nil {
			yield(engine.Stats{}, wrap(ctx, "read statistics of container "+id, err))
		}
	}
}

// stats returns nil when the caller has had enough, and when the container stopped.
func (e *Engine) stats(ctx context.Context, id string, yield func(engine.Stats, error) bool) error {
	c, err := e.inspect(ctx, id)
	if err != nil {
		return err
	}
	if !c.State.Running {
		return nil
	}
	body, stop, err := e.openStats(ctx, id)
	if err != nil {
		return err
	}
	defer stop()
	samples := json.NewDecoder(body)
	for {
		var sample container.StatsResponse
		err := samples.Decode(&sample)
		if errors.Is(err, io.EOF) && e.gone(ctx, id) {
			return nil
		}
		if err != nil {
			return err
		}
		// Docker goes on sending blanks for a container that does not run.
		if sample.Read.IsZero() {
			return nil
		}
		if !yield(toStats(sample, limitedCores(c.HostConfig.Resources)), nil) {
			return nil
		}
	}
}

// openStats returns the stream and what ends it.
func (e *Engine) openStats(ctx context.Context, id string) (io.Reader, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(e.limits.call, func() { cancel(errStalled) })
	reader, err := e.conn.Load().ContainerStats(ctx, id, true)
	if err != nil {
		late.Stop()
		err = stalled(ctx, err)
		cancel(nil)
		return nil, nil, err
	}
	late.Stop()
	return reader.Body, func() {
		cancel(nil)
		_ = reader.Body.Close()
	}, nil
}

// gone tells whether a container does not run any more.
func (e *Engine) gone(ctx context.Context, id string) bool {
	c, err := e.Inspect(ctx, id)
	if err != nil {
		return errors.Is(err, engine.ErrNotFound)
	}
	return c.State != engine.StateRunning && c.State != engine.StatePaused
}

// toStats converts a sample; cores is the container's limit, 0 if it has none.
func toStats(sample container.StatsResponse, cores float64) engine.Stats {
	if cores == 0 {
		cores = float64(sample.CPUStats.OnlineCPUs)
	}
	return engine.Stats{
		Time:        sample.Read,
		CPU:         time.Duration(sample.CPUStats.CPUUsage.TotalUsage),
		Cores:       cores,
		Memory:      usedMemory(sample.MemoryStats),
		MemoryLimit: sample.MemoryStats.Limit,
	}
}

// usedMemory leaves out the page cache that the kernel would give up first, as docker stats does.
func usedMemory(m container.MemoryStats) uint64 {
	// cgroup version 1 has both names, and only total_inactive_file includes the children's.
	inactive, ok := m.Stats["total_inactive_file"]
	if !ok {
		inactive = m.Stats["inactive_file"]
	}
	if inactive > m.Usage {
		return m.Usage
	}
	return m.Usage - inactive
}

// limitedCores returns how many processors a container may use by its limits, 0 for all.
func limitedCores(r container.Resources) float64 {
	const defaultPeriod = 100_000
	switch {
	case r.NanoCPUs > 0:
		return float64(r.NanoCPUs) / 1e9
	case r.CPUQuota > 0 && r.CPUPeriod > 0:
		return float64(r.CPUQuota) / float64(r.CPUPeriod)
	case r.CPUQuota > 0:
		return float64(r.CPUQuota) / defaultPeriod
	}
	return float64(countCPUs(r.CpusetCpus))
}

// countCPUs counts a set like "0-2,7"; 0 if it cannot be read.
func countCPUs(set string) int {
	n := 0
	for part := range strings.SplitSeq(set, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			return 0
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(to); err != nil || last < first {
				return 0
			}
		}
		n += last - first + 1
	}
	return n
}
