package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/histogram"
)

const (
	// workers is how many requests the good clients have under way at most: far more than they need.
	workers = 64
	// perConnection is how many requests a good client makes on a connection: some have to be accepted all the time.
	perConnection = 50
	patience      = 10 * time.Second
)

// lane is a way to the backend.
type lane struct{ address, target string }

// clients are the good ones. They make requests at a steady rate, however slow the answers are: what could not be sent
// when it was due, because all others still waited, is counted from then on.
type clients struct {
	lane

	rate int
	// next numbers the requests, from 0.
	next    atomic.Int64
	failed  atomic.Int64
	latency histogram.Histogram
	// first is why the first one failed.
	first atomic.Pointer[error]
}

// served is how the good clients fared.
type served struct {
	latency histogram.Snapshot
	failed  int64
	why     error
}

func (s served) p50() time.Duration { return s.latency.Quantile(0.5) }
func (s served) p99() time.Duration { return s.latency.Quantile(0.99) }

// and is how they fared here and there.
func (s served) and(other served) served {
	return served{s.latency.Merge(other.latency), s.failed + other.failed, errors.Join(s.why, other.why)}
}

// serve makes requests until ctx ends, and waits for the last answers.
func (c *clients) serve(ctx context.Context) served {
	began := time.Now()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for c.work(ctx, began) {
			}
		})
	}
	all.Wait()
	s := served{latency: c.latency.Snapshot(), failed: c.failed.Load()}
	if first := c.first.Load(); first != nil {
		s.why = *first
	}
	return s
}

// work makes the requests of one connection. It is false when ctx has ended.
func (c *clients) work(ctx context.Context, began time.Time) bool {
	var conn net.Conn
	reader := bufio.NewReader(nil)
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for range perConnection {
		due := began.Add(time.Duration(c.next.Add(1)-1) * time.Second / time.Duration(c.rate))
		if wait := time.Until(due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
				due = time.Now() // Timers are late by up to a millisecond, which is not Ballast's fault.
			case <-ctx.Done():
				timer.Stop()
				return false
			}
		}
		if ctx.Err() != nil {
			return false
		}
		var err error
		if conn, err = c.exchange(context.WithoutCancel(ctx), conn, reader); err != nil {
			err = fmt.Errorf("%s: %w", time.Since(due), err)
			c.first.CompareAndSwap(nil, &err)
			c.failed.Add(1)
			return true
		}
		c.latency.Record(time.Since(due))
	}
	return true
}

// exchange makes one request, on a connection that it makes if there is none.
func (c *clients) exchange(ctx context.Context, conn net.Conn, reader *bufio.Reader) (net.Conn, error) {
	if conn == nil {
		var err error
		dialer := net.Dialer{Timeout: patience}
		if conn, err = dialer.DialContext(ctx, "tcp", c.address); err != nil {
			return nil, err
		}
		reader.Reset(conn)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return conn, err
	}
	if _, err := io.WriteString(conn, "GET "+c.target+" HTTP/1.1\r\nHost: "+c.address+"\r\n\r\n"); err != nil {
		return conn, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return conn, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("answered %s", response.Status))
	}
	return conn, errors.Join(err, response.Body.Close())
}
