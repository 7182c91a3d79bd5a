package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

// pools makes a snapshot of pools given as "name hosts path [strip]", where "-" is a label that was not set.
func pools(texts ...string) *containers.Snapshot {
	s := &containers.Snapshot{}
	for i, text := range texts {
		f := strings.Fields(text + " - -")
		p := &containers.Pool{Name: f[0], Settings: settings(), Warnings: []string{"old"}}
		b := backend(string(rune('a'+i)), 1)
		b.Container = "id-" + f[0]
		p.Backends = []containers.Backend{b}
		if f[1] != "-" {
			p.Settings.Route.Hosts = f[1]
		}
		if f[2] != "-" {
			p.Settings.Route.Path = f[2]
		}
		p.Settings.Route.Strip = strings.HasSuffix(text, " strip")
		s.Pools = append(s.Pools, p)
	}
	return s
}

// routed says where a request for "host/path" goes: the pool, and how much is stripped.
func routed(c *proxy.Core, url string) string {
	i := strings.IndexByte(url, '/')
	target, ok := c.Route([]byte(url[:i]), []byte(url[i:]))
	if !ok {
		return "nowhere"
	}
	return fmt.Sprintf("%s %d", target.Pool.Name(), target.Strip)
}

func TestCore_Route(t *testing.T) {
	tests := []struct {
		name  string
		pools []string
		want  map[string]string
	}{
		{"no pools", nil, map[string]string{"shop.example/": "nowhere"}},
		{"default takes everything", []string{"default - -"}, map[string]string{"shop.example/a": "default 0", "/": "default 0"}},
		{"another takes nothing unless asked", []string{"shop - -"}, map[string]string{"shop.example/": "nowhere"}},
		{"default takes what is left", []string{"default - -", "shop shop.example -"}, map[string]string{
			"shop.example/a": "shop 0", "other.example/a": "default 0", "SHOP.example:8443/": "shop 0",
		}},
		{"default with routes of its own takes those", []string{"default www.example -", "shop shop.example -"}, map[string]string{
			"www.example/": "default 0", "shop.example/": "shop 0", "other.example/": "nowhere",
		}},
		{"default with a path of its own", []string{"default - /app"}, map[string]string{"any/app/x": "default 0", "any/": "nowhere"}},
		{"several hosts", []string{"shop *.shop.example,shop.example -"}, map[string]string{
			"shop.example/": "shop 0", "eu.shop.example/": "shop 0", "example/": "nowhere",
		}},
		{"path without a host", []string{"api - /api", "default - -"}, map[string]string{
			"any/api/x": "api 0", "any/api": "api 0", "any/apix": "default 0",
		}},
		{"strip is as long as the path", []string{"api - /api/v1 strip", "default - -"}, map[string]string{
			"any/api/v1/x": "api 7", "any/api/v1": "api 7", "any/api": "default 0",
		}},
		{"nothing is stripped of /", []string{"api api.example / strip"}, map[string]string{"api.example/x": "api 0"}},
		{"nothing is stripped without a path", []string{"api api.example - strip"}, map[string]string{"api.example/x": "api 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCore()
			c.Apply(pools(tt.pools...))
			got := map[string]string{}
			for url := range tt.want {
				got[url] = routed(c, url)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("routes differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCore_Route_before_the_first_snapshot(t *testing.T) {
	if got := routed(newCore(), "shop.example/"); got != "nowhere" {
		t.Errorf("it goes to %s, want nowhere", got)
	}
}

// told is what the report says of a pool's routes, and its warnings.
func told(c *proxy.Core, name string) (routes string, warnings []string) {
	for _, p := range c.Report(time.Now()).Pools {
		if p.Name != name {
			continue
		}
		for _, r := range p.Routes {
			routes += fmt.Sprintf("%s strip=%t ", r, r.Strip)
		}
		warnings = p.Warnings
	}
	return strings.TrimSpace(routes), warnings
}

func conflict(route, holder, refused string) string {
	return fmt.Sprintf("route %s is that of pool %s and is asked for by pool %s as well, which does not get it: change the host or path of one",
		route, holder, refused)
}

func TestCore_Report_tells_of_routes(t *testing.T) {
	c := newCore()
	c.Apply(pools("default - -", "shop *.shop.example,shop.example /api strip", "idle - -"))
	for name, want := range map[string]string{
		"default": "*/ strip=false",
		"shop":    "shop.example/api strip=true *.shop.example/api strip=true",
		"idle":    "",
	} {
		if got, warnings := told(c, name); got != want || len(warnings) != 1 {
			t.Errorf("routes of %s are %q, warnings %q, want %q, old", name, got, warnings, want)
		}
	}
}

func TestCore_Route_conflicts(t *testing.T) {
	c := newCore()
	both := []string{"alpha shop.example -", "beta shop.example -"}
	betas := []string{"old", conflict("shop.example/", "beta", "alpha")}
	alphas := []string{"old", conflict("shop.example/", "alpha", "beta")}
	steps := []struct {
		name        string
		pools       []string
		to          string
		alpha, beta []string // Warnings.
	}{
		{"the first", both[1:], "beta 0", nil, []string{"old"}},
		{"keeps what it holds", both, "beta 0", betas, betas},
		{"over snapshots", both, "beta 0", betas, betas},
		{"until it asks for another", []string{both[0], "beta other.example -"}, "alpha 0", []string{"old"}, []string{"old"}},
		{"and does not get it back", both, "alpha 0", alphas, alphas},
		{"until the other is gone", both[1:], "beta 0", nil, []string{"old"}},
		{"nobody is left", nil, "nowhere", nil, nil},
		{"nobody held it: the lowest name", both, "alpha 0", alphas, alphas},
	}
	for _, s := range steps {
		snapshot := pools(s.pools...)
		c.Apply(snapshot)
		if got := routed(c, "shop.example/x"); got != s.to {
			t.Errorf("%s: it goes to %s, want %s", s.name, got, s.to)
		}
		for name, want := range map[string][]string{"alpha": s.alpha, "beta": s.beta} {
			var got []string
			if c.Pool(name) != nil {
				_, got = told(c, name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: warnings of %s differ (-want +got):\n%s", s.name, name, diff)
			}
		}
		for _, p := range snapshot.Pools {
			if len(p.Warnings) != 1 {
				t.Errorf("%s: the snapshot was changed: %q", s.name, p.Warnings)
			}
		}
	}
}

// Pools come and go. A request is always routed, and to a pool that has the route and its settings.
func TestCore_Route_while_snapshots_come(t *testing.T) {
	c := newCore()
	c.Apply(pools("default - -"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				target, ok := c.Route([]byte("shop.example"), []byte("/api/x"))
				if !ok {
					t.Error("a request went nowhere")
					return
				}
				name := target.Pool.Name()
				if target.Pool.Settings().Timeout == 0 {
					t.Errorf("a request found %s without settings", name)
					return
				}
				if want := map[string]int{"api": 4}[name]; want != target.Strip {
					t.Errorf("%d is stripped for %s, want %d", target.Strip, name, want)
					return
				}
			}
		})
	}
	for range 300 {
		c.Apply(pools("default - -", "shop shop.example -"))
		c.Apply(pools("default - -", "shop shop.example -", "api shop.example /api strip"))
		c.Apply(pools("default - -", "api - /api strip"))
		c.Apply(pools("default - -"))
	}
	close(stop)
	wg.Wait()
}
