//go:build docker

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

// deploySettings leave room for two seconds of requests more than there is by default.
var deploySettings = labels{"queue.size": "5000", "health.path": "/health"}

const deployRate = 300

// TestDeploys replaces containers in the ways that people do, one after the other, while requests come all the time: nobody
// must notice, also where there is only one container. Half of the requests are POST.
func TestDeploys(t *testing.T) {
	h := newHost(t)
	for _, way := range []struct {
		name   string
		deploy func(h *host, of, suffix, name string)
		// inFlight says that POST requests may fail that the container was serving.
		inFlight bool
	}{
		{"stop", func(h *host, _, _, name string) {
			h.docker("stop", name)
			h.docker("start", name)
		}, false},
		{"restart", func(h *host, _, _, name string) { h.docker("restart", name) }, false},
		{"replace", func(h *host, of, suffix, name string) {
			h.docker("stop", name)
			h.docker("rm", name)
			h.member(of, suffix, deploySettings, env{"MOCK_LATENCY": "5ms"})
		}, false},
		{"kill", func(h *host, of, suffix, name string) {
			h.docker("rm", "-f", name)
			h.member(of, suffix, deploySettings, env{"MOCK_LATENCY": "5ms"})
		}, true},
	} {
		for _, suffixes := range [][]string{{"a"}, {"a", "b", "c"}} {
			t.Run(fmt.Sprintf("%s_%d", way.name, len(suffixes)), func(t *testing.T) {
				h := h.with(t)
				of := fmt.Sprintf("%s-%d", way.name, len(suffixes))
				names := h.members(of, deploySettings, env{"MOCK_LATENCY": "5ms"}, suffixes...)
				load := h.steadily(of)
				for i, name := range names {
					h.more(load, deployRate)
					way.deploy(h, of, suffixes[i], name)
					h.waitPool(of, "all are ready again", 20*time.Second, func(p pool) bool { return p.Replicas.Ready == len(names) })
				}
				h.more(load, deployRate)
				h.judge(load, way.inFlight, len(names))
			})
		}
	}
	t.Run("compose", func(t *testing.T) { h.with(t).testComposeDeploys() })
}

// steadily asks for a pool at a steady rate.
func (h *host) steadily(of string) []*steady.Load {
	return []*steady.Load{steady.Start(steady.Options{URL: "http://" + h.listen + "/", Host: of + ".example", PerSecond: deployRate, Body: 1000})}
}

// judge ends the load, of which nothing must have failed; but POST requests whose container was killed, if those are allowed, and
// a few that came to one of those that ended in the very moment in which it closed its idle connections: whether it read
// them nobody can tell.
func (h *host) judge(loads []*steady.Load, inFlight bool, ended int) {
	h.t.Helper()
	closing := 0
	for _, l := range loads {
		r := l.Stop()
		h.t.Logf("%d requests, %d failed, the slowest answer took %s", r.Sent, len(r.Failures), r.Slowest.Round(time.Millisecond))
		for _, f := range r.Failures {
			if inFlight && f.Method == http.MethodPost && (f.Why == "no-answer answered 502 Bad Gateway" || f.Status == http.StatusOK) {
				h.t.Logf("was being served: %s", f)
				continue
			}
			if closing++; f.Method == http.MethodPost && f.Why == "no-answer answered 502 Bad Gateway" && closing <= 2*ended {
				h.t.Logf("came when it closed: %s", f)
				continue
			}
			h.t.Error(f)
		}
	}
}

// testComposeDeploys has compose replace a container whose image has changed, which it does by stopping and removing it first.
func (h *host) testComposeDeploys() {
	next := h.nextImage()
	compose := h.project("deploy")
	compose(h.mock, "up", "-d")
	ready := func(p pool) bool { return p.Replicas.Ready == 1 }
	h.waitPool("compose", "it is ready", 20*time.Second, ready)
	load := h.steadily("compose")
	for _, image := range []string{next, h.mock} {
		h.more(load, deployRate)
		compose(image, "up", "-d")
		h.waitPool("compose", "it is ready again", 20*time.Second, ready)
	}
	h.more(load, deployRate)
	h.judge(load, false, 2)
}

// nextImage is another image that does the same as the stack's; it is removed when the test ends.
func (s *stack) nextImage() string {
	s.t.Helper()
	next := s.mock + "-next"
	build := exec.CommandContext(s.t.Context(), "docker", "build", "-t", next, "-")
	build.Stdin = strings.NewReader("FROM " + s.mock + "\nLABEL version=2\n")
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("docker build: %v\n%s", err, out)
	}
	s.t.Cleanup(func() {
		if out, err := exec.Command("docker", "rmi", next).CombinedOutput(); err != nil {
			s.t.Errorf("docker rmi: %v\n%s", err, out)
		}
	})
	return next
}

// project returns what runs compose with a file of testdata and an image; it is taken down when the test ends.
func (s *stack) project(name string, env ...string) func(image string, args ...string) {
	file := filepath.Join(root(s.t), "internal", "e2e", "testdata", name+".compose.yml")
	run := func(ctx context.Context, image string, args ...string) {
		c := *s
		c.env = append(slices.Clip(s.env), "MOCK_IMAGE="+image, "COMPOSE_PROJECT_NAME="+s.name+"-"+name)
		c.env = append(c.env, env...)
		if out, err := c.composeWith(ctx, file, args...); err != nil {
			s.t.Errorf("compose %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	s.t.Cleanup(func() { run(context.Background(), s.mock, "down") })
	return func(image string, args ...string) { run(s.t.Context(), image, args...) }
}
