package dashboard

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

var update = flag.Bool("update", false, "write the storybook")

// story is a page in a state.
type story struct {
	name, path string
	in         telemetry.Input
	nobodyActs bool
}

// stories are every page in every state that it can be in.
func stories() []story {
	lost, first, embedded, invalid, pending, blocked, overridden, stale := busy(), input(), input(), busy(), busy(), busy(), busy(), busy()
	lost.Engine = containers.EngineStatus{
		Kind: "docker", Version: "20.10.24", Since: noon.Add(-42 * time.Second), LastSync: noon.Add(-44 * time.Second), Error: "connection refused",
	}
	first.Engine = containers.EngineStatus{Kind: "docker", Error: "no such file"}
	embedded.Engine.Kind = "embedded"
	invalid.Config = telemetry.ConfigStatus{File: "/etc/ballast.yml", Failed: noon.Add(-time.Minute), Error: "admin.listn: unknown key"}
	pending.Config = telemetry.ConfigStatus{File: "/etc/ballast.yml", Loaded: noon, Pending: []string{"instance", "admin.listen"}}
	blocked.Fleet = map[string]telemetry.Fleet{"shop": {Desired: 5, Blocked: "shop-a publishes port 80", Warming: 1}}
	stale.Fleet = map[string]telemetry.Fleet{"shop": {Desired: 5, Stale: 2, StaleHeld: "the new one has not been ready"}}
	labelled := busy()
	labelled.Prefix = containers.DefaultPrefix
	labelled.Entries[2].Container.Labels = map[string]string{"ballast.enable": "true", "ballast.pool": "shop", "ballast.weight": "heavy"}
	mark := autoscale.Mark{By: "anna", At: noon.Add(-time.Minute)}
	overridden.Overrides = map[string]telemetry.OverrideDoc{"shop": {
		Override: autoscale.Override{Paused: &mark, Replicas: &autoscale.Held{Setting: autoscale.Setting{N: 4, Mark: mark}}, Max: &autoscale.Setting{N: 9, Mark: mark}},
		Drained:  []telemetry.DrainedDoc{{ID: "d4f2a9c0d11e", Name: "shop-a", Mark: mark}},
	}}
	return []story{
		{name: "busy", path: "/", in: busy()},
		{name: "troubled", path: "/", in: troubled()},
		{name: "nothing joined yet", path: "/", in: input()},
		{name: "nothing joined yet, embedded engine", path: "/", in: embedded},
		{name: "engine lost", path: "/", in: lost},
		{name: "engine never seen", path: "/", in: first},
		{name: "configuration invalid", path: "/", in: invalid},
		{name: "configuration pending", path: "/", in: pending},
		{name: "clones blocked", path: "/", in: blocked},
		{name: "clones stale", path: "/", in: stale},
		{name: "pool", path: "/pools/shop", in: busy()},
		{name: "pool of fixed size", path: "/pools/reports", in: busy()},
		{name: "pool in panic", path: "/pools/default", in: troubled()},
		{name: "pool without backends", path: "/pools/left-over", in: troubled()},
		{name: "pool with what was set by hand", path: "/pools/shop", in: overridden},
		{name: "pool where nobody may act", path: "/pools/shop", in: busy(), nobodyActs: true},
		{name: "no such pool", path: "/pools/none", in: busy()},
		{name: "containers", path: "/containers", in: busy()},
		{name: "no containers", path: "/containers", in: input()},
		{name: "backend", path: "/containers/shop-a", in: labelled},
		{name: "container that is not routed", path: "/containers/shop-old", in: busy()},
		{name: "container where nobody may act", path: "/containers/shop-old", in: busy(), nobodyActs: true},
		{name: "no such container", path: "/containers/none", in: busy()},
		{name: "decisions", path: "/decisions", in: busy()},
		{name: "decisions of a pool and kind", path: "/decisions?pool=shop&action=refuse", in: busy()},
		{name: "no decisions", path: "/decisions", in: input()},
	}
}

// TestStorybook draws every state of every page into one file, to be read in a diff and to be opened in a browser.
// go test ./dashboard -run Storybook -update writes it.
func TestStorybook(t *testing.T) {
	var book bytes.Buffer
	book.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<title>Every state of the dashboard</title>\n<link rel=\"stylesheet\" href=\"../assets/ballast.css\">\n</head>\n<body>\n")
	s := serve(t, busy())
	if err := s.pages.templates.ExecuteTemplate(&book, "icons", nil); err != nil {
		t.Fatal(err)
	}
	chapter := func(name string, html []byte) {
		fmt.Fprintf(&book, "\n<!-- ===== %s ===== -->\n<article class=\"page\"><p class=\"muted\">%[1]s</p>\n%s\n</article>\n", name, bytes.TrimSpace(html))
	}
	for _, x := range stories() {
		s.show(x.in)
		s.pages.options.MayAct = !x.nobodyActs
		page, err := draw(s.pages.templates, s.pages.sheet(parse("ballast.example:8080", x.path)))
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		var html bytes.Buffer
		for _, id := range []string{"brand", "engine", "notices"} {
			section, err := page.Section(id)
			if err != nil {
				t.Fatal(err)
			}
			html.WriteString(string(section) + "\n")
		}
		if err := s.pages.templates.ExecuteTemplate(&html, page.layout, page); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		chapter(x.name, html.Bytes())
	}
	for _, x := range []struct {
		name, template string
		data           any
	}{
		{"act done", "outcome", Outcome{Text: "anna set replicas to 4 by hand: 2 ready: start 2"}},
		{"act refused", "outcome", Outcome{Text: "the rules want 5: pause autoscaling first", Bad: true}},
		{"act of who has not logged in", "outcome", Outcome{Text: "only who has logged in may do that.", Bad: true, LogIn: true}},
		{"lines of log", "outcome", Outcome{Text: "The last 2 lines of web-a:", Lines: []string{"2026-01-02T12:00:00Z GET /\n", "2026-01-02T12:00:01Z <b>GET</b> /\n"}}},
	} {
		var html bytes.Buffer
		if err := s.pages.templates.ExecuteTemplate(&html, x.template, x.data); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		chapter(x.name, html.Bytes())
	}
	book.WriteString("</body>\n</html>\n")

	path := filepath.Join("testdata", "storybook.html")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, book.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), book.String()); diff != "" {
		t.Errorf("the pages are drawn otherwise (go test ./dashboard -run Storybook -update writes them): %s", diff)
	}
}

// Each template of the pages is in some story: a new one is to be shown as well.
func TestStorybook_has_every_template(t *testing.T) {
	book, err := os.ReadFile(filepath.Join("testdata", "storybook.html"))
	if err != nil {
		t.Fatal(err)
	}
	signs := map[string]string{
		"brand": `class="version"`, "engine": `class="engine-name"`, "engine-trouble": "notice-bad", "config-trouble": "in force after a restart",
		"tiles": `class="tiles"`, "empty": "No containers joined yet", "topology": `class="flows"`, "pool": `class="card pool"`, "routes": `class="routes"`,
		"left": "Not routed", "changes": "What changed in the last five minutes", "change-list": `class="changes"`,
		"decisions": ">Decisions<", "decision-list": `class="decisions"`, "decisions-page": "Filter by pool", "containers-page": "All that the engine has",
		"container": `class="card one"`, "life": "What became of it", "labels": "Its labels", "pool-acts": "Pause autoscaling", "container-acts": "Show its last lines",
		"charts": `id="charts-of"`, "outcome": `class="outcome"`, "missing": "To the overview",
	}
	for template, sign := range signs {
		if !bytes.Contains(book, []byte(sign)) {
			t.Errorf("no story shows %s", template)
		}
	}
	elsewhere := map[string]bool{ // In the frame, a drawing of its own, or with a test of its own.
		"page": true, "icon": true, "icons": true, "foot": true, "notices": true, "chart": true, "outcome-page": true,
		"overview": true, "one-pool": true, "one-container": true, "only": true, "login.html": true,
	}
	for _, x := range New(Options{}).templates.Templates() {
		name := x.Name()
		if name == "" || filepath.Ext(name) == ".html" || elsewhere[name] {
			continue
		}
		if signs[name] == "" {
			t.Errorf("template %s is in no story: add one, and its sign here", name)
		}
	}
}
