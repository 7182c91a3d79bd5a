package containers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostOf(t *testing.T) {
	long := strings.Repeat("a.", 126) + "a" // 253
	tests := map[string]string{
		"shop.example":          "shop.example",
		"Shop.Example.":         "shop.example",
		"*.SHOP.example.":       "*.shop.example",
		"web_1":                 "web_1",
		"localhost":             "localhost",
		"xn--bcher-kva.de":      "xn--bcher-kva.de",
		"1and1.com":             "1and1.com",
		"10.0.0.1":              "10.0.0.1",
		"[2001:DB8:0:0::1]":     "2001:db8::1",
		"2001:db8::1":           "2001:db8::1",
		long:                    long,
		long + ".":              long,
		strings.Repeat("a", 63): strings.Repeat("a", 63),
	}
	for in, want := range tests {
		if got, err := hostOf(in); err != nil || got != want {
			t.Errorf("hostOf(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestPathOf(t *testing.T) {
	tests := map[string]string{
		"/": "/", "/api": "/api", "/api/": "/api", "/a/b.c/..d": "/a/b.c/..d", "/a%2Fb;v=1": "/a%2Fb;v=1", "/A": "/A",
		"/" + strings.Repeat("a", longestPath-1): "/" + strings.Repeat("a", longestPath-1),
	}
	for in, want := range tests {
		if got, err := pathOf(in); err != nil || got != want {
			t.Errorf("pathOf(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestRoute_HostList(t *testing.T) {
	if got := (Route{}).HostList(); got != nil {
		t.Errorf("HostList() of any host = %q, want nil", got)
	}
	var s Settings
	if err := parseHosts(&s, "b.example, *.a.example,B.example"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"*.a.example", "b.example"}, s.Route.HostList()); diff != "" {
		t.Errorf("HostList() differs (-want +got):\n%s", diff)
	}
}

// TestBuild_bad_settings is case 8 for what routes and limits: the container is not routed, the reason
// says what to do, and its pool stays.
func TestBuild_bad_settings(t *testing.T) {
	const whole = "must be a whole number from "
	const plainHost = `must be a host such as "shop.example" or "*.shop.example": letters, digits, "-" and "_", at most 63 between two dots`
	const hash = "must be ip, path, header:NAME or cookie:NAME"
	const rate = `must be a number of requests per time of 100ms to 1h, such as "20/15s" or "100/s"; or "off"`
	span := func(lo, hi string) string {
		return "must be a time from " + lo + " to " + hi + ` with its unit, such as "500ms", "10s" or "1m"`
	}
	tests := []struct{ name, value, want string }{
		{"host", "", "must not be empty: leave it out to serve any host"},
		{"host", "*", `must be a host or begin with "*.": leave it out to serve any host`},
		{"host", "http://evil/", "must be a host alone: remove the scheme and the path"},
		{"host", "shop.example:8080", "must be a host alone: remove the port, routes match any"},
		{"host", "[::1]:80", "must be a host alone: remove the port, routes match any"},
		{"host", "bücher.example", `must be written in ASCII, as in "xn--bcher-kva.example"`},
		{"host", "\u212a.example", `must be written in ASCII, as in "xn--bcher-kva.example"`},
		{"host", "a.*.example", `may have a "*" only as its whole first part, as in "*.shop.example"`},
		{"host", "a*.example", `may have a "*" only as its whole first part, as in "*.shop.example"`},
		{"host", strings.Repeat("a.", 127) + "a", "must have at most 253 characters"},
		{"host", "1.2.3.400", "must be a name, or a whole IPv4 address: it has only digits"},
		{"host", "a b", plainHost},
		{"host", "a..b", plainHost},
		{"host", "*.", plainHost},
		{"host", ".", plainHost},
		{"host", strings.Repeat("a", 64), plainHost},
		{"host", "[1.2.3.4]", plainHost},
		{"host", "fe80::1%eth0", plainHost},
		{"host", "a.example, b:1", `"b:1" must be a host alone: remove the port, routes match any`},
		{"host", "a.example,", `"" must not be empty: leave it out to serve any host`},
		{"path", "", `must begin with "/", as in "/api"`},
		{"path", "http://evil/", `must begin with "/", as in "/api"`},
		{"path", "/a?b", "must be a path alone: remove the query and the fragment"},
		{"path", "/a#b", "must be a path alone: remove the query and the fragment"},
		{"path", "/a b", `must be of visible ASCII characters: write others as "%20"`},
		{"path", "/a\r\nX: y", `must be of visible ASCII characters: write others as "%20"`},
		{"path", "/\xff", `must be of visible ASCII characters: write others as "%20"`},
		{"path", "//evil", `must not have "//": write one slash`},
		{"path", "/a//", `must not have "//": write one slash`},
		{"path", "/a/../b", `must not have "." or ".." between slashes: write the path that it means`},
		{"path", "/.", `must not have "." or ".." between slashes: write the path that it means`},
		{"path", "/" + strings.Repeat("a", longestPath), "must have at most 1000 characters"},
		{"strip-path", "/api", `must be "true" or "false"`},
		{"policy", "magic", "must be one of weighted, round-robin, random, least-request, peak-ewma, ip-hash, maglev"},
		{"hash", "header", hash},
		{"hash", "ip:1", hash},
		{"hash", "body:x", hash},
		{"hash", "header:a b", "must name the header with " + tokenWords},
		{"hash", "cookie:", "must name the cookie with " + tokenWords},
		{"breaker", "1001", whole + "0 to 1000"},
		{"slow-start", "2h", span("0s", "1h0m0s")},
		{"concurrency", "-1", whole + "0 to 1000000"},
		{"queue.size", "1000001", whole + "0 to 1000000"},
		{"queue.timeout", "0s", span("1ms", "24h0m0s")},
		{"rate-limit", "100", rate},
		{"rate-limit", "100/d", rate},
		{"rate-limit", "0/s", rate},
		{"rate-limit.burst", "0", whole + "1 to 1000000"},
		{"timeout.idle", "1ms", span("100ms", "24h0m0s")},
		{"retries", "11", whole + "0 to 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			s := Build(input(container("a", tt.name+"="+tt.value), container("b")))
			if e := s.Entries[0]; e.Routed || e.Reason != "ballast."+tt.name+"="+quote(tt.value)+": "+tt.want {
				t.Errorf("routed %t, reason:\n%s\nwant:\n%s", e.Routed, e.Reason, tt.want)
			}
			if p := s.Pools[0]; len(p.Backends) != 1 || p.Settings != DefaultSettings() {
				t.Errorf("pool has %d backends and settings %+v", len(p.Backends), p.Settings)
			}
		})
	}
}
