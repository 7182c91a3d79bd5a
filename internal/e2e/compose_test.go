//go:build docker

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCompose is the story of the README: up, weights, joining, stickiness, leaving, scaling out
// and in, down.
func TestCompose(t *testing.T) {
	s := up(t)
	originals := []string{s.name + "-web-a", s.name + "-web-b", s.name + "-web-c"}

	t.Run("endpoints_answer", func(t *testing.T) { s.with(t).testEndpoints() })
	t.Run("routes_by_path", func(t *testing.T) { s.with(t).testTraffic() })
	t.Run("weights_hold_within_one_percent", func(t *testing.T) { s.with(t).testWeights(originals) })
	t.Run("joins_by_label_and_leaves_on_stop", func(t *testing.T) { s.with(t).testJoinAndLeave() })
	t.Run("sticky_sessions_stay", func(t *testing.T) { s.with(t).testSticky() })
	t.Run("scales_out_and_in", func(t *testing.T) { s.with(t).testScale() })
	t.Run("down_leaves_nothing", func(t *testing.T) { s.with(t).testDown() })
}

// with is the stack for a subtest.
func (s *stack) with(t *testing.T) *stack {
	c := *s
	c.t = t
	return &c
}

func (s *stack) testEndpoints() {
	for path, contains := range map[string]string{
		"/":             "<html",
		"/metrics":      `"pools"`,
		"/health":       `"status"`,
		"/health/ready": `"status"`,
		"/health/live":  `"status"`,
		"/prometheus":   "loadbalancer_backend_up",
	} {
		resp, body := s.fetch(http.DefaultClient, path)
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), contains) {
			s.t.Errorf("GET %s = %s without %q:\n%.300s", path, resp.Status, contains, body)
		}
	}
	if _, body := s.fetch(http.DefaultClient, "/health"); !json.Valid(body) {
		s.t.Errorf("GET /health is not JSON: %s", body)
	}
}

func (s *stack) testTraffic() {
	s.waitPool("api", "it is ready", 10*time.Second, func(p pool) bool { return p.Replicas.Ready == 1 })
	for path, want := range map[string]struct{ container, path string }{
		"/a/b":     {"web-", "/a/b"},
		"/api/who": {"api", "/who"},
		"/apix":    {"web-", "/apix"},
	} {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.traffic, path))
		if err != nil {
			s.t.Fatal(err)
		}
		var got struct{ Container, Path string }
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(got.Container, s.name+"-"+want.container) || got.Path != want.path {
			s.t.Errorf("GET %s of the traffic listener = %s, %v of %+v, want %+v", path, resp.Status, err, got, want)
		}
	}
}

func (s *stack) testWeights(originals []string) {
	// Three at a time are few enough not to scale the pool.
	const users, each, requests = 3, 200, 600
	const tolerance = 0.01 * requests
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	got := map[string]int{}
	for range users {
		all.Go(func() {
			for range each {
				who, _, err := s.tryAsk(http.DefaultClient)
				if err != nil {
					s.t.Error(err)
					return
				}
				mu.Lock()
				got[who]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for i, want := range []float64{300, 200, 100} {
		if n := got[originals[i]]; math.Abs(float64(n)-want) > tolerance {
			s.t.Errorf("%s answered %d of %d, want %v within %v", originals[i], n, requests, want, tolerance)
		}
	}
}

func (s *stack) testJoinAndLeave() {
	name := s.join("joined", map[string]string{"weight": "2"})
	took := s.waitFor(name+" is ready", 10*time.Second, func(p pool) bool { return p.state(name) == "ready" })
	s.t.Logf("ready %s after docker run returned", took.Round(time.Millisecond))

	got := map[string]int{}
	for range 80 { // ten rounds of 3+2+1+2
		who, _ := s.ask(http.DefaultClient)
		got[who]++
	}
	if got[name] != 20 {
		s.t.Errorf("the container that joined answered %d of 80, want 20", got[name])
	}

	stop := exec.CommandContext(s.t.Context(), "docker", "stop", name)
	if err := stop.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.waitFor(name+" is out", 10*time.Second, func(p pool) bool { return p.state(name) != "ready" })
	if err := stop.Wait(); err != nil {
		s.t.Fatalf("docker stop: %v", err)
	}
	for range 60 {
		if who, _ := s.ask(http.DefaultClient); who == name {
			s.t.Fatalf("%s answered after it stopped", name)
		}
	}
	s.docker("rm", name)
}

func (s *stack) testSticky() {
	// The lowest name that sets a pool's label wins, so this container turns affinity on.
	name := s.join("sticky", map[string]string{"sticky": "true", "sticky.cookie": "e2e_session"})
	s.waitFor(name+" is ready", 10*time.Second, func(p pool) bool { return p.state(name) == "ready" })

	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	first, resp := s.ask(client)
	cookies := resp.Cookies()
	if len(cookies) != 1 || cookies[0].Name != "e2e_session" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		s.t.Fatalf("cookies = %v, want one e2e_session that is HttpOnly and SameSite=Lax", resp.Header["Set-Cookie"])
	}
	for range 50 {
		if who, _ := s.ask(client); who != first {
			s.t.Fatalf("session moved from %s to %s", first, who)
		}
	}
	s.docker("rm", "-f", name)
	s.waitFor("no cookie is set without the label", 10*time.Second, func(p pool) bool {
		_, resp := s.ask(http.DefaultClient)
		return len(resp.Cookies()) == 0 && p.state(name) == ""
	})
}

// testScale loads the pool until clones serve, then little, until they are gone; nothing may be lost.
func (s *stack) testScale() {
	var (
		mu     sync.Mutex
		failed []error
		served int
	)
	use := func(ctx context.Context) {
		for ctx.Err() == nil {
			_, _, err := s.tryAsk(http.DefaultClient)
			mu.Lock()
			served++
			if err != nil {
				failed = append(failed, err)
			}
			mu.Unlock()
		}
	}
	// Its name is the lowest, and yet it is not what clones are made from.
	guest := s.join("guest", nil)
	s.waitFor(guest+" is ready", 10*time.Second, func(p pool) bool { return p.state(guest) == "ready" })
	var users sync.WaitGroup
	begin := func(n int) (end context.CancelFunc) {
		ctx, end := context.WithCancel(s.t.Context())
		for range n {
			users.Go(func() { use(ctx) })
		}
		return end
	}
	endFew := begin(1)
	endMany := begin(40)
	out := s.waitFor("a clone serves", 30*time.Second, func(p pool) bool { return p.clones() > 0 && p.Replicas.Ready > 4 })
	s.t.Logf("first clone ready %s after the load began", out.Round(time.Millisecond))
	if _, body := s.fetch(http.DefaultClient, "/api/v1/containers"); !strings.Contains(string(body), `"template":"`+s.name+`-web-a"`) {
		s.t.Errorf("no clone of %s-web-a:\n%s", s.name, body)
	}
	endMany()
	in := s.waitFor("all clones are gone", 2*time.Minute, func(p pool) bool { return p.clones() == 0 && p.Replicas.Ready == 4 })
	s.t.Logf("back to the originals %s after the load ended", in.Round(time.Millisecond))
	endFew()
	users.Wait()
	if len(failed) > 0 {
		s.t.Errorf("%d of %d requests failed while scaling: %v", len(failed), served, errors.Join(failed...))
	}
	if _, body := s.fetch(http.DefaultClient, "/api/v1/decisions"); !strings.Contains(string(body), "scale-out") || !strings.Contains(string(body), "scale-in") {
		s.t.Errorf("decisions lack a scale-out or a scale-in:\n%s", body)
	}
}

func (s *stack) testDown() {
	// One that joined by hand goes too: it would keep the network.
	s.join("left", nil)
	s.make(s.t.Context(), "down")
	if left := s.docker("ps", "-aq", "--filter", "name="+s.name); left != "" {
		s.t.Errorf("containers left: %s", left)
	}
	if left := s.docker("ps", "-aq", "--filter", "label="+s.prefix+".clone=true"); left != "" {
		s.t.Errorf("clones left: %s", left)
	}
	if left := s.docker("network", "ls", "-q", "--filter", "name="+s.network); left != "" {
		s.t.Errorf("network left: %s", left)
	}
}
