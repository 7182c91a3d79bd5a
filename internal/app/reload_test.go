package app

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

// put replaces a file as editors and deployments do: by a rename.
func put(t *testing.T, path, text string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func (r *running) document() (d telemetry.Document) {
	r.t.Helper()
	_, body := r.get("/metrics")
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *running) policy() string {
	for _, p := range r.document().Pools {
		if p.Name == defaultPool {
			return p.Policy
		}
	}
	return ""
}

// What changes between the first reading of the file and the start of who looks at it is a change.
func TestApp_reloads_what_changed_while_it_started(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ballast.yml")
	put(t, path, "pools: {default: {policy: random}}\n")
	sources := config.Sources{
		Args:  []string{"--config", path, "--admin.listen=127.0.0.1:0", "--traffic.listen=off"},
		Fixed: map[string]string{"engine": config.EngineEmbedded},
	}
	read, err := config.Load(sources)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, "pools: {default: {policy: ip-hash}}\n")
	r := run(t, Options{
		Config: read, Logger: zerolog.New(zerolog.NewTestWriter(t)), Load: func() (config.Config, error) { return config.Load(sources) },
	})
	r.until("the policy of the new file", func() bool { return r.policy() == "ip-hash" })
}

func TestApp_reloads_its_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ballast.yml")
	put(t, path, "pools: {default: {policy: random}}\n")
	r := start(t, "--config", path)
	if got := r.policy(); got != "random" {
		t.Fatalf("policy at the start = %q, want random", got)
	}

	put(t, path, "pools: {default: {policy: ip-hash}}\ntrusted-proxies: 192.0.2.0/24\non-exit: remove\nshutdown.timeout: 7s\nscale.max-containers: 3\n")
	r.until("the policy of the new file", func() bool { return r.policy() == "ip-hash" })
	if !r.app.trust.Contains(netip.MustParseAddr("192.0.2.9")) {
		t.Error("the new trusted proxy is not trusted")
	}
	if c := r.app.reloader.config(); c.OnExit != "remove" || c.ShutdownTimeout.Seconds() != 7 || c.MaxContainers != 3 {
		t.Errorf("in force: %+v, want what the file says", c)
	}
	_, page := r.get("/")
	if !strings.Contains(page, "clones are removed at exit") {
		t.Error("the page does not show the new on-exit")
	}

	// What is not valid changes nothing, and is told.
	put(t, path, "pools: {default: {policy: fastest}}\nadmin: {listn: ':1'}\n")
	r.until("the error", func() bool { return r.document().Config.Error != "" })
	c := r.document().Config
	if r.policy() != "ip-hash" || c.Failed == nil || !strings.Contains(c.Error, "fastest") || !strings.Contains(c.Error, "admin.listn") {
		t.Errorf("policy %q, configuration %+v, want what was in force, and both errors", r.policy(), c)
	}
	if _, body := r.get("/prometheus"); !strings.Contains(body, "loadbalancer_config_valid 0") {
		t.Error("the metrics do not tell that the configuration is not valid")
	}

	// What needs a new start is told by name, and the rest counts.
	put(t, path, "pools: {default: {policy: maglev}}\nadmin: {listen: ':1'}\ninstance: other\n")
	r.until("the next policy", func() bool { return r.policy() == "maglev" })
	// Flags win over the file, so that admin.listen is as it was.
	if c := r.document().Config; c.Error != "" || c.Failed != nil || !slices.Equal(c.Pending, []string{"instance"}) {
		t.Errorf("configuration = %+v, want no error, and instance to need a start", c)
	}
	if r.document().Instance == "other" {
		t.Error("the instance has changed")
	}

	// The signal reads it though nothing changed.
	before := r.document().Config.Loaded
	r.reload <- syscall.SIGHUP
	r.until("the signal to be heeded", func() bool { return r.document().Config.Loaded.After(*before) })
}
