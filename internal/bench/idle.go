package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
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
	kinds, results := b.installed(sc)
	for range b.settings.rounds {
		for i, k := range kinds {
			fresh, err := k.make(ctx, b.site)
			if err != nil {
				return nil, err
			}
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
	defer b.Stop()
	before, err := child.SettledRSS(ctx, b.PID())
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
	after, err := child.SettledRSS(ctx, b.PID())
	if err != nil {
		return 0, err
	}
	if open, err := child.Files(b.PID()); err != nil || open < len(conns) {
		return 0, errors.Join(fmt.Errorf("of %d connections it holds %d or fewer", len(conns), open), err)
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
	request := requestFor(to, false, nil)
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
	if err == nil {
		_, err = exchange(conn, reader, request)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
