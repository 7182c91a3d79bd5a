//go:build docker

package e2e

import (
	"encoding/json"
	"net/http"
	"time"
)

// metrics is the part of GET /metrics that the tests look at.
type metrics struct {
	Pools []pool `json:"pools"`
}

type pool struct {
	Name     string `json:"name"`
	Replicas struct {
		Desired int    `json:"desired"`
		Ready   int    `json:"ready"`
		Warm    int    `json:"warm"`
		Stale   int    `json:"stale"`
		Blocked string `json:"blocked"`
	} `json:"replicas"`
	InFlight int            `json:"in_flight"`
	Queued   int            `json:"queued"`
	Requests int            `json:"requests"`
	Errors   int            `json:"errors"`
	Retries  int            `json:"retries"`
	Rejected map[string]int `json:"rejected"`
	Panic    bool           `json:"panic"`
	Warnings []string       `json:"warnings"`
	Backends []backend      `json:"backends"`
}

type backend struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Weight   int    `json:"weight"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Clone    bool   `json:"clone"`
	Requests int    `json:"requests"`
	Breaker  struct {
		State     string    `json:"state"`
		Ejections int       `json:"ejections"`
		Until     time.Time `json:"until"`
	} `json:"breaker"`
}

// poolNamed is what is told of a pool; of one that does not exist, nothing.
func (s *stack) poolNamed(name string) (p pool) {
	s.t.Helper()
	resp, body := s.fetch(http.DefaultClient, "/api/v1/pools/"+name)
	if resp.StatusCode == http.StatusNotFound {
		return p
	}
	if err := json.Unmarshal(body, &p); err != nil {
		s.t.Fatalf("pool %s: %v\n%s", name, err, body)
	}
	return p
}

func (s *stack) waitPool(name, what string, limit time.Duration, want func(pool) bool) pool {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); ; <-tick.C {
		p := s.poolNamed(name)
		if want(p) {
			return p
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s; pool %s is %+v", limit, what, name, p)
		}
	}
}

// settled waits until a pool has accounted for that many requests, which is after they were answered, and has no more.
func (s *stack) settled(name string, requests int) pool {
	s.t.Helper()
	return s.waitPool(name, "all requests are accounted for", 5*time.Second, func(p pool) bool {
		return p.Requests == requests && p.InFlight == 0 && p.Queued == 0
	})
}

// state returns the state of the backend of that container, or "" if it is none.
func (p pool) state(container string) string {
	return p.backend(container).State
}

func (p pool) backend(container string) backend {
	for _, b := range p.Backends {
		if b.Name == container {
			return b
		}
	}
	return backend{}
}

func (p pool) clones() (n int) {
	for _, b := range p.Backends {
		if b.Clone {
			n++
		}
	}
	return n
}
