//go:build docker

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

// TestStale has compose recreate the containers of two pools with another image while requests come all the time: one may have a
// replica more for a while, the other one has as many as it may have. All clones must be of the new image soon, and nobody notice.
func TestStale(t *testing.T) {
	s := onBridge(t)
	next := s.nextImage()
	h := hostOf(t, s, "--on-exit=remove", "--instance="+s.name)
	var (
		loads    []*steady.Load
		composes []func(image string, args ...string)
		pools    = []string{s.name + "-stale-4", s.name + "-stale-3"}
	)
	for i, of := range pools {
		composes = append(composes, h.project("stale", "COMPOSE_PROJECT_NAME="+of, "SCALE_MAX="+of[len(of)-1:]))
		composes[i](s.mock, "up", "-d")
	}
	for _, of := range pools {
		h.waitPool(of, "an original and two clones serve", 30*time.Second, func(p pool) bool { return p.Replicas.Ready == 3 })
	}
	for _, of := range pools {
		loads = append(loads, steady.Start(steady.Options{URL: "http://" + h.listen + "/", Host: of + ".example", PerSecond: 100, Body: 1000}))
	}
	h.more(loads, 100)
	images := h.cloneImages()
	if len(images) != 4 {
		t.Errorf("the clones' images are %v, want four", images)
	}

	began := time.Now()
	for _, compose := range composes {
		compose(next, "up", "-d")
	}
	t.Logf("compose took %s", time.Since(began).Round(time.Millisecond))
	newer := s.docker("image", "inspect", "--format", "{{.Id}}", next)
	least := map[string]int{pools[0]: 3, pools[1]: 3}
	for _, of := range pools {
		h.waitPool(of, "the original is ready again", 20*time.Second, func(p pool) bool { return p.Replicas.Ready == 3 })
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		left := 0
		for _, of := range pools {
			p := h.poolNamed(of)
			least[of] = min(least[of], p.Replicas.Ready)
			left += p.Replicas.Stale + max(0, 3-p.Replicas.Ready)
		}
		if left == 0 && !slices.Contains(h.cloneImages(), images[0]) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d are left after two minutes: %v", left, h.cloneImages())
		}
	}
	t.Logf("all clones are new after %s; at least so many were ready: %v", time.Since(began).Round(time.Millisecond), least)
	h.more(loads, 100)
	for _, image := range h.cloneImages() {
		if image != newer {
			t.Errorf("a clone is of image %s, want %s", image, newer)
		}
	}
	if least[pools[0]] < 3 || least[pools[1]] < 2 {
		t.Errorf("at least %v were ready, want 3 where there may be one more, and else 2", least)
	}
	h.judge(loads, false, 1)
	_, body := h.fetch(http.DefaultClient, "/prometheus")
	for _, of := range pools {
		if !strings.Contains(string(body), `loadbalancer_scale_actions_total{action="replace",pool="`+of+`"}`) {
			t.Errorf("GET /prometheus does not count the clones of %s that were replaced", of)
		}
	}
}

// cloneImages are the IDs of the images that the stack's clones are made from.
func (s *stack) cloneImages() (images []string) {
	s.t.Helper()
	for id := range strings.FieldsSeq(s.cloneIDs(s.name)) {
		images = append(images, s.docker("inspect", "--format", "{{.Image}}", id))
	}
	return images
}
