//go:build docker

package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestScaling has pools of real containers wake clones, go to zero and come back.
func TestScaling(t *testing.T) {
	s := onBridge(t)
	h := hostOf(t, s, "--on-exit=remove", "--instance="+s.name)
	for _, story := range []struct {
		name string
		tell func(*host)
	}{
		{"wakes_a_warm_clone", (*host).testWakes},
		{"goes_to_zero_and_comes_back", (*host).testZero},
		{"is_recreated_in_its_sleep", (*host).testComposeZero},
		{"heals_the_sick", (*host).testHeals},
		{"says_why_nothing_comes", (*host).testCircuit},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(h.with(t)) })
	}
}

func (h *host) testWakes() {
	of := h.name + "-warm"
	h.members(of, labels{"concurrency": "2", "scale.max": "2", "scale.warm": "1", "scale.hold-down": "2s"}, env{"MOCK_LATENCY": "300ms"}, "1")
	h.waitPool(of, "a clone is warm", 30*time.Second, func(p pool) bool { return p.Replicas.Warm == 1 && p.Replicas.Ready == 1 })
	began := time.Now()
	asked := make(chan []reply, 1)
	go func() { asked <- h.atOnce(12, of+".example/") }()
	h.waitPool(of, "the clone serves", 5*time.Second, func(p pool) bool { return p.Replicas.Ready == 2 })
	h.t.Logf("from the burst to a second replica: %s", time.Since(began))
	for _, r := range <-asked {
		if r.status != http.StatusOK {
			h.t.Errorf("GET = %d, %q, want 200", r.status, r.slug())
		}
	}
	clone := "ballast-" + of + "-1"
	h.waitPool(of, "the clone has served", 2*time.Second, func(p pool) bool { return p.backend(clone).Requests > 0 })
	// It is parked again when it is not needed, not made anew.
	h.waitPool(of, "it is warm again", 30*time.Second, func(p pool) bool { return p.Replicas.Warm == 1 && p.Replicas.Ready == 1 })
	h.prometheus(`loadbalancer_scale_actions_total{action="unpause",pool="` + of + `"} 1`)
}

func (h *host) testZero() {
	of := h.name + "-zero"
	name := h.members(of, labels{"scale.min": "0", "scale.max": "2", "scale.idle": "1s"}, nil, "1")[0]
	for round := range 2 {
		h.waitPool(of, "nothing runs", 30*time.Second, func(p pool) bool { return len(p.Backends) == 0 })
		if state := h.docker("inspect", "--format", "{{.State.Status}}", name); state != "exited" {
			h.t.Fatalf("the original is %s, want it stopped", state)
		}
		began := time.Now()
		for _, r := range h.atOnce(5, of+".example/") {
			if r.status != http.StatusOK {
				h.t.Errorf("round %d: GET = %d, %q, want 200", round, r.status, r.slug())
			}
		}
		h.t.Logf("five requests that began with nothing running: %s", time.Since(began))
	}
}

// testComposeZero has compose recreate the container of a pool that goes to zero, asleep and awake, while somebody asks for it:
// nobody is refused, and compose never finds running what it has stopped in order to remove it.
func (h *host) testComposeZero() {
	next := h.nextImage()
	compose := h.project("zero")
	compose(h.mock, "up", "-d")
	container := h.name + "-zero_web_1"
	asks := func(during func()) {
		done := make(chan struct{})
		go func() { defer close(done); during() }()
		var all sync.WaitGroup
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		asked := 0
		for busy := true; busy; asked++ {
			all.Go(func() {
				if r, err := h.try(h.client, request{target: "sleeper.example/"}); err != nil || r.status != http.StatusOK {
					h.t.Errorf("GET = %d, %q, %v after %s, want 200", r.status, r.slug(), err, r.took)
				}
			})
			select {
			case <-done:
				busy = false
			case <-tick.C:
			}
		}
		all.Wait()
		h.t.Logf("%d requests while compose was at work", asked)
	}
	ids := map[string]bool{}
	for i, image := range []string{next, h.mock, next, h.mock} {
		asleep := i%2 == 0
		if asleep {
			h.waitPool("sleeper", "nothing runs", 30*time.Second, func(p pool) bool { return len(p.Backends) == 0 })
			h.docker("wait", container)
		}
		asks(func() { compose(image, "up", "-d") })
		if got := h.docker("inspect", "--format", "{{.Config.Image}} {{.State.Status}}", container); got != image+" running" {
			h.t.Errorf("asleep %t: %s is %s, want %s running", asleep, container, got, image)
		}
		ids[h.docker("inspect", "--format", "{{.Id}}", container)] = true
	}
	if len(ids) != 4 {
		h.t.Errorf("%d containers came one after the other, want 4", len(ids))
	}
	if all := h.docker("ps", "-aq", "--filter", "label=com.docker.compose.project="+h.name+"-zero"); strings.Contains(all, "\n") {
		h.t.Errorf("more than one container is left: %q", all)
	}
}

func (h *host) testCircuit() {
	of := h.name + "-none"
	name := h.members(of, labels{"scale.min": "0", "scale.max": "1", "scale.idle": "1s", "network": "bridge"}, nil, "1")[0]
	network := h.name + "-gone"
	h.docker("network", "create", network)
	h.t.Cleanup(func() { // Before the container goes; all of it fails where the test has done it.
		_ = exec.Command("docker", "network", "disconnect", "--force", network, name).Run()
		_ = exec.Command("docker", "network", "rm", network).Run()
	})
	h.docker("network", "connect", network, name)
	h.waitPool(of, "nothing runs", 30*time.Second, func(p pool) bool { return len(p.Backends) == 0 })
	h.docker("wait", name)
	// The engine does not start what has a network that is gone.
	h.docker("network", "rm", network)
	r := h.get(of + ".example/")
	if r.status != http.StatusServiceUnavailable || r.slug() != "no-capacity" {
		h.t.Errorf("GET = %d, %q after %s, want 503 no-capacity", r.status, r.slug(), r.took)
	}
	again := h.get(of + ".example/")
	if again.status != http.StatusServiceUnavailable || again.took > time.Second {
		h.t.Errorf("GET = %d after %s, want 503 at once", again.status, again.took)
	}
	h.t.Logf("with a container that can't serve: 503 after %s, then after %s: %s", r.took, again.took, again.body)
}
