//go:build docker

package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// testEjects is case 19: one backend answers 500 at once.
func (h *host) testEjects() {
	const requests, limit = 60, 5
	sick := h.member("sick", "1", nil, env{"MOCK_FAILURE_RATE": "1"})
	others := h.members("sick", nil, nil, "2", "3")
	h.waitPool("sick", "all are ready", 10*time.Second, func(p pool) bool { return p.Replicas.Ready == 3 })
	failed, got := 0, map[string]int{}
	for range requests {
		r := h.get("sick.example/")
		switch r.status {
		case http.StatusOK:
			got[r.said.Container]++
		case http.StatusInternalServerError:
			failed++
		default:
			h.t.Errorf("GET sick.example/ = %d, %q", r.status, r.slug())
		}
	}
	if failed != limit {
		h.t.Errorf("%d of %d requests failed, want %d until the backend is ejected", failed, requests, limit)
	}
	for _, name := range others {
		if n := got[name]; n < requests/3 {
			h.t.Errorf("%s answered %d of %d, want at least %d", name, n, requests, requests/3)
		}
	}
	b := h.poolNamed("sick").backend(sick)
	if b.State != "ejected" || !strings.Contains(b.Reason, "5 requests in a row failed") {
		h.t.Errorf("%s is %s: %q, want it ejected for 5 failures", sick, b.State, b.Reason)
	}
	if left := time.Until(b.Breaker.Until); b.Breaker.State != "open" || b.Breaker.Ejections != 1 || left <= 0 || left > 30*time.Second {
		h.t.Errorf("its breaker is %+v, want it open for at most 30s after 1 ejection", b.Breaker)
	}
	h.prometheus(
		fmt.Sprintf(`loadbalancer_ejections_total{backend=%q,pool="sick"} 1`, sick),
		fmt.Sprintf(`loadbalancer_breaker_state{backend=%q,pool="sick"} 2`, sick),
		fmt.Sprintf(`loadbalancer_breaker_state{backend=%q,pool="sick"} 0`, others[0]),
		fmt.Sprintf(`loadbalancer_backend_up{backend=%q,pool="sick"} 0`, sick),
		`loadbalancer_pool_backends{pool="sick",state="ejected"} 1`,
		`loadbalancer_pool_backends{pool="sick",state="ready"} 2`,
	)
}

// testHalfOpen lets an active check end ejections: the first trial fails, the second succeeds.
func (h *host) testHalfOpen() {
	check := labels{"health.path": "/health", "health.interval": "2s"}
	sick := h.member("trial", "1", check, env{"MOCK_FAILURE_RATE": "1"}) // It fails at /, and at nothing else.
	h.members("trial", check, nil, "2")
	h.waitPool("trial", "both are ready", 10*time.Second, func(p pool) bool { return p.Replicas.Ready == 2 })
	times := 0 // It may be tried again before it is looked at.
	ejected := func() {
		h.t.Helper()
		before := times
		h.waitPool("trial", sick+" is ejected", 5*time.Second, func(pool) bool {
			h.get("trial.example/")
			b := h.poolNamed("trial").backend(sick)
			times = b.Breaker.Ejections
			return b.State == "ejected" && times > before
		})
	}
	trusted := func(breaker string, number int) {
		h.t.Helper()
		h.waitPool("trial", sick+" has a breaker that is "+breaker, 5*time.Second, func(p pool) bool {
			b := p.backend(sick)
			return b.State == "ready" && b.Breaker.State == breaker
		})
		h.prometheus(fmt.Sprintf(`loadbalancer_breaker_state{backend=%q,pool="trial"} %d`, sick, number))
	}
	ejected()
	trusted("half-open", 1)
	failures := func() (n int) {
		for range 4 {
			if r := h.get("trial.example/"); r.status != http.StatusOK {
				n++
			}
		}
		return n
	}
	if n := failures(); n != 1 {
		h.t.Errorf("%d of 4 requests failed, want one to end the trial", n)
	}
	ejected()
	trusted("half-open", 1)
	for range 4 {
		if r := h.get("trial.example/echo"); r.status != http.StatusOK {
			h.t.Errorf("GET trial.example/echo = %d, want 200", r.status)
		}
	}
	trusted("closed", 0)
	h.prometheus(fmt.Sprintf(`loadbalancer_ejections_total{backend=%q,pool="trial"} %d`, sick, times))
}

// testPanic is case 20: all active checks fail.
func (h *host) testPanic() {
	check := labels{"health.path": "/health", "health.interval": "200ms", "health.fall": "2"}
	names := h.members("panic", check, nil, "b", "c")
	// The lowest name that sets a pool's label wins, so with this container all checks fail.
	check["health.path"] = "/fail"
	lowest := h.member("panic", "a", check, nil)
	h.waitPool("panic", "it panics", 10*time.Second, func(p pool) bool {
		return p.Panic && p.state(names[0]) == "unhealthy" && p.state(names[1]) == "unhealthy"
	})
	got := map[string]int{}
	for range 20 {
		r := h.get("panic.example/")
		if r.status != http.StatusOK {
			h.t.Errorf("GET panic.example/ = %d, %q, want 200", r.status, r.slug())
		}
		got[r.said.Container]++
	}
	if got[names[0]] != 10 || got[names[1]] != 10 {
		h.t.Errorf("answers of 20 = %v, want 10 of each that was healthy once, and none of %s", got, lowest)
	}
	h.prometheus(`loadbalancer_pool_panic{pool="panic"} 1`)
	h.log.find(h.t, "that it panics", func(l logLine) bool {
		return l.Pool == "panic" && strings.Contains(l.Message, "fewer than half of the backends are available")
	})
	h.docker("rm", "-f", lowest)
	h.waitPool("panic", "it does not panic any more", 10*time.Second, func(p pool) bool {
		return !p.Panic && p.state(names[0]) == "ready" && p.state(names[1]) == "ready"
	})
	h.prometheus(`loadbalancer_pool_panic{pool="panic"} 0`)
}

// deafen closes the port of a container that goes on running.
func (h *host) deafen(pool, name string) {
	h.t.Helper()
	resp, err := http.Get("http://" + h.poolNamed(pool).backend(name).Address + "/deaf")
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		h.t.Fatalf("GET /deaf of %s = %s, want 202", name, resp.Status)
	}
}

// testConnectsElsewhere is case 12: a POST whose backend can't be connected to.
func (h *host) testConnectsElsewhere() {
	names := h.members("elsewhere", labels{"health.interval": "1h"}, nil, "1", "2")
	h.deafen("elsewhere", names[0])
	for i := range 40 {
		body := rand.Text() + strings.Repeat(fmt.Sprint(i), 10<<10)
		r, err := h.try(h.client, request{target: "elsewhere.example/echo", method: http.MethodPost, body: body})
		if err != nil || r.status != http.StatusOK || r.said.Container != names[1] {
			h.t.Fatalf("POST %d = %d, %v of %q, want 200 of %s", i, r.status, err, r.said.Container, names[1])
		}
		if r.said.Body != body {
			h.t.Errorf("POST %d: the body arrived changed, %d bytes of %d", i, len(r.said.Body), len(body))
		}
	}
	p := h.settled("elsewhere", 40)
	if b := p.backend(names[0]); b.State != "ejected" {
		h.t.Errorf("%s is %s, want it ejected: nobody can connect to it", names[0], b.State)
	}
	if p.Retries != 5 || p.Errors != 0 {
		h.t.Errorf("%d retries and %d errors, want 5 and 0", p.Retries, p.Errors)
	}
}

// testRetryBudget is case 13: every backend fails. None can be connected to, so who has a retry waits with it, and tries all anew.
func (h *host) testRetryBudget() {
	const users, each = 4, 25
	names := h.members("hopeless", labels{"health.interval": "1h"}, nil, "1", "2", "3")
	for _, name := range names {
		h.deafen("hopeless", name)
	}
	var all sync.WaitGroup
	for range users {
		all.Go(func() {
			for range each {
				r, err := h.try(h.client, request{target: "hopeless.example/"})
				if err != nil || r.status != http.StatusBadGateway || r.slug() != "connect-failed" {
					h.t.Errorf("GET hopeless.example/ = %d, %q, %v, want 502, connect-failed", r.status, r.slug(), err)
					return
				}
			}
		})
	}
	all.Wait()
	p := h.settled("hopeless", users*each)
	// Each goes on to the two others at most; three times again do 20 %, and some that are always allowed.
	if most := 2 * (p.Requests + 3*(p.Requests/5+10)); p.Retries == 0 || p.Retries > most {
		h.t.Errorf("%d retries for %d requests, want 1 to %d", p.Retries, p.Requests, most)
	}
	if p.Rejected["connect-failed"] != users*each {
		h.t.Errorf("rejected = %v, want %d for connect-failed", p.Rejected, users*each)
	}
}
