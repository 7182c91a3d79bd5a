//go:build docker

package e2e

import (
	"net/http"
	"strconv"
	"time"
)

func (h *host) testHolds() {
	const limit, requests = 2, 20
	names := h.members("narrow", labels{"concurrency": strconv.Itoa(limit)}, env{"MOCK_LATENCY": "100ms"}, "1", "2")
	got := map[string]int{}
	for _, r := range h.atOnce(requests, "narrow.example/") {
		if r.status != http.StatusOK {
			h.t.Errorf("GET narrow.example/ = %d, %q, want 200", r.status, r.slug())
		}
		// Counted by the container itself, before the answer ends.
		if r.said.InFlight > limit {
			h.t.Errorf("%s had %d requests at once, want at most %d", r.said.Container, r.said.InFlight, limit)
		}
		got[r.said.Container]++
	}
	if got[names[0]] < requests/4 || got[names[1]] < requests/4 {
		h.t.Errorf("answers of %d = %v, want at least a quarter of each", requests, got)
	}
	h.settled("narrow", requests)
	h.prometheus(`loadbalancer_pool_queue_depth{pool="narrow"} 0`)
}

func (h *host) testQueueFull() {
	const places = 2
	h.members("full", labels{"concurrency": "1", "queue.size": strconv.Itoa(places)}, env{"MOCK_LATENCY": "1s"}, "1")
	asked := make(chan []reply, 1)
	go func() { asked <- h.atOnce(10, "full.example/") }()
	h.waitPool("full", "the queue is full", 5*time.Second, func(p pool) bool { return p.Queued == places })
	got := map[int]int{}
	for _, r := range <-asked {
		got[r.status]++
		if r.status != http.StatusServiceUnavailable {
			continue
		}
		if after, err := strconv.Atoi(r.header.Get("Retry-After")); r.slug() != "queue-full" || err != nil || after < 1 {
			h.t.Errorf("503 with %q and Retry-After %q, want queue-full and a number", r.slug(), r.header.Get("Retry-After"))
		}
		if r.took > 500*time.Millisecond {
			h.t.Errorf("503 after %s, want it at once", r.took)
		}
	}
	if got[http.StatusOK] != 1+places || got[http.StatusServiceUnavailable] != 9-places {
		h.t.Errorf("answers of 10 = %v, want %d x 200, the rest 503", got, 1+places)
	}
}

func (h *host) testQueueTimeout() {
	const limit = 300 * time.Millisecond
	h.members("late", labels{"concurrency": "1", "queue.timeout": limit.String()}, env{"MOCK_LATENCY": "1500ms"}, "1")
	got := map[int]int{}
	for _, r := range h.atOnce(3, "late.example/") {
		got[r.status]++
		if r.status == http.StatusOK {
			continue
		}
		if r.slug() != "queue-timeout" || r.took < limit || r.took > limit+time.Second {
			h.t.Errorf("%d, %q after %s, want queue-timeout after %s", r.status, r.slug(), r.took, limit)
		}
	}
	if got[http.StatusOK] != 1 || got[http.StatusGatewayTimeout] != 2 {
		h.t.Errorf("answers of 3 = %v, want one 200 and two 504", got)
	}
}

func (h *host) testRateLimit() {
	h.members("limited", labels{"rate-limit": "3/1m"}, nil, "1")
	h.members("unlimited", nil, nil, "1")
	for i := range 6 {
		r := h.get("limited.example/")
		if i < 3 {
			if r.status != http.StatusOK {
				h.t.Errorf("request %d = %d, %q, want 200", i, r.status, r.slug())
			}
			continue
		}
		// One is let through every 20 s.
		after, err := strconv.Atoi(r.header.Get("Retry-After"))
		if r.status != http.StatusTooManyRequests || r.slug() != "rate-limited" || err != nil || after < 1 || after > 20 {
			h.t.Errorf("request %d = %d, %q, Retry-After %q, want 429, rate-limited, 1 to 20", i, r.status, r.slug(), r.header.Get("Retry-After"))
		}
		if r := h.get("unlimited.example/"); r.status != http.StatusOK {
			h.t.Errorf("another pool answered %d, want 200", r.status)
		}
	}
	if p := h.settled("limited", 6); p.Rejected["rate-limited"] != 3 || p.backend(h.name+"-limited-1").Requests != 3 {
		h.t.Errorf("rejected = %v and %d at the backend, want 3 and 3", p.Rejected, p.backend(h.name+"-limited-1").Requests)
	}
}
