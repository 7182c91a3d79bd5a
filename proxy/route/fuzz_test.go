package route_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/route"
)

// FuzzLookup: whatever the rules and the request are, the answer is that of a scan of all rules. A line of rules is
// "host path"; what does not parse is left out.
func FuzzLookup(f *testing.F) {
	const rules = "shop.example /\nshop.example /api\nshop.example /api/v1\n*.shop.example /api\n*.eu.shop.example /x\n*.example /static\n" +
		"[2001:db8::1] /\n192.0.2.1 /\n* /health\n* /a%20b"
	for _, request := range [][2]string{
		{"shop.example", "/api/v1/users"},
		{"SHOP.example.:443", "/apix"},
		{"a.eu.shop.example:", "/api/../x"},
		{"de.eu.shop.example", "//api"},
		{".shop.example", "/%61pi"},
		{"[2001:DB8::1]:80", ""},
		{"192.0.2.1", "*"},
		{"", "/health/"},
		{":80", "/a%20b/" + strings.Repeat("/", 300)},
		{strings.Repeat("a.", 300) + "shop.example", "/api"},
		{"shop.example:123456", "/api"},
		{"\xff.shop.example\x00", "/api\xff"},
	} {
		f.Add(rules, request[0], request[1])
	}
	f.Add("a.b.c.d.e /a/b/c/d\n*.b.c.d.e /a/b/c\n*.c.d.e /a/b\n*.d.e /a\n*.e /", "a.b.c.d.e", "/a/b/x")
	f.Add("", "shop.example", "/")
	f.Fuzz(func(t *testing.T, text, host, path string) {
		table, conflicts := route.Build(parseRules(text), nil)
		if len(conflicts) > 0 {
			t.Fatalf("one owner has the conflicts %v", conflicts)
		}
		checkLookup(t, table, slices.Collect(table.Rules()), host, path)
	})
}

// What rules may have: less than labels may, and all that matters to a lookup.
var (
	ruleHost = regexp.MustCompile(`^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$|^\[[0-9a-f:]+\]$`)
	rulePath = regexp.MustCompile(`^/$|^(/[^/?#]+)+$`)
)

func parseRules(text string) []rule {
	var rules []rule
	for line := range strings.Lines(text) {
		host, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if host != "*" {
			if !ruleHost.MatchString(host) {
				continue
			}
		} else {
			host = ""
		}
		if !rulePath.MatchString(path) {
			continue
		}
		rules = append(rules, rule{Owner: "a", Host: host, Path: path, Value: host + path})
	}
	return rules
}
