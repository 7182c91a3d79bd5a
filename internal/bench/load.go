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
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// loadCommand is the first argument that turns this program into a load client. It is one of its own
// process so that it can be pinned to other cores than the balancer.
const loadCommand = "load"

// load is what a load client did.
type load struct {
	requests, failed int64
	took             time.Duration
}

// makeLoad sends requests to target for a while, with wrk where it is installed.
func makeLoad(ctx context.Context, s settings, target string, duration time.Duration) (load, error) {
	args := []string{"--cpu-list", otherCores()}
	_, err := exec.LookPath("wrk")
	wrk := err == nil && !s.builtin
	if wrk {
		args = append(args, "wrk", "--threads", "1", "--connections", strconv.Itoa(s.connections),
			"--duration", fmt.Sprintf("%.0fs", duration.Seconds()), target)
	} else {
		self, err := os.Executable()
		if err != nil {
			return load{}, fmt.Errorf("find this program: %w", err)
		}
		args = append(args, self, loadCommand, "-connections", strconv.Itoa(s.connections), "-duration", duration.String(), target)
	}
	out, err := exec.CommandContext(ctx, "taskset", args...).Output()
	if err != nil {
		return load{}, fmt.Errorf("make load: %w: %s", err, out)
	}
	if wrk {
		return parseWrk(string(out))
	}
	return parseReport(out)
}

var (
	wrkTotal  = regexp.MustCompile(`(\d+) requests in ([0-9.]+(?:us|ms|s|m|h)),`)
	wrkSocket = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// parseWrk reads the summary that wrk prints.
func parseWrk(out string) (load, error) {
	total := wrkTotal.FindStringSubmatch(out)
	if total == nil {
		return load{}, fmt.Errorf("read wrk's summary: no total in %q", out)
	}
	took, err := time.ParseDuration(total[2])
	if err != nil {
		return load{}, fmt.Errorf("read wrk's summary: %w", err)
	}
	l := load{took: took}
	if l.requests, err = strconv.ParseInt(total[1], 10, 64); err != nil {
		return load{}, fmt.Errorf("read wrk's summary: %w", err)
	}
	for _, re := range []*regexp.Regexp{wrkSocket, wrkStatus} {
		for _, match := range re.FindAllStringSubmatch(out, -1) {
			for _, count := range match[1:] {
				n, err := strconv.ParseInt(count, 10, 64)
				if err != nil {
					return load{}, fmt.Errorf("read wrk's summary: %w", err)
				}
				l.failed += n
			}
		}
	}
	return l, nil
}

// report is how the load client tells what it did.
type report struct {
	Requests int64         `json:"requests"`
	Failed   int64         `json:"failed"`
	Took     time.Duration `json:"took_ns"`
}

func parseReport(out []byte) (load, error) {
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return load{}, fmt.Errorf("read the load client's report: %w", err)
	}
	return load{requests: r.Requests, failed: r.Failed, took: r.Took}, nil
}

// loadMain is the load client.
func loadMain(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet(loadCommand, flag.ContinueOnError)
	connections := flags.Int("connections", 64, "connections that stay open")
	duration := flags.Duration("duration", 3*time.Second, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(flags.Arg(0))
	if err != nil || target.Host == "" {
		return errors.Join(fmt.Errorf("%q is no URL with a host", flags.Arg(0)), err)
	}
	l := send(ctx, target, *connections, *duration)
	return json.NewEncoder(out).Encode(report{Requests: l.requests, Failed: l.failed, Took: l.took})
}

// send asks for target over and over, one request at a time on each connection.
func send(ctx context.Context, target *url.URL, connections int, duration time.Duration) load {
	var requests, failed atomic.Int64
	began := time.Now()
	deadline := began.Add(duration)
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			n, err := sendOn(ctx, target, deadline)
			requests.Add(n)
			if err != nil {
				failed.Add(1)
			}
		})
	}
	clients.Wait()
	return load{requests: requests.Load() + failed.Load(), failed: failed.Load(), took: time.Since(began)}
}

// sendOn uses one connection until the deadline or the first failure, and counts what was answered 2xx.
func sendOn(ctx context.Context, target *url.URL, deadline time.Time) (answered int64, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", target.Host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// An answer that is late by this much counts as failed.
	if err := conn.SetDeadline(deadline.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	request := []byte("GET " + target.RequestURI() + " HTTP/1.1\r\nHost: " + target.Host + "\r\n\r\n")
	reader := bufio.NewReader(conn)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if _, err := conn.Write(request); err != nil {
			return answered, err
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answered, err
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return answered, err
		}
		if response.StatusCode/100 != 2 {
			return answered, fmt.Errorf("answered %s", response.Status)
		}
		answered++
	}
	return answered, ctx.Err()
}
