package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

// one is a running container; its labels are "key=value" whole, after the one that enables it.
func one(name string, change func(*engine.Container), labels ...string) engine.Container {
	all := map[string]string{"ballast.enable": "true", "com.example.password": "hush"}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		all[key] = value
	}
	c := engine.Container{
		Summary:  engine.Summary{ID: strings.Repeat(name[:1], 20), Name: name, Image: "shop/web:1.4", Labels: all, State: engine.StateRunning},
		Networks: []engine.Network{{Name: "net", Address: "172.18.0.3"}}, Ports: []engine.Port{{Number: 8080, Protocol: "tcp"}},
	}
	change(&c)
	return c
}

func asIs(*engine.Container) {}

// harbour is what Ballast answers of one container of each kind. The letters that they begin with are
// those of their IDs.
func harbour() telemetry.Input {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	state := func(s engine.State) func(*engine.Container) {
		return func(c *engine.Container) { c.State, c.ExitCode = s, 137 }
	}
	health := func(h engine.Health, output string) func(*engine.Container) {
		return func(c *engine.Container) { c.Health, c.HealthOutput = h, output }
	}
	s := containers.Build(containers.Input{
		Containers: []engine.Container{
			one("a-well", asIs, "ballast.weight=3", "ballast.host=Shop.example", "ballast.timeout=90s"),
			one("b-beside", asIs),
			one("c-badlabel", asIs, "ballast.port=http"),
			one("d-starting", health(engine.HealthStarting, "")),
			one("e-unhealthy", health(engine.HealthUnhealthy, "connection\x1b[2J refused\n")),
			one("f-ejected", asIs),
			one("g-paused", state(engine.StatePaused)),
			one("h-stopped", state(engine.StateExited)),
			one("i-conflict", asIs, "ballast.pool=blog", "ballast.host=shop.example"),
			one("ballast-default-1", func(c *engine.Container) { c.ID = strings.Repeat("j", 20) },
				"ballast.clone=true", "ballast.owner=harbour-1", "ballast.template=a-well", "ballast.slot=1"),
			one("k-ports", func(c *engine.Container) { c.Ports = append(c.Ports, engine.Port{Number: 9090, Protocol: "tcp"}) }),
			one("l-drained", asIs, "ballast.weight=0", "ballast.wieght=2"),
		},
		Prefix: "ballast", Place: containers.Place{Reachable: true}, Instance: "harbour-1",
	})
	in := telemetry.Input{
		Version: "0.5.0", Instance: "harbour-1", Started: now, Now: now, Prefix: "ballast", Entries: s.Entries,
		Engine: containers.EngineStatus{Kind: "docker", Version: "20.10.24", Connected: true, Since: now.Add(-time.Hour), LastSync: now},
		Others: []containers.Other{
			{ID: strings.Repeat("m", 20), Name: "m-stranger", Image: "postgres:16", State: engine.StateRunning},
			{
				ID: strings.Repeat("n", 20), Name: "n-nearmiss", Image: "shop/web:1.4", State: engine.StateRunning,
				Labels: map[string]string{"ballast.enabled": "true", "ballast.pool": "blog"}, Near: "ballast.enabled",
			},
		},
	}
	for _, p := range s.Pools {
		r := proxy.PoolReport{Name: p.Name, Settings: p.Settings, Warnings: p.Warnings, Routes: []proxy.Route{{Host: "shop.example", Path: "/"}}}
		if p.Name == "blog" {
			r.Routes, r.Warnings = nil, []string{"route shop.example/ is that of pool default and is asked for by pool blog as well, which does not get it: change the host or path of one"}
		}
		for _, b := range p.Backends {
			report := proxy.BackendReport{Backend: b, State: b.State, Reason: b.Reason, Requests: 12, Errors: 1}
			if b.Name == "f-ejected" {
				report.State, report.Reason = containers.StateEjected, "5 requests in a row failed; it gets none for 30 s"
			}
			report.Address = netip.MustParseAddrPort("172.18.0.3:8080")
			r.Backends = append(r.Backends, report)
		}
		in.Report.Pools = append(in.Report.Pools, r)
	}
	return in
}

// serveWhy answers what a balancer does.
func serveWhy(t *testing.T, in telemetry.Input) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/containers":
			_ = json.NewEncoder(w).Encode(telemetry.NewContainers(in))
		case "/metrics":
			_ = json.NewEncoder(w).Encode(telemetry.NewDocument(in))
		default:
			t.Errorf("GET %s, want the containers or the metrics", r.URL.Path)
		}
	}))
	t.Cleanup(func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s.URL
}

func ask(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := why(t.Context(), args, &out)
	return out.String(), err
}

func TestWhy(t *testing.T) {
	in := harbour()
	url := serveWhy(t, in)
	var b strings.Builder
	for _, c := range telemetry.NewContainers(in) {
		text, err := ask(t, c.Name, "--url", url)
		if err != nil {
			t.Errorf("ballast why %s = %v", c.Name, err)
		}
		b.WriteString("$ ballast why " + c.Name + "\n" + text + "\n")
	}
	got := b.String()
	golden := filepath.Join("testdata", "why.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("ballast why (-want +got):\n%s", diff)
	}
	if strings.Contains(got, "hush") || strings.Contains(got, "\x1b") {
		t.Error("it shows what is secret, or moves the cursor")
	}
}

func TestWhy_stale(t *testing.T) {
	for held, want := range map[string]string{
		"":                    "  stale: made from an older image; is being replaced\n",
		"a-well is unhealthy": "  stale: made from an older image; is not replaced at present: a-well is unhealthy\n",
	} {
		in := harbour()
		for i := range in.Entries {
			if in.Entries[i].Clone != nil {
				in.Entries[i].Stale = "made from an older image"
			}
		}
		in.Fleet = map[string]telemetry.Fleet{"default": {Stale: 1, StaleHeld: held}}
		got, err := ask(t, "ballast-default-1", "--url", serveWhy(t, in))
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("ballast why = %v, want %q in\n%s", err, want, got)
		}
	}
}

// The page shows what the command prints, and every field of the API.
func TestWhy_page(t *testing.T) {
	page, err := os.ReadFile("../../docs/why.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "why.golden"))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for i, block := range strings.Split(string(page), "```\n") {
		if i%2 == 0 {
			continue
		}
		shown++
		if !strings.Contains(string(golden), block+"\n") {
			t.Errorf("docs/why.md shows what the command does not print:\n%s", block)
		}
	}
	if shown == 0 {
		t.Error("docs/why.md has no example")
	}
	for _, doc := range []any{telemetry.ContainerDoc{}, telemetry.StandingDoc{}, telemetry.LabelDoc{}, telemetry.CloneDoc{}} {
		for field := range reflect.TypeOf(doc).Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("docs/why.md does not tell of %s of %T", key, doc)
			}
		}
	}
}

func TestWhy_matches(t *testing.T) {
	url := serveWhy(t, harbour())
	tests := []struct {
		name string
		args []string
		want []string // how the headlines begin
	}{
		{"by name", []string{"a-well", "--url", url}, []string{"a-well serves"}},
		{"with a slash", []string{"/a-well", "--url", url}, []string{"a-well serves"}},
		{"behind a flag", []string{"--url=" + url, "a-well"}, []string{"a-well serves"}},
		{"behind a flag and its value", []string{"--url", url, "a-well"}, []string{"a-well serves"}},
		{"between flags", []string{"--url", url, "a-well", "--log.level", "info"}, []string{"a-well serves"}},
		{"by ID", []string{strings.Repeat("a", 20), "--url", url}, []string{"a-well serves"}},
		{"by the beginning of an ID", []string{"aaa", "--url", url}, []string{"a-well serves"}},
		{"in capitals", []string{"AAA", "--url", url}, []string{"a-well serves"}},
		{"by the beginning of a name", []string{"b", "--url", url}, []string{"b-beside serves", "ballast-default-1 serves"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := ask(t, tt.args...)
			if err != nil {
				t.Fatalf("ballast why %q = %v", tt.args, err)
			}
			var heads []string
			for l := range strings.Lines(out) {
				if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, " ") {
					heads = append(heads, l)
				}
			}
			if len(heads) != len(tt.want) {
				t.Fatalf("ballast why %q told of %q, want %q", tt.args, heads, tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(strings.Join(heads, "\n"), want) {
					t.Errorf("ballast why %q told of %q, want %q", tt.args, heads, want)
				}
			}
		})
	}
}

func TestWhy_json(t *testing.T) {
	in := harbour()
	out, err := ask(t, "c-badlabel", "--json", "--url", serveWhy(t, in))
	var got []telemetry.ContainerDoc
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || len(got) != 1 {
		t.Fatalf("ballast why --json = %v\n%s", err, out)
	}
	for _, c := range telemetry.NewContainers(in) {
		if diff := cmp.Diff(c, got[0]); c.Name == "c-badlabel" && diff != "" {
			t.Errorf("ballast why --json (-want +got):\n%s", diff)
		}
	}
}

func TestWhy_says_what_is_wrong(t *testing.T) {
	url := serveWhy(t, harbour())
	empty := serveWhy(t, telemetry.Input{Version: "1"})
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no name", []string{"--url", url}, "say which container"},
		{"nothing at all", nil, "say which container"},
		{"two names", []string{"a-well", "b-beside", "--url", url}, `unexpected argument "b-beside"`},
		{"a typo", []string{"a-wlel", "--url", url}, `no container "a-wlel" among the 14 that the engine has; did you mean a-well?`},
		{"a part of names", []string{"health", "--url", url}, "did you mean e-unhealthy?"},
		{"nothing near", []string{"zzzzzzzz\x1b", "--url", url}, `no container "zzzzzzzz\x1b" among the 14 that the engine has; see: docker ps -a`},
		{"no containers", []string{"web", "--url", empty}, "among the 0 that the engine has, as far as Ballast knows; see: ballast status"},
		{"watch", []string{"a-well", "--watch", "--url", url}, "no --watch"},
		{"nobody is there", []string{"a-well", "--url=http://127.0.0.1:1"}, "no answer from Ballast at http://127.0.0.1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := ask(t, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || out != "" {
				t.Errorf("ballast why %q = %v, want %q; it printed %q", tt.args, err, tt.want, out)
			}
		})
	}
}

func TestWhy_in_a_panic(t *testing.T) {
	in := harbour()
	for i := range in.Report.Pools {
		in.Report.Pools[i].Panic = true
	}
	url := serveWhy(t, in)
	for name, want := range map[string]string{
		"a-well":    "share: with all of the pool, as fewer than half of it are available",
		"f-ejected": "f-ejected is ejected, and may get requests, as fewer than half of its pool are available",
		"g-paused":  "g-paused is paused, and gets no new requests",
	} {
		if out, err := ask(t, name, "--url", url); err != nil || !strings.Contains(out, want) {
			t.Errorf("ballast why %s = %v, want %q in\n%s", name, err, want, out)
		}
	}
}

func TestWhy_without_the_engine(t *testing.T) {
	in := harbour()
	in.Engine.Connected, in.Engine.Error = false, "dial: no such file"
	out, err := ask(t, "a-well", "--url", serveWhy(t, in))
	const want = "engine docker 20.10.24: not reachable for 1h0m: dial: no such file\nso this is what was last known\n\na-well serves\n"
	if err != nil || !strings.HasPrefix(out, want) {
		t.Errorf("ballast why = %v, want it to begin with %q:\n%s", err, want, out)
	}
}
