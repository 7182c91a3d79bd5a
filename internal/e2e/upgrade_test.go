//go:build docker

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

// The page on upgrading, to the letter: one Ballast takes over from another, twice, while requests come all the time, and
// what one has made is the next one's.
func TestUpgrade(t *testing.T) {
	s := onBridge(t)
	s.env = append(s.env,
		fmt.Sprintf("BALLAST_ADMIN_LISTEN=127.0.0.1:%d", s.port), fmt.Sprintf("BALLAST_TRAFFIC_LISTEN=127.0.0.1:%d", s.traffic),
		"BALLAST_RUN="+t.TempDir())
	s.join("web", map[string]string{"scale.min": "3", "scale.max": "5", "health.path": "/health"})
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.upgrading(context.Background(), "logs")
			t.Logf("logs:\n%s", out)
		}
		if out, err := s.upgrading(context.Background(), "down"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
		s.removeClones()
	})
	s.compose("up", "-d")
	s.awaitAdmin()
	s.waitFor("an original and two clones serve", 30*time.Second, func(p pool) bool { return p.Replicas.Ready == 3 })
	clones := s.cloneIDs(s.name)
	loads := []*steady.Load{
		steady.Start(steady.Options{URL: fmt.Sprintf("http://127.0.0.1:%d/", s.traffic), PerSecond: 200, Body: 20 << 10}),
		steady.Start(steady.Options{URL: s.url("/lb"), PerSecond: 50, Body: 100}),
	}
	old := s.name + "_ballast_1"
	for range 2 {
		s.more(loads, 200)
		s.compose("up", "-d", "--no-recreate", "--scale", "ballast=2")
		s.awaitLog(old, "another Ballast has taken over: this container can be removed")
		s.more(loads, 200)
		s.docker("stop", old)
		s.docker("rm", old)
		s.more(loads, 200)
		old = s.serving()
	}
	for _, l := range loads {
		r := l.Stop()
		t.Logf("%d requests, the slowest answer took %s", r.Sent, r.Slowest)
		for _, f := range r.Failures {
			t.Error(f)
		}
	}
	if now := s.cloneIDs(s.name); now != clones {
		t.Errorf("the clones are %q after the upgrades, want %q as before", now, clones)
	}
	if p := s.pool(); p.Replicas.Ready != 3 {
		t.Errorf("%d replicas are ready, want 3", p.Replicas.Ready)
	}
}

// upgrading runs compose with the file of the page on upgrading.
func (s *stack) upgrading(ctx context.Context, args ...string) (string, error) {
	return s.composeWith(ctx, filepath.Join(root(s.t), "docs", "upgrading", "docker-compose.yml"), args...)
}

// composeWith runs compose with a file, and returns what it printed.
func (s *stack) composeWith(ctx context.Context, file string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	name, first := "docker-compose", []string{"-f", file}
	if exec.CommandContext(ctx, "docker", "compose", "version").Run() == nil {
		name, first = "docker", []string{"compose", "--compatibility", "-f", file} // For names with underscores.
	}
	cmd := exec.CommandContext(ctx, name, append(first, args...)...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *stack) compose(args ...string) {
	s.t.Helper()
	if out, err := s.upgrading(s.t.Context(), args...); err != nil {
		s.t.Fatalf("compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// serving is the one container of Ballast that there is.
func (s *stack) serving() string {
	s.t.Helper()
	return s.docker("ps", "--filter", "label=com.docker.compose.project="+s.name, "--format", "{{.Names}}")
}

// cloneIDs are those of the clones of one instance, in order, whatever their state.
func (s *stack) cloneIDs(instance string) string {
	s.t.Helper()
	return s.docker("ps", "-aq", "--no-trunc", "--filter", "label="+s.prefix+".owner="+instance)
}

// removeClones removes those of all instances.
func (s *stack) removeClones() {
	out, err := exec.Command("docker", "ps", "-aq", "--filter", "label="+s.prefix+".clone=true").Output()
	if err != nil {
		s.t.Errorf("list the clones: %v", err)
	}
	for id := range strings.FieldsSeq(string(out)) {
		if out, err := exec.Command("docker", "rm", "-f", "-v", id).CombinedOutput(); err != nil {
			s.t.Errorf("docker rm: %v\n%s", err, out)
		}
	}
}

func (s *stack) more(loads []*steady.Load, n int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for _, l := range loads {
		if err := l.More(ctx, n); err != nil {
			s.t.Fatal(err)
		}
	}
}

// awaitAdmin waits until Ballast is ready.
func (s *stack) awaitAdmin() {
	s.t.Helper()
	s.await("Ballast is ready", func() bool {
		resp, _, err := s.tryFetch(http.DefaultClient, "/health/ready")
		return err == nil && resp.StatusCode == http.StatusOK
	})
}

func (s *stack) awaitLog(container, text string) {
	s.t.Helper()
	s.await(container+" says: "+text, func() bool { return strings.Contains(s.docker("logs", container), text) })
}

func (s *stack) await(what string, ok func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within a minute: %s", what)
		}
	}
}
