package app

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// TestApp_containers asks the API for all that the engine has.
func TestApp_containers(t *testing.T) {
	r := start(t)
	for name, labels := range map[string]map[string]string{
		"db":  {"password": "hush"},
		"cms": {"ballast.enabled": "true"},
		"bad": {"ballast.enable": "true", "ballast.weight": "heavy"},
	} {
		if _, err := r.app.engine.Create(t.Context(), engine.Spec{Name: name, Template: "web-a", Labels: labels}); err != nil {
			t.Fatal(err)
		}
	}
	type doc struct {
		Enabled, Routed bool
		Reason, Remedy  string
		State           string
	}
	var all []telemetry.ContainerDoc
	read := func() map[string]doc {
		resp, body := r.get("/api/v1/containers")
		all = nil
		if err := json.Unmarshal([]byte(body), &all); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET /api/v1/containers = %s, %v: %s", resp.Status, err, body)
		}
		got := make(map[string]doc)
		for _, c := range all {
			d := doc{Enabled: c.Enabled, Routed: c.Routed, Reason: c.Reason, Remedy: c.Remedy}
			if c.Backend != nil {
				d.State = string(c.Backend.State)
			}
			got[c.Name] = d
		}
		return got
	}
	r.until("all are known", func() bool { return len(read()) == 6 })
	const join = "if it is to serve, recreate it with the label ballast.enable=true"
	const mend = "mend the label and recreate bad: the labels of a container can't be changed"
	want := map[string]doc{
		"web-a": {Enabled: true, Routed: true, State: "ready"},
		"web-b": {Enabled: true, Routed: true, State: "ready"},
		"web-c": {Enabled: true, Routed: true, State: "ready"},
		"db":    {Reason: "does not have the label ballast.enable=true; " + join, Remedy: join},
		"cms":   {Reason: "has the label ballast.enabled, which means nothing here; did you mean ballast.enable?; " + join, Remedy: join},
		"bad":   {Enabled: true, Reason: `ballast.weight="heavy": must be a whole number from 0 to 256`, Remedy: mend},
	}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	for _, c := range all {
		if c.Name == "bad" && (len(c.Labels) < 2 || c.Labels[1].Refused == "" || *c.Labels[1].Value != "heavy") {
			t.Errorf("labels of bad = %+v, want ballast.weight=heavy refused", c.Labels)
		}
	}
	if d := r.app.document(); len(d.Containers) != 4 {
		t.Errorf("the dashboard is told of %d containers, want the 4 that are labelled", len(d.Containers))
	}
}
