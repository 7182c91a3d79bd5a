package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/history"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

func (r *running) container(name string) (d telemetry.ContainerDetail) {
	r.t.Helper()
	resp, body := r.get("/api/v1/containers/" + name)
	if err := json.Unmarshal([]byte(body), &d); err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("GET container %s = %s, %v: %.300s, want 200 and JSON", name, resp.Status, err, body)
	}
	return d
}

// steps are what became of a container, oldest first.
func steps(d telemetry.ContainerDetail) string {
	var out []string
	for _, c := range slices.Backward(d.History) {
		out = append(out, string(c.To))
	}
	return strings.Join(out, " ")
}

func TestApp_container(t *testing.T) {
	r := start(t)
	r.until("a check has ended", func() bool { return r.container("web-a").Checks.Active != nil })
	d := r.container("web-a")
	if d.Name != "web-a" || d.Numbers == nil || d.Numbers.Weight != 3 || len(d.Labels) == 0 || !d.Checks.Active.Passed || steps(d) != "starting ready" {
		t.Errorf("web-a = %+v with history %q, want what it is, its numbers, a check that passed, starting ready", d, steps(d))
	}
	for _, name := range []string{d.FullID, d.FullID[:20]} {
		if got := r.container(name); got.FullID != d.FullID {
			t.Errorf("container %s = %s, want %s", name, got.FullID, d.FullID)
		}
	}
	resp, body := r.get("/api/v1/containers/web")
	var several struct {
		Status     int
		Containers []struct{ ID, Name string }
	}
	if err := json.Unmarshal([]byte(body), &several); err != nil || resp.StatusCode != http.StatusConflict || several.Status != http.StatusConflict ||
		len(several.Containers) != 3 || several.Containers[0].Name != "web-a" || several.Containers[0].ID != d.FullID {
		t.Errorf("container web = %s %s, want 409 and the three", resp.Status, body)
	}
	if k := resp.Header.Get("Content-Type") + resp.Header.Get("X-Ballast-Error"); k != "application/problem+jsonambiguous" {
		t.Errorf("container web is answered with %q, want a problem", k)
	}
	if resp, body := r.get("/api/v1/containers/nobody"); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "no-such-container") {
		t.Errorf("container nobody = %s %s, want 404 no-such-container", resp.Status, body)
	}

	if err := r.app.engine.Pause(t.Context(), "web-a"); err != nil {
		t.Fatal(err)
	}
	r.until("web-a is paused", func() bool { return strings.HasSuffix(steps(r.container("web-a")), string(containers.StatePaused)) })
	if err := r.app.engine.Remove(t.Context(), "web-a", true); err != nil {
		t.Fatal(err)
	}
	r.until("web-a is gone", func() bool { return r.container("web-a").State == string(history.StateGone) })
	if d = r.container("web-a"); !strings.HasPrefix(steps(d), "starting ready paused ") || !strings.HasSuffix(steps(d), " gone") || d.Pool != "default" {
		t.Errorf("history of web-a = %q in pool %q, want how it came and went", steps(d), d.Pool)
	}
}
