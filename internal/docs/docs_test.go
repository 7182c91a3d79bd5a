package docs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/telemetry"
)

var update = flag.Bool("update", false, "write the pages instead of comparing them")

// The marks between which the README's label table stands.
const (
	labelsBegin = "<!-- labels:begin (made by make generate) -->\n"
	labelsEnd   = "<!-- labels:end -->"
)

func TestPages(t *testing.T) {
	pages := []struct {
		path string
		want func(t *testing.T, have string) string
	}{
		{"../../docs/configuration.md", func(*testing.T, string) string { return configuration() }},
		{"../../docs/metrics.md", func(*testing.T, string) string { return metrics() }},
		{"../../README.md", readme},
	}
	for _, p := range pages {
		t.Run(p.path, func(t *testing.T) {
			have, err := os.ReadFile(p.path)
			if err != nil && !*update {
				t.Fatal(err)
			}
			want := p.want(t, string(have))
			if *update {
				if err := os.WriteFile(p.path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, string(have)); diff != "" {
				t.Errorf("%s is not what the code says; run: make generate (-want +got):\n%s", p.path, diff)
			}
		})
	}
}

func configuration() string {
	var b strings.Builder
	b.WriteString("<!-- Made by make generate from internal/config/keys.go. -->\n\n# Configuration\n\n" +
		"Defaults < YAML file < environment < flags. The file is named by `--config` or `BALLAST_CONFIG`; the key\n" +
		"`admin.listen` is `BALLAST_ADMIN_LISTEN` in the environment and `--admin.listen` as a flag. An unknown key is an\n" +
		"error; all problems are reported at once, each with its key. `ballast check` validates without starting.\n\n" +
		"| key | environment | default | example | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range config.Keys() {
		def := "`" + k.Default + "`"
		if k.Default == "" || k.Name == "instance" { // The host name differs from machine to machine.
			def = ""
		}
		example := ""
		if k.Example != "" {
			example = "`" + k.Example + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", k.Name, k.Env(), def, example, k.Meaning)
	}
	var live []string
	for _, k := range config.Keys() {
		if k.Live() {
			live = append(live, "`"+k.Name+"`")
		}
	}
	fmt.Fprintf(&b, "\n## Changes while it runs\n\nA change of the file is noticed, and `SIGHUP` (`docker kill -s HUP`, which stops nothing) asks for it: everything is\n"+
		"read again. If all of it is valid, `pools` and %s count at once,\n"+
		"and keys that need a restart are named in the log, on the page and in `GET /metrics` (`config.pending`). If anything\n"+
		"is not valid, nothing changes, and the same three say why (`loadbalancer_config_valid` is 0). Certificates are read\n"+
		"again by themselves.\n", strings.Join(live, ", "))
	b.WriteString("\n## Pools\n\n`pools.<name>.<label>` sets what the labels of a pool set (see [labels.md](labels.md)) and wins over them:\n\n" +
		"```yaml\nadmin:\n  listen: \":8080\"\ntraffic:\n  listen: \":80\"\n  tls:\n    listen: \":443\"\n    redirect: true\n" +
		"    cert: [shop.pem, api.pem]\n    key: [shop.key, api.key]\non-exit: remove\npools:\n  default:\n    policy: least-request\n" +
		"    host: [shop.example, \"*.shop.example\"]\n    health: {path: /healthz, interval: 5s}\n    scale: {max: 8}\n    sticky: true\n    sticky.ttl: 30m\n" +
		"    rate-limit: 100/s\n```\n")
	return b.String()
}

func metrics() string {
	var b strings.Builder
	b.WriteString("<!-- Made by make generate from internal/telemetry/families.go. -->\n\n# Metrics\n\n" +
		"`GET /prometheus` has these, and those of the Go runtime and the process under their usual names. The series of a\n" +
		"backend or a pool end with it. `GET /metrics` has the same as JSON, with latencies of the last minute\n" +
		"(and times in the queue since the pool began), and with the last decision of each pool that scales\n" +
		"(`last_decision`: time, action, from, to, reason, dry_run, inputs).\n\n" +
		"| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range telemetry.Families() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, strings.Join(f.Labels, ", "), f.Help)
	}
	return b.String()
}

// readme is the README with its label table as in docs/labels.md.
func readme(t *testing.T, have string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/labels.md")
	if err != nil {
		t.Fatal(err)
	}
	table := "| label | default | example | meaning |\n| --- | --- | --- | --- |\n"
	own, _, _ := strings.Cut(string(page), "## Set by Ballast")
	for line := range strings.Lines(own) {
		if strings.HasPrefix(line, "| `") {
			table += line
		}
	}
	before, rest, ok := strings.Cut(have, labelsBegin)
	_, after, ok2 := strings.Cut(rest, labelsEnd)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks the marks %q and %q", labelsBegin, labelsEnd)
	}
	return before + labelsBegin + table + labelsEnd + after
}
