//go:build docker

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTraffic asks the traffic listener of one Ballast for many pools of real containers. A pool serves the host of
// its name, below .example, unless its labels say otherwise.
func TestTraffic(t *testing.T) {
	h := newHost(t)
	for _, story := range []struct {
		name string
		tell func(*host)
	}{
		{"routes_by_host_and_path", (*host).testRoutes},
		{"refuses_a_route_that_is_taken", (*host).testConflict},
		{"speaks_h2c_to_backends", (*host).testH2C},
		{"ejects_who_fails", (*host).testEjects},
		{"tries_who_was_ejected", (*host).testHalfOpen},
		{"panics_when_all_are_unhealthy", (*host).testPanic},
		{"connects_elsewhere", (*host).testConnectsElsewhere},
		{"limits_retries", (*host).testRetryBudget},
		{"holds_what_is_too_much", (*host).testHolds},
		{"refuses_when_the_queue_is_full", (*host).testQueueFull},
		{"gives_up_on_waiting", (*host).testQueueTimeout},
		{"limits_rates", (*host).testRateLimit},
		{"keeps_tenants_by_maglev", (*host).testMaglev},
		{"keeps_sessions", (*host).testSessions},
		{"avoids_the_slow_by_peak_ewma", (*host).testPeakEWMA},
		{"starts_slowly", (*host).testSlowStart},
		{"scales_by_processor_use", (*host).testScalesByCPU},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(h.with(t)) })
	}
}

// host is a Ballast on the host, with the mock backends that a test starts.
type host struct {
	*stack
	log *process
	// instance is its name, if the test gave it one.
	instance string
	listen   string // host:port of the traffic listener.
	client   *http.Client
}

func newHost(t *testing.T) *host {
	t.Helper()
	return hostOf(t, onBridge(t))
}

// hostOf starts a Ballast for a stack, with more flags.
func hostOf(t *testing.T, s *stack, flags ...string) *host {
	t.Helper()
	h := &host{stack: s, log: s.onHost(flags...), client: &http.Client{Transport: &http.Transport{}}}
	_, port, err := net.SplitHostPort(h.log.admin)
	if err != nil {
		t.Fatal(err)
	}
	if s.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	h.listen = h.log.traffic
	return h
}

// with is the host for a subtest.
func (h *host) with(t *testing.T) *host {
	c := *h
	c.stack = h.stack.with(t)
	return &c
}

// labels and env are a container's.
type (
	labels map[string]string
	env    map[string]string
)

// members runs a container for each suffix in a pool, and waits until all are ready.
func (h *host) members(of string, l labels, e env, suffixes ...string) (names []string) {
	h.t.Helper()
	for _, s := range suffixes {
		names = append(names, h.member(of, s, l, e))
	}
	h.waitPool(of, "all are ready", 10*time.Second, func(p pool) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return p.state(name) != "ready" })
	})
	return names
}

// member runs a container in a pool; an empty label is none.
func (h *host) member(pool, suffix string, l labels, e env) string {
	h.t.Helper()
	all := labels{"pool": pool, "host": pool + ".example"}
	maps.Copy(all, l)
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	var more []string
	for k, v := range e {
		more = append(more, "-e", k+"="+v)
	}
	return h.join(pool+"-"+suffix, all, append(more, h.mock)...)
}

// reply is what a request was answered.
type reply struct {
	status int
	header http.Header
	body   []byte
	// at is when it was asked, took how long the answer took.
	at   time.Time
	took time.Duration
	said said
}

// said is what the mock backend says of itself and of the request; empty if it was not it that answered.
type said struct {
	Container, Proto, Path, Query, Body string
	InFlight                            int `json:"in_flight"`
}

func (r reply) slug() string { return r.header.Get("X-Ballast-Error") }

// request is what is asked of the traffic listener: a host and path, a body, and fields in pairs.
type request struct {
	target, method, body string
	fields               []string
}

// try is for goroutines, which must not end the test.
func (h *host) try(client *http.Client, q request) (reply, error) {
	name, path, _ := strings.Cut(q.target, "/")
	req, err := http.NewRequestWithContext(h.t.Context(), q.method, "http://"+h.listen+"/"+path, strings.NewReader(q.body))
	if err != nil {
		return reply{}, err
	}
	req.Host = name
	for i := 0; i < len(q.fields); i += 2 {
		req.Header.Set(q.fields[i], q.fields[i+1])
	}
	r := reply{at: time.Now()}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return reply{}, fmt.Errorf("read %s: %w", q.target, err)
	}
	r.took, r.status, r.header = time.Since(r.at), resp.StatusCode, resp.Header
	if r.header.Get("X-Ballast-Error") == "" {
		_ = json.Unmarshal(r.body, &r.said) // What is no JSON says nothing.
	}
	return r, nil
}

func (h *host) get(target string, fields ...string) reply {
	h.t.Helper()
	r, err := h.try(h.client, request{target: target, fields: fields})
	if err != nil {
		h.t.Fatalf("GET %s: %v", target, err)
	}
	return r
}

// atOnce asks n times at once.
func (h *host) atOnce(n int, target string) []reply {
	h.t.Helper()
	replies, errs := make([]reply, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { replies[i], errs[i] = h.try(h.client, request{target: target}) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			h.t.Fatalf("GET %s: %v", target, err)
		}
	}
	return replies
}

// prometheus fails the test if /prometheus lacks one of the lines.
func (h *host) prometheus(lines ...string) {
	h.t.Helper()
	_, body := h.fetch(http.DefaultClient, "/prometheus")
	all := strings.Split(string(body), "\n")
	for _, l := range lines {
		if !slices.Contains(all, l) {
			h.t.Errorf("GET /prometheus lacks %q", l)
		}
	}
}
