//go:build docker

package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// TestHealthcheck sees that Docker's own health check keeps a container out until it passes, and as long
// as it fails.
func TestHealthcheck(t *testing.T) {
	s := onBridge(t)
	checked := s.name + "-checked"
	build := exec.CommandContext(t.Context(), "docker", "build", "-q", "-t", checked, "-")
	build.Stdin = strings.NewReader("FROM " + s.mock + "\nHEALTHCHECK --interval=1s --retries=1 CMD [\"/mock-backend\", \"healthcheck\"]\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", checked).Run() })
	j := s.onHost()

	good := s.join("good", nil, checked)
	j.find(t, good+" starting", func(l logLine) bool { return l.Backend == good && l.To == "starting" })
	j.find(t, good+" ready", func(l logLine) bool { return l.Backend == good && l.To == "ready" })
	if health := s.docker("inspect", "--format", "{{.State.Health.Status}}", good); health != "healthy" {
		t.Errorf("ready while Docker says %q, want healthy", health)
	}

	// The image has no shell, which this form of the check needs: it can only fail.
	bad := s.join("bad", nil, "--health-cmd=true", "--health-interval=1s", "--health-retries=1", s.mock)
	j.find(t, bad+" unhealthy", func(l logLine) bool { return l.Backend == bad && l.To == "unhealthy" })
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if l.Backend == bad && l.To == "ready" {
			t.Error("ready while Docker's health check fails")
		}
	}
}
