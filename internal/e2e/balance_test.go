//go:build docker

package e2e

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"sync"
	"time"
)

func (h *host) testMaglev() {
	const tenants = 60
	h.members("maglev", labels{"policy": "maglev", "hash": "header:X-Tenant"}, nil, "1", "2", "3", "4")
	at := func(tenant int) string {
		return h.get("maglev.example/", "X-Tenant", fmt.Sprint("tenant-", tenant)).said.Container
	}
	home, used := make([]string, tenants), map[string]int{}
	for i := range home {
		home[i] = at(i)
		used[home[i]]++
		for range 3 {
			if who := at(i); who != home[i] {
				h.t.Fatalf("tenant %d moved from %s to %s", i, home[i], who)
			}
		}
	}
	if len(used) != 4 {
		h.t.Errorf("%d tenants are at %v, want some at each of 4", tenants, used)
	}
	left := home[0]
	h.docker("rm", "-f", left)
	h.waitPool("maglev", "one has left", 10*time.Second, func(p pool) bool { return p.Replicas.Ready == 3 })
	moved := 0
	for i := range home {
		switch who := at(i); {
		case who == left || who == "":
			h.t.Errorf("tenant %d was answered by %q", i, who)
		case home[i] != left && who != home[i]:
			moved++
		}
	}
	// A table of 65537 places moves few that it need not: 1 or 2 %.
	if moved > tenants/10 {
		h.t.Errorf("%d of %d tenants moved whose container stayed, want at most a tenth", moved, tenants-used[left])
	}
}

func (h *host) testSessions() {
	h.members("sessions", labels{"sticky": "true"}, nil, "1", "2", "3")
	used := map[string]bool{}
	for range 3 {
		jar, err := cookiejar.New(nil)
		if err != nil {
			h.t.Fatal(err)
		}
		client := &http.Client{Jar: jar, Transport: h.client.Transport}
		first := ""
		for range 20 {
			r, err := h.try(client, request{target: "sessions.example/some/where"})
			if err != nil || r.status != http.StatusOK {
				h.t.Fatalf("GET sessions.example/ = %d, %v", r.status, err)
			}
			if first == "" {
				first = r.said.Container
			}
			if r.said.Container != first {
				h.t.Fatalf("a session moved from %s to %s", first, r.said.Container)
			}
		}
		used[first] = true
	}
	if len(used) != 3 {
		h.t.Errorf("three sessions are at %v, want each at another", used)
	}
}

// testPeakEWMA has one backend that is much slower than the others: with round robin it would get a third.
func (h *host) testPeakEWMA() {
	const users, each = 4, 100
	slow := h.member("ewma", "1", labels{"policy": "peak-ewma"}, env{"MOCK_LATENCY": "300ms"})
	h.members("ewma", labels{"policy": "peak-ewma"}, env{"MOCK_LATENCY": "5ms"}, "2", "3")
	h.waitPool("ewma", "all are ready", 10*time.Second, func(p pool) bool { return p.Replicas.Ready == 3 })
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	got := map[string]int{}
	for range users {
		all.Go(func() {
			for range each {
				r, err := h.try(h.client, request{target: "ewma.example/"})
				if err != nil || r.status != http.StatusOK {
					h.t.Errorf("GET ewma.example/ = %d, %v", r.status, err)
					return
				}
				mu.Lock()
				got[r.said.Container]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	h.t.Logf("answers of %d: %v, the slow one is %s", users*each, got, slow)
	if got[slow] > users*each/20 {
		h.t.Errorf("the slow backend answered %d of %d, want at most 5 %%", got[slow], users*each)
	}
}

// testSlowStart is case 21: a pool grows from one backend to two under load.
func (h *host) testSlowStart() {
	const window = 3 * time.Second
	grow := func(suffix string) string {
		return h.members("grow", labels{"slow-start": window.String()}, env{"MOCK_LATENCY": "20ms"}, suffix)[0]
	}
	grow("1")
	var (
		mu      sync.Mutex
		replies []reply
		users   sync.WaitGroup
	)
	end := make(chan struct{})
	for range 4 {
		users.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				r, err := h.try(h.client, request{target: "grow.example/"})
				if err != nil || r.status != http.StatusOK {
					h.t.Errorf("GET grow.example/ = %d, %q, %v", r.status, r.slug(), err)
					return
				}
				mu.Lock()
				replies = append(replies, r)
				mu.Unlock()
			}
		})
	}
	h.waitPool("grow", "there was some load", 10*time.Second, func(p pool) bool { return p.Requests > 300 })
	name := grow("2")
	ready := h.log.find(h.t, name+" ready", func(l logLine) bool { return l.Backend == name && l.To == "ready" }).Time
	<-time.After(time.Until(ready.Add(window + 2*time.Second)))
	close(end)
	users.Wait()

	between := func(from, to time.Duration) (share, p99 float64) {
		return h.within(replies, name, ready.Add(from), ready.Add(to))
	}
	_, before := between(-2*time.Second, -time.Second) // Not while docker run works.
	early, during := between(0, window/3)
	late, after := between(window, window+2*time.Second)
	h.t.Logf("p99 %.1f ms before, %.1f ms in the first %s, %.1f ms after; share of the new one %.2f, then %.2f", before, during, window/3, after, early, late)
	if early > 0.35 || late < 0.4 || late > 0.6 {
		h.t.Errorf("the new backend had %.2f of the requests at first and %.2f in the end, want at most 0.35 and then 0.4 to 0.6", early, late)
	}
}

// within is the share of one container among the requests of a time, and the 99th percentile of how many milliseconds
// they took.
func (h *host) within(replies []reply, name string, from, to time.Time) (share, p99 float64) {
	h.t.Helper()
	var took []time.Duration
	n := 0
	for _, r := range replies {
		if r.at.Before(from) || r.at.After(to) {
			continue
		}
		took = append(took, r.took)
		if r.said.Container == name {
			n++
		}
	}
	if len(took) < 50 {
		return 0, 0
	}
	slices.Sort(took)
	return float64(n) / float64(len(took)), float64(took[len(took)*99/100].Microseconds()) / 1000
}
