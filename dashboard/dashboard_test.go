package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/internal/telemetry"
	"github.com/ballast-lb/ballast/proxy"
)

func get(t *testing.T, s *served, path string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

var (
	tags   = regexp.MustCompile(`(?s)<(title|style|script)[ >].*?</(title|style|script)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// text is what a reader sees of a page, with single spaces.
func text(page string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, " ")), " "))
}

func TestPage(t *testing.T) {
	lost := busy()
	lost.Engine = containers.EngineStatus{
		Kind: "docker", Version: "20.10.24", Since: noon.Add(-42 * time.Second), LastSync: noon.Add(-44 * time.Second), Error: "connection refused",
	}
	first := input()
	first.Engine = containers.EngineStatus{Kind: "docker", Error: "no such file"}
	embedded := input()
	embedded.Engine.Kind = "embedded"
	invalid := busy()
	invalid.Config = telemetry.ConfigStatus{File: "/etc/ballast.yml", Failed: noon.Add(-time.Minute), Error: "admin.listn: unknown key"}
	pending := busy()
	pending.Config = telemetry.ConfigStatus{File: "/etc/ballast.yml", Loaded: noon, Pending: []string{"instance", "admin.listen"}}
	blocked := busy()
	blocked.Fleet = map[string]telemetry.Fleet{"shop": {Desired: 5, Blocked: "shop-a publishes port 80"}}
	tests := []struct {
		name   string
		in     telemetry.Input
		want   []string
		absent []string
	}{
		{
			"busy", busy(),
			[]string{
				"Ballast 0.1.0 harbour-1 · up 1 d 2 h", "Docker 20.10.24 connected last sync 3 s ago",
				"Requests per second 413.0", "Errors 37 0.03 % of all", "Ready 4 of 6 backends",
				"shop 3 ready of 5 wanted · min 3 · max 8 · 1 starting",
				"weighted balancing sticky sessions, 1h checks /healthz every 10s ejected at 5 failures in a row autoscaling 3–8 " +
					"one more above 20/15s 20 at once each 1,024 may wait, 30s each 1 retry 30s timeout",
				"least-request connection checks every 10s no breaker fixed size no retries",
				"1 starting shop.example / *.shop.example / Scale out from 4 to 5 11:59:56 UTC, 4 s ago 412 req/s", "1 wanted reports.shop.example /v2 least-request",
				"In flight 13 3 of them waiting", "Errors 37 Waiting 3 Held p50 89.1 ms Held p95 1.20 s Held p99 1.20 s Answered",
				"Where requests go", "HTTP :80, HTTPS :443 shop.example / HTTP :80, HTTPS :443 *.shop.example / → shop 412.6 /s ballast-shop-1 6.2 % shop-a 46.9 %",
				"p50 1.24 ms p95 3.80 ms p99 12.4 ms", "Answered by Ballast itself: no-backend 3 , timeout 1",
				"ballast.policy differs", "shop-a: label ballast.wieght is not known",
				"ballast-shop-1 clone 172.18.0.6:8080 · a4f2a9c0d11e ready breaker closed 1 6.2 % of 16.7 % 6 8,114 0 6.90 ms 12.0 ms",
				"shop-c 172.18.0.5:8080 · f4f2a9c0d11e unhealthy breaker closed 1 15.6 % 0 20,411 37",
				"GET /healthz answered 503 three times in a row",
				"Not routed 2", "shop-old running · pool shop it exposes ports 8080 and 9090",
				"11:59:56 4 s ago Scale out shop 4 → 5 412 req/s x 0.15 s = 61.8 busy slots", "Refused shop 4 → 4", "Scale in dry run shop 6 → 4",
				"clones are removed at exit",
			},
			[]string{"All settings", "has not answered", "No containers joined", "No clone can be made", "Panic", "Retries that the budget"},
		},
		{
			"invalid_configuration", invalid,
			[]string{"The configuration can't be read again since 11:59:00 UTC What was in force before stays.", "admin.listn: unknown key"},
			[]string{"in force after a restart"},
		},
		{
			"pending_configuration", pending,
			[]string{"Changed in /etc/ballast.yml, and in force after a restart of Ballast: instance , admin.listen ."},
			[]string{"can't be read again"},
		},
		{
			"troubled", troubled(),
			[]string{
				"2 ready of 5 wanted any host /api path removed any host / what no other route takes " +
					"Panic: fewer than half of the backends are available: requests go to all of them maglev by header:x-tenant",
				"slow start, 30s", "100 may wait, 5s each 100/s per client, 200 at once 2 retries",
				"queue-full 61 , queue-timeout 12 , rate-limited 1,904 Retries that the budget did not allow: 38",
				"asked for by pool default as well",
				"ejected breaker open ejected 2 times 3 46.3 %", "it gets none for 60 s; until 12:00:44 UTC, 44 s from now",
				"ready breaker half-open ejected once 2 30.8 % 4", "on trial after an ejection",
				"unhealthy breaker at 12 of 5", "ready breaker at 2 of 5 1 6.1 % 6",
				"left-over 0 ready of 0 wanted No route leads here", "Errors 0 No container of this pool",
			},
			// What is expected of the shares is not known when requests go to all.
			[]string{"46.3 % of"},
		},
		{
			"empty", input(),
			[]string{"No containers joined yet", "docker run -d --name web-a", "--label ballast.enable=true", "curl http://127.0.0.1:"},
			[]string{"The newest first", "Where requests go", "Not routed", "has not answered"},
		},
		{"empty and embedded", embedded, []string{"No containers joined yet", "Embedded engine"}, []string{"docker run"}},
		{
			"engine lost", lost,
			[]string{
				"not reachable", "The engine has not answered since 11:59:18 UTC", "it has been away for 42 s", "connection refused",
				"shown below", "61,204",
			},
			[]string{"No containers joined"},
		},
		{
			"engine never seen", first,
			[]string{"The engine has not answered yet", "/var/run/docker.sock", "no such file", "last sync never"},
			[]string{"No containers joined", "Traffic goes on"},
		},
		{"clones blocked", blocked, []string{"No clone can be made: shop-a publishes port 80"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.in)
			for _, path := range []string{"/"} {
				resp, body := get(t, s, path)
				if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
					t.Fatalf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
				}
				shown := text(body)
				for _, want := range tt.want {
					if !strings.Contains(shown, want) {
						t.Errorf("%s lacks %q in\n%s", path, want, shown)
					}
				}
				for _, absent := range tt.absent {
					if strings.Contains(shown, absent) {
						t.Errorf("%s shows %q", path, absent)
					}
				}
			}
		})
	}
}

func TestPages(t *testing.T) {
	tests := []struct {
		name, path string
		status     int
		want       []string
		absent     []string
	}{
		{
			"a_pool", "/pools/shop", 200,
			[]string{
				"Pool shop 3 ready of 5 wanted", "All settings of shop host *.shop.example, shop.example path any strip-path false policy weighted sticky true sticky.ttl 1h",
				"Decisions The newest first; times are UTC. All of them", "Refused shop 4 → 4",
				"The last 15 minutes", "Replicas now Scale Min for now Max for now Set Pause autoscaling",
			},
			[]string{"reports", "Where requests go"},
		},
		{
			"a_pool_of_fixed_size", "/pools/reports", 200,
			[]string{"This pool has a fixed size: it scales once a container sets ballast.scale.max."},
			[]string{"Pause autoscaling"},
		},
		{
			"a_backend", "/containers/c4f2a9c0d11e85e3", 200,
			[]string{"shop-a routed", "Drain"},
			nil,
		},
		{"no_pool", "/pools/none", 404, []string{"There is no pool none", "To the overview"}, nil},
		{
			"containers", "/containers", 200,
			[]string{"Containers 3", "shop-a routed running · pool shop label ballast.wieght is not known", "worker not routed exited"},
			nil,
		},
		{
			"a_container", "/containers/shop-old", 200,
			[]string{
				"shop-old not routed running · pool shop · registry.example/shop:1.9 · 9e1b7700aa55", "it exposes ports 8080 and 9090",
				"By hand", "Show its last lines of log", "What became of it", "11:59:56 4 s ago unhealthy was ready : GET /healthz answered 503 three",
			},
			[]string{"Restart", "Drain"},
		},
		{"a_container_by_its_id", "/containers/77aa00bb", 200, []string{"worker not routed", "a pool's name is made of"}, nil},
		{"no_container", "/containers/none", 404, []string{"There is no container none"}, nil},
		{
			"decisions", "/decisions", 200,
			[]string{"All pools shop All actions Scale out Scale in Refused", "11:59:56 4 s ago Scale out shop 4 → 5", "Scale in dry run shop 6 → 4"},
			nil,
		},
		{"decisions_of_a_kind", "/decisions?action=refuse&pool=shop", 200, []string{"Decisions of pool shop", "Refused shop 4 → 4"}, []string{"4 → 5", "6 → 4"}},
		{"no_decisions", "/decisions?pool=none", 200, []string{"None of this choice."}, nil},
	}
	s := serve(t, busy())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := get(t, s, tt.path)
			if resp.StatusCode != tt.status {
				t.Fatalf("%s: %s, want %d", tt.path, resp.Status, tt.status)
			}
			shown := text(body)
			for _, want := range tt.want {
				if !strings.Contains(shown, want) {
					t.Errorf("%s lacks %q in\n%s", tt.path, want, shown)
				}
			}
			for _, absent := range tt.absent {
				if strings.Contains(shown, absent) {
					t.Errorf("%s shows %q", tt.path, absent)
				}
			}
		})
	}
}

// What is set by hand is told with who did it.
func TestPages_overrides(t *testing.T) {
	in := busy()
	mark := autoscale.Mark{By: "anna", At: noon.Add(-time.Minute)}
	in.Overrides = map[string]telemetry.OverrideDoc{"shop": {
		Override: autoscale.Override{Paused: &mark, Max: &autoscale.Setting{N: 9, Mark: mark}},
		Drained:  []telemetry.DrainedDoc{{ID: "c4f2a9c0d11e", Name: "shop-a", Mark: mark}},
	}}
	_, body := get(t, serve(t, in), "/pools/shop")
	for _, want := range []string{
		"Autoscaling is paused, by anna at 11:59:00 UTC The maximum is set to 9, by anna", "shop-a is taken out of rotation, by anna",
		"Take back Resume autoscaling",
	} {
		if shown := text(body); !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q in\n%s", want, shown)
		}
	}
}

func TestPages_when_nobody_may_act(t *testing.T) {
	s := serve(t, busy())
	s.pages.options.MayAct = false
	for _, path := range []string{"/pools/shop", "/containers/shop-old"} {
		_, body := get(t, s, path)
		if strings.Contains(body, "<form") || !strings.Contains(text(body), "htpasswd -B -c users NAME") {
			t.Errorf("%s has forms, or does not say how to have people who may act", path)
		}
	}
}

func TestChart(t *testing.T) {
	s := serve(t, busy())
	resp, body := get(t, s, "/dashboard/charts/shop")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/svg+xml" {
		t.Fatalf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	if err := xml.Unmarshal([]byte(body), new(struct{})); err != nil {
		t.Errorf("the drawing is no XML: %v", err)
	}
	// The newest request rate is the greatest: at the top right.
	if !strings.Contains(body, " 600.0,0.0\"/>") || strings.Count(body, "<polyline") != 12 {
		t.Errorf("the drawing lacks a line: %s", body)
	}
	if resp, _ := get(t, s, "/dashboard/charts/none"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("of no pool: %s, want 404", resp.Status)
	}
}

func TestServeOutcome(t *testing.T) {
	s := serve(t, busy())
	for _, htmx := range []string{"", "true"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/dashboard/act/pools/shop/scale", http.NoBody)
		r.Header.Set("HX-Request", htmx)
		s.pages.ServeOutcome(w, r, http.StatusConflict, Outcome{Text: "the rules want 5", Bad: true, Back: "/pools/shop", Lines: []string{"<b>"}})
		whole := strings.Contains(w.Body.String(), "<html")
		if whole != (htmx == "") || (w.Code == http.StatusConflict) != whole {
			t.Errorf("htmx %q: %d, whole page %v", htmx, w.Code, whole)
		}
		if shown := w.Body.String(); !strings.Contains(shown, "the rules want 5") || !strings.Contains(shown, `role="alert"`) || !strings.Contains(shown, "&lt;b&gt;") {
			t.Errorf("htmx %q shows %s", htmx, shown)
		}
	}
}

// A page with all that it loads, as browsers ask for it.
func TestPages_weigh_little(t *testing.T) {
	s := serve(t, busy())
	for _, page := range []string{"/", "/pools/shop", "/containers/shop-a", "/decisions"} {
		_, body := get(t, s, page)
		sum := 0
		for _, path := range append(regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllString(body, -1), page) {
			resp, content := get(t, s, strings.Trim(path, `"`), "Accept-Encoding", "gzip")
			if !strings.HasSuffix(resp.Header.Get("Content-Type"), "xml") && resp.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("%s is sent as it is: %v", path, resp.Header)
			}
			sum += len(content)
		}
		if t.Logf("%s: %d bytes", page, sum); sum > 150_000/2 {
			t.Errorf("%s weighs %d bytes, want at most half of 150 kB", page, sum)
		}
	}
}

func TestPage_Titles(t *testing.T) {
	lost := busy()
	lost.Engine.Connected = false
	for want, in := range map[string]telemetry.Input{
		"4/6 ready · Ballast": busy(), "no backends · Ballast": input(), "engine lost · Ballast": lost,
	} {
		s := serve(t, in)
		for _, path := range []string{"/"} {
			if _, body := get(t, s, path); !strings.Contains(body, "<title>"+want+"</title>") {
				t.Errorf("%s has not the title %q", path, want)
			}
		}
	}
}

// Labels, names and an engine's messages are written by whoever starts a container.
func TestPage_EscapesEverything(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>' onmouseover='x {{.}} javascript:alert(1)`
	b := member(3, evil, 1, 1)
	b.Container, b.Network, b.State, b.Reason = evil, evil, containers.State(evil), evil
	in := input()
	in.Version, in.Instance = evil, evil
	in.Engine = containers.EngineStatus{Kind: evil, Version: evil, Error: evil, LastSync: noon}
	in.Report = proxy.Report{Pools: []proxy.PoolReport{{
		Name: evil, Warnings: []string{evil}, Rejected: map[string]uint64{evil: 1}, Backends: []proxy.BackendReport{b},
		Routes: []proxy.Route{{Host: evil, Path: evil}},
		Settings: containers.Settings{
			Policy: evil, Hash: containers.Hash{Source: evil, Name: evil}, Route: containers.Route{Hosts: evil, Path: evil},
			Scale:  containers.Scale{Max: 1, Image: evil},
			Health: containers.HealthCheck{Path: evil}, Sticky: containers.Sticky{Enabled: true, Cookie: evil},
		},
	}}}
	in.Fleet = map[string]telemetry.Fleet{evil: {Blocked: evil}}
	summary := engine.Summary{ID: evil, Name: evil, Image: evil, State: engine.State(evil), Labels: map[string]string{evil: evil}}
	in.Entries = []containers.Entry{
		{Container: engine.Container{Summary: summary}, Pool: evil, Reason: evil, Warnings: []string{evil}},
		{Container: engine.Container{Summary: summary}, Pool: evil, Routed: true, Warnings: []string{evil}},
	}
	in.Decisions = []autoscale.Decision{{Time: noon, Pool: evil, Action: autoscale.Action(evil), Reason: evil}}
	s := serve(t, in)
	_, body := get(t, s, "/")
	// Our own three scripts are the only ones, and nothing breaks out of a text or an attribute.
	if n := strings.Count(body, "<script"); n != 3 {
		t.Errorf("%d scripts in the page, want 3", n)
	}
	if strings.Contains(body, "<img") {
		t.Error("an element came in by a name")
	}
	for _, tag := range regexp.MustCompile(`<[a-zA-Z][^>]*`).FindAllString(body, -1) {
		outside := regexp.MustCompile(`"[^"]*"|'[^']*'`).ReplaceAllString(tag, "")
		if strings.Contains(outside, "onerror") || strings.Contains(outside, "onmouseover") || strings.Contains(outside, "alert") {
			t.Errorf("an attribute came in by a name: %s", tag)
		}
	}
	if n := strings.Count(text(body), evil); n < 24 {
		t.Errorf("the hostile text is shown %d times, want it wherever it stands", n)
	}
}

func TestHeaders(t *testing.T) {
	s := serve(t, busy())
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
			"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff",
		"Referrer-Policy":        "same-origin",
	}
	for _, path := range []string{"/", "/pools/shop", "/decisions", "/pools/none", "/assets/ballast.css", "/assets/none.css"} {
		resp, _ := get(t, s, path)
		for name, value := range want {
			if got := resp.Header.Get(name); got != value {
				t.Errorf("%s: %s = %q, want %q", path, name, got, value)
			}
		}
	}
	for _, path := range []string{"/", "/pools/shop", "/containers", "/decisions"} {
		if resp, _ := get(t, s, path); resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control = %q, want no-store", path, resp.Header.Get("Cache-Control"))
		}
	}
}

// The policy forbids what is inline; a browser would leave it out without a word to the user.
func TestPage_HasNothingInline(t *testing.T) {
	_, body := get(t, serve(t, busy()), "/")
	if m := regexp.MustCompile(`(?i)\sstyle=|<style|\son[a-z]+=|javascript:|https?://`).FindString(body); m != "" {
		t.Errorf("the page contains %q", m)
	}
	for _, script := range regexp.MustCompile(`(?s)<script.*?</script>`).FindAllString(body, -1) {
		if !strings.Contains(script, ` src="/assets/`) || !strings.HasSuffix(script, "></script>") {
			t.Errorf("inline script: %s", script)
		}
	}
	if !strings.Contains(body, `<noscript><meta http-equiv="refresh" content="5"></noscript>`) {
		t.Error("the page does not refresh itself without JavaScript")
	}
}

func TestAssets(t *testing.T) {
	s := serve(t, busy())
	_, body := get(t, s, "/")
	found := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(found) != 5 {
		t.Fatalf("the page loads %d files, want 5: %v", len(found), found)
	}
	for _, m := range found {
		path := m[1]
		resp, content := get(t, s, path)
		if resp.StatusCode != http.StatusOK || content == "" {
			t.Errorf("%s: %s, %d bytes", path, resp.Status, len(content))
		}
		if got := resp.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control = %q, want immutable", path, got)
		}
		kind := map[string]string{".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
		name, _, _ := strings.Cut(path, "?")
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, kind[filepath.Ext(name)]) {
			t.Errorf("%s: Content-Type = %q", path, got)
		}
		bare, _ := get(t, s, name+"?v=other")
		if got := bare.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s of another version: Cache-Control = %q, want no-cache", name, got)
		}
		again, _ := get(t, s, path, "If-None-Match", resp.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s with its ETag: %s, want 304", path, again.Status)
		}
	}
	for _, path := range []string{"/assets/", "/assets/VENDOR.md", "/assets/htmx-LICENSE", "/assets/..%2fdashboard.go", "/assets/nothing.js"} {
		if resp, _ := get(t, s, path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, resp.Status)
		}
	}
}

func TestHead(t *testing.T) {
	s := serve(t, busy())
	for _, path := range []string{"/", "/assets/ballast.css"} {
		resp, err := s.Client().Head(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %s, want 200", path, resp.Status)
		}
	}
}

// TestVendor compares the files made by others with the sums their VENDOR.md states.
func TestVendor(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` .*`([0-9a-f]{64})` \\|$")
	for dir, want := range map[string]int{"assets": 4, "../internal/browser/axe": 1} {
		table, err := os.ReadFile(filepath.Join(dir, "VENDOR.md"))
		if err != nil {
			t.Fatal(err)
		}
		rows := row.FindAllStringSubmatch(string(table), -1)
		if len(rows) != want {
			t.Fatalf("%s/VENDOR.md has %d rows, want %d", dir, len(rows), want)
		}
		for _, r := range rows {
			content, err := os.ReadFile(filepath.Join(dir, r[1]))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != r[2] {
				t.Errorf("%s/%s is not the file that VENDOR.md names", dir, r[1])
			}
		}
	}
}

func TestRender_FailureIsNoHalfPage(t *testing.T) {
	var logged strings.Builder
	d := New(Options{
		Document: func() telemetry.Document { return telemetry.NewDocument(busy()) },
		Logger:   zerolog.New(&logged),
	})
	d.templates = d.templates.Funcs(map[string]any{"asset": func(string) (string, error) { return "", errors.New("boom") }})
	w := httptest.NewRecorder()
	d.servePage(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("status %d, body %q, want 500 and no page", w.Code, w.Body.String())
	}
	if !strings.Contains(logged.String(), "boom") {
		t.Errorf("log = %q, want the reason", logged.String())
	}
}
