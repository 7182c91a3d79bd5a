package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/histogram"
)

// loadCommand is the first argument that turns this program into a load client. It is one of its own
// process so that it can be pinned to other cores than the balancer.
const loadCommand = "load"

// report is how the load client tells what it did.
type report struct {
	Requests int64         `json:"requests"`
	Failed   int64         `json:"failed"`
	Took     time.Duration `json:"took_ns"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
}

func parseReport(out []byte) (load, error) {
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return load{}, fmt.Errorf("read the load client's report: %w", err)
	}
	return load{requests: r.Requests, failed: r.Failed, took: r.Took, p50: r.P50, p99: r.P99}, nil
}

// loadMain is the load client.
func loadMain(ctx context.Context, args []string, out io.Writer) error {
	var c client
	flags := flag.NewFlagSet(loadCommand, flag.ContinueOnError)
	connections := flags.Int("connections", 64, "connections at a time")
	duration := flags.Duration("duration", 3*time.Second, "how long")
	flags.BoolVar(&c.closes, "close", false, "a new connection for every request")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(flags.Arg(0))
	if err != nil || target.Host == "" {
		return errors.Join(fmt.Errorf("%q is no URL with a host", flags.Arg(0)), err)
	}
	c.target = target
	l := c.send(ctx, *connections, *duration)
	return json.NewEncoder(out).Encode(report{Requests: l.requests, Failed: l.failed, Took: l.took, P50: l.p50, P99: l.p99})
}

// client asks for one target over and over, one request at a time on each connection.
type client struct {
	target *url.URL
	// closes makes a new connection for every request.
	closes  bool
	latency histogram.Histogram
}

// send makes load on some connections for a while.
func (c *client) send(ctx context.Context, connections int, duration time.Duration) load {
	var requests, failed atomic.Int64
	began := time.Now()
	deadline := began.Add(duration)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			n, err := c.sendUntil(ctx, deadline)
			requests.Add(n)
			if err != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	latency := c.latency.Snapshot()
	return load{
		requests: requests.Load() + failed.Load(), failed: failed.Load(), took: time.Since(began),
		p50: latency.Quantile(0.5), p99: latency.Quantile(0.99),
	}
}

// sendUntil uses one connection at a time until the deadline or the first failure, for one request at
// least, and counts what was answered 2xx.
func (c *client) sendUntil(ctx context.Context, deadline time.Time) (answered int64, err error) {
	for {
		n, err := c.sendOn(ctx, deadline)
		answered += n
		if err != nil || !time.Now().Before(deadline) {
			return answered, err
		}
	}
}

// sendOn makes a connection and uses it until the deadline, or once if connections close.
func (c *client) sendOn(ctx context.Context, deadline time.Time) (answered int64, err error) {
	conn, err := dial(ctx, c.target)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// An answer that is late by this much counts as failed.
	if err := conn.SetDeadline(deadline.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	request, reader := requestFor(c.target, c.closes), bufio.NewReader(conn)
	for ctx.Err() == nil {
		began := time.Now()
		if err := exchange(conn, reader, request); err != nil {
			return answered, err
		}
		c.latency.Record(time.Since(began))
		answered++
		if c.closes || !time.Now().Before(deadline) {
			return answered, nil
		}
	}
	return answered, ctx.Err()
}

func dial(ctx context.Context, target *url.URL) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", target.Host)
}

// requestFor is a GET as bytes.
func requestFor(target *url.URL, closes bool) []byte {
	request := "GET " + target.RequestURI() + " HTTP/1.1\r\nHost: " + target.Host + "\r\n"
	if closes {
		request += "Connection: close\r\n"
	}
	return []byte(request + "\r\n")
}

// exchange sends a request and reads its answer, which must be 2xx. The reader reads conn.
func exchange(conn net.Conn, reader *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}
