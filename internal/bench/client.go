package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
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
	// Slow is how many answers were from the slow backend.
	Slow int64 `json:"slow"`
}

func parseReport(out []byte) (load, error) {
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return load{}, fmt.Errorf("read the load client's report: %w", err)
	}
	return load{requests: r.Requests, failed: r.Failed, took: r.Took, p50: r.P50, p99: r.P99, slow: r.Slow}, nil
}

// loadMain is the load client.
func loadMain(ctx context.Context, args []string, out io.Writer) error {
	var c client
	flags := flag.NewFlagSet(loadCommand, flag.ContinueOnError)
	connections := flags.Int("connections", 64, "connections at a time")
	duration := flags.Duration("duration", 3*time.Second, "how long")
	flags.BoolVar(&c.closes, "close", false, "a new connection for every request")
	flags.IntVar(&c.rate, "rate", 0, "requests per second, however long answers take; 0: one at a time on each connection")
	flags.Func("header", "a field to send, as Name: value; may be repeated", func(field string) error {
		c.headers = append(c.headers, field)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(flags.Arg(0))
	if err != nil || target.Host == "" {
		return errors.Join(fmt.Errorf("%q is no URL with a host", flags.Arg(0)), err)
	}
	if c.rate < 0 || c.rate > 0 && c.closes {
		return errors.New("a rate must not be negative, and keeps connections")
	}
	c.target = target
	l := c.send(ctx, *connections, *duration)
	return json.NewEncoder(out).Encode(report{Requests: l.requests, Failed: l.failed, Took: l.took, P50: l.p50, P99: l.p99, Slow: l.slow})
}

// client asks for one target over and over, one request at a time on each connection.
type client struct {
	target *url.URL
	// headers are sent with each request, as "Name: value".
	headers []string
	// closes makes a new connection for every request.
	closes bool
	// rate is how many requests begin per second; 0 is as many as are answered.
	rate    int
	latency histogram.Histogram
	// slow counts what the slow backend answered.
	slow atomic.Int64
	// request is all that is sent, each time the same.
	request []byte
}

// send makes load on some connections for a while.
func (c *client) send(ctx context.Context, connections int, duration time.Duration) load {
	c.request = requestFor(c.target, c.closes, c.headers)
	var requests, failed atomic.Int64
	began := time.Now()
	deadline := began.Add(duration)
	send := c.sendUntil
	if c.rate > 0 {
		s := newSchedule(began, c.rate, duration)
		send = func(ctx context.Context, deadline time.Time) (int64, error) { return c.sendScheduled(ctx, s, deadline) }
	}
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			n, err := send(ctx, deadline)
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
		p50: latency.Quantile(0.5), p99: latency.Quantile(0.99), slow: c.slow.Load(),
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
	conn, err := c.open(ctx, deadline)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for ctx.Err() == nil {
		if err := c.exchangeFrom(time.Now(), conn, reader); err != nil {
			return answered, err
		}
		answered++
		if c.closes || !time.Now().Before(deadline) {
			return answered, nil
		}
	}
	return answered, ctx.Err()
}

// open makes a connection. An answer that is later than the deadline by ten seconds counts as failed.
func (c *client) open(ctx context.Context, deadline time.Time) (net.Conn, error) {
	conn, err := dial(ctx, c.target)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline.Add(10 * time.Second)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// exchangeFrom sends the request once and notes its latency from began on. The reader reads conn.
func (c *client) exchangeFrom(began time.Time, conn net.Conn, reader *bufio.Reader) error {
	fields, err := exchange(conn, reader, c.request)
	if err != nil {
		return err
	}
	c.latency.Record(time.Since(began))
	if fields.Get("Server") == slowName {
		c.slow.Add(1)
	}
	return nil
}

// dial makes a connection, with TLS where the target says so.
func dial(ctx context.Context, target *url.URL) (net.Conn, error) {
	if target.Scheme == "https" {
		dialer := tls.Dialer{Config: clientTLS()}
		return dialer.DialContext(ctx, "tcp", target.Host)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", target.Host)
}

// requestFor is a GET as bytes. A field Host is sent in place of the target's.
func requestFor(target *url.URL, closes bool, headers []string) []byte {
	host := target.Host
	var fields strings.Builder
	for _, field := range headers {
		if value, ok := strings.CutPrefix(field, "Host: "); ok {
			host = value
			continue
		}
		fields.WriteString(field + "\r\n")
	}
	if closes {
		fields.WriteString("Connection: close\r\n")
	}
	return []byte("GET " + target.RequestURI() + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields.String() + "\r\n")
}

// exchange sends a request and reads its answer, which must be 2xx, and returns its fields. The reader reads conn.
func exchange(conn net.Conn, reader *bufio.Reader, request []byte) (http.Header, error) {
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("answered %s", response.Status)
	}
	return response.Header, nil
}
