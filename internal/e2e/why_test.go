//go:build docker

package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestWhy asks ballast why of containers of a real engine.
func TestWhy(t *testing.T) {
	h := newHost(t)
	why := func(name string) (string, error) {
		out, err := exec.CommandContext(t.Context(), h.bin, "why", name, "--url", h.url("")).CombinedOutput()
		return string(out), err
	}

	well := h.join("well", nil)
	bad := h.join("bad", map[string]string{"weight": "heavy"})
	// The image has no shell, which this form of the check needs: it can only fail.
	sick := h.join("sick", nil, "--health-cmd=true", "--health-interval=1s", "--health-retries=1", h.mock)
	stranger, near := h.name+"-stranger", h.name+"-near"
	for name, label := range map[string]string{stranger: "password=hush", near: h.prefix + ".enabled=true"} {
		t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
		h.docker("run", "-d", "--name", name, "--label", label, h.mock)
	}
	tests := []struct {
		name, container string
		want            []string
	}{
		{"routed", well, []string{well + " serves\n", "share: 100.0 % of the pool's requests, weight 1", h.prefix + ".weight is not set: 1"}},
		{"not labelled", stranger, []string{stranger + " is not routed\n", "remedy: if it is to serve, recreate it with the label " + h.prefix + ".enable=true", "labels: none"}},
		{"nearly labelled", near, []string{near + " is not routed\n", "did you mean " + h.prefix + ".enable?"}},
		{"a bad label", bad, []string{bad + " is not routed\n", "remedy: mend the label", h.prefix + ".weight=heavy, refused: must be a whole number"}},
		{"unhealthy", sick, []string{sick + " is unhealthy, and gets no new requests\n", "why: its HEALTHCHECK fails", "docker logs " + sick}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
				out, err := why(tt.container)
				missing := ""
				for _, want := range tt.want {
					if !strings.Contains(out, want) {
						missing = want
					}
				}
				if err == nil && missing == "" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("ballast why %s = %v, want %q in\n%s", tt.container, err, missing, out)
				}
			}
		})
	}
	t.Run("no such container", func(t *testing.T) {
		out, err := why(well + "x")
		if err == nil || !strings.Contains(out, "did you mean") || !strings.Contains(out, well) {
			t.Errorf("ballast why of nobody = %v, want exit code 1 and a hint:\n%s", err, out)
		}
	})
	t.Run("secrets stay", func(t *testing.T) {
		if _, body := h.fetch(http.DefaultClient, "/api/v1/containers"); strings.Contains(string(body), "hush") {
			t.Error("GET /api/v1/containers tells of labels that are not Ballast's")
		}
	})
}
