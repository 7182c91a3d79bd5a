package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// spareFiles are those that a process needs beside its clients' connections: listeners, backends, logs.
const spareFiles = 500

// fit returns how many connections one process can hold, and says so if it is fewer than asked for.
func fit(connections, fileLimit int) (fits int, notice string) {
	fits = min(connections, fileLimit-spareFiles)
	if fits == connections {
		return fits, ""
	}
	return fits, fmt.Sprintf("a process may open %d files here, too few for %d connections: measured with %d", fileLimit, connections, fits)
}

// measureIdle opens connections to each subject, in turns. Each turn has a process of its own, for one
// that served other load before would have memory to spare.
func (b *bench) measureIdle(ctx context.Context, sc scenario) ([]result, error) {
	var kinds []kind
	var results []result
	for _, k := range balancers {
		if b.running[k.name] != nil && sc.has(k.name) {
			kinds, results = append(kinds, k), append(results, result{Name: k.name})
		}
	}
	for range b.settings.rounds {
		for i, k := range kinds {
			fresh, err := k.prepare(ctx, b.site)
			if err != nil {
				return nil, err
			}
			fresh.name = k.name
			growth, err := idleGrowth(ctx, fresh, sc)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", k.name, err)
			}
			results[i].Rounds = append(results[i].Rounds, sample{rss: growth / 1024 / float64(sc.connections)})
		}
	}
	return results, nil
}

// idleGrowth is how many bytes of memory a balancer has more when its connections are open than before.
func idleGrowth(ctx context.Context, b *balancer, sc scenario) (float64, error) {
	if err := b.start(ctx); err != nil {
		return 0, err
	}
	defer b.stop()
	before, err := settledRSS(ctx, b.pid())
	if err != nil {
		return 0, err
	}
	conns, err := openIdle(ctx, b.url(sc.bytes), sc.connections)
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	after, err := settledRSS(ctx, b.pid())
	if err != nil {
		return 0, err
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.pid())); err != nil || len(open) < len(conns) {
		return 0, errors.Join(fmt.Errorf("of %d connections it holds %d or fewer", len(conns), len(open)), err)
	}
	return float64(after - before), nil
}

// openIdle opens connections, serves one request on each and leaves them open; the caller closes them,
// also after an error.
func openIdle(ctx context.Context, target string, connections int) ([]net.Conn, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	request := requestFor(to, false)
	conns, errs := make([]net.Conn, connections), make([]error, 64)
	var next atomic.Int64
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			reader := bufio.NewReader(nil)
			for i := next.Add(1) - 1; i < int64(connections) && errs[w] == nil; i = next.Add(1) - 1 {
				conns[i], errs[w] = openOne(ctx, to, request, reader)
			}
		})
	}
	workers.Wait()
	opened := conns[:0]
	for _, conn := range conns {
		if conn != nil {
			opened = append(opened, conn)
		}
	}
	return opened, errors.Join(errs...)
}

// openOne returns nil, not a closed connection, after an error.
func openOne(ctx context.Context, to *url.URL, request []byte, reader *bufio.Reader) (net.Conn, error) {
	conn, err := dial(ctx, to)
	if err != nil {
		return nil, err
	}
	reader.Reset(conn)
	err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err = errors.Join(err, exchange(conn, reader, request)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// settledRSS is the resident memory of a process in bytes, when it has stopped to change: when two
// readings in a row are within a percent, which takes ten seconds at most.
func settledRSS(ctx context.Context, pid int) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last int64
	for {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, fmt.Errorf("read a balancer's memory: %w", err)
		}
		now, err := parseRSS(string(rollup))
		if err != nil || max(now-last, last-now) <= now/100 {
			return now, err
		}
		last = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for a balancer's memory to settle: %w", ctx.Err())
		}
	}
}

// parseRSS reads the resident memory from /proc/PID/smaps_rollup, which is exact where the figure in
// status may lag; see proc_pid_smaps(5).
func parseRSS(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Rss:" && fields[2] == "kB" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read smaps_rollup: %w", err)
			}
			return kb * 1024, nil
		}
	}
	return 0, errors.New("read smaps_rollup: no Rss")
}
