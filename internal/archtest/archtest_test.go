package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ballast-lb/ballast"

// rule says that a package and all below it depend on nothing of forbidden, directly or not.
type rule struct {
	from      string
	below     bool
	forbidden []string
}

var rules = []rule{
	{from: "engine", forbidden: []string{module + "/", "github.com/docker", "net/http"}},
	{from: "engine/embedded", forbidden: []string{"github.com/docker"}},
	{from: "containers", below: true, forbidden: []string{
		"github.com/docker", module + "/engine/", module + "/proxy", module + "/dashboard", module + "/internal/app",
	}},
	{from: "containers/autoscale", forbidden: []string{module + "/"}},
	{from: "containers/autoscale", below: true, forbidden: []string{module + "/engine", module + "/containers", "net/http"}},
	{from: "proxy", below: true, forbidden: []string{"github.com/docker", module + "/engine/", module + "/dashboard", module + "/internal/app"}},
	{from: "proxy", forbidden: []string{"net/http"}},
	{from: "proxy/balance", below: true, forbidden: []string{"net/http", module + "/containers", module + "/engine"}},
	{from: "proxy/health", below: true, forbidden: []string{"net/http"}},
	{from: "proxy/route", below: true, forbidden: []string{"net/http", module + "/"}},
	{from: "proxy/queue", below: true, forbidden: []string{"net/http", module + "/"}},
	{from: "proxy/limit", below: true, forbidden: []string{"net/http", module + "/"}},
	{from: "proxy/forward", below: true, forbidden: []string{"net/http", module + "/"}},
	{from: "proxy/http1", forbidden: []string{"net/http", module + "/"}},
	{from: "proxy/http1/front", below: true, forbidden: []string{"net/http", module + "/dashboard", module + "/internal/app"}},
	{from: "dashboard", below: true, forbidden: []string{"github.com/docker", module + "/engine/", module + "/internal/app"}},
	{from: "internal/telemetry", below: true, forbidden: []string{"github.com/docker", module + "/engine/", module + "/internal/app", module + "/dashboard"}},
	{from: "internal/history", below: true, forbidden: []string{"net/http", module + "/engine/", module + "/proxy", module + "/internal/telemetry", module + "/dashboard"}},
	{from: "internal/mockbackend", below: true, forbidden: []string{module + "/engine", module + "/containers", module + "/proxy"}},
}

type listed struct {
	ImportPath string
	Deps       []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Deps", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return pkgs
		case err != nil:
			t.Fatalf("decode go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

// matches tells whether a dependency is what a rule forbids. A prefix that ends in "/" is only what
// lies below; otherwise the package itself and what lies below.
func matches(dep, forbidden string) bool {
	if strings.HasSuffix(forbidden, "/") {
		return strings.HasPrefix(dep, forbidden)
	}
	return dep == forbidden || strings.HasPrefix(dep, forbidden+"/")
}

func TestArrows(t *testing.T) {
	pkgs := packages(t)
	for _, r := range rules {
		t.Run(r.from, func(t *testing.T) {
			from, seen := module+"/"+r.from, false
			for _, p := range pkgs {
				if p.ImportPath != from && (!r.below || !strings.HasPrefix(p.ImportPath, from+"/")) {
					continue
				}
				seen = true
				for _, dep := range p.Deps {
					// What a rule is about may depend on itself and what lies below.
					own := dep == p.ImportPath || dep == from || strings.HasPrefix(dep, from+"/")
					if !own && slices.ContainsFunc(r.forbidden, func(f string) bool { return matches(dep, f) }) {
						t.Errorf("%s depends on %s, which the rule for %s forbids", p.ImportPath, dep, r.from)
					}
				}
			}
			if !seen {
				t.Errorf("no package %s: the rule guards nothing", from)
			}
		})
	}
}

// TestDocker keeps the frozen module behind one package, so that only that package moves one day.
func TestDocker(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var importers []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if slices.ContainsFunc(fields[1:], func(i string) bool { return strings.HasPrefix(i, "github.com/docker/docker") }) {
			importers = append(importers, fields[0])
		}
	}
	if want := []string{module + "/engine/docker"}; !slices.Equal(importers, want) {
		t.Errorf("packages that import docker/docker = %q, want %q", importers, want)
	}
}
