package route_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/proxy/route"
)

// rulesOf reads "owner host/path" for each rule; its value is the same text.
func rulesOf(texts ...string) []rule {
	var rules []rule
	for _, text := range texts {
		owner, at, _ := strings.Cut(text, " ")
		slash := strings.Index(at, "/")
		rules = append(rules, rule{Owner: owner, Host: at[:slash], Path: at[slash:], Value: text})
	}
	return rules
}

func build(t *testing.T, texts ...string) *route.Table[string] {
	t.Helper()
	table, conflicts := route.Build(rulesOf(texts...), nil)
	if len(conflicts) > 0 {
		t.Fatalf("Build() found the conflicts %v", conflicts)
	}
	return table
}

func TestTable_Lookup(t *testing.T) {
	shop := []string{
		"shop shop.example/", "api shop.example/api", "v2 shop.example/api/v2", "cart shop.example/cart/items",
		"sub *.shop.example/", "subapi *.shop.example/api", "eu *.eu.shop.example/api/v2",
		"only only.example/api", "wide *.example/static", "any /", "health /health",
		"six [2001:db8::1]/", "four 192.0.2.1/", "escaped shop.example/a%20b",
	}
	tests := []struct {
		name, host, path string
		want             string // The owner.
	}{
		{"exact host", "shop.example", "/", "shop"},
		{"an exact host beats a wildcard", "only.example", "/api", "only"},
		{"no path is the root", "shop.example", "", "shop"},
		{"capitals, port and trailing dot do not count", "Shop.EXAMPLE.:8443", "/", "shop"},
		{"an empty port is none", "shop.example:", "/", "shop"},
		{"digits that are too many are no port", "shop.example:123456", "/", "any"},
		{"text is no port", "shop.example:http", "/", "any"},
		{"one trailing dot is dropped, not two", "shop.example..", "/", "any"},

		{"a path is its own prefix", "shop.example", "/api", "api"},
		{"with a trailing slash too", "shop.example", "/api/", "api"},
		{"and for what is below", "shop.example", "/api/v1/users", "api"},
		{"but not for a longer segment", "shop.example", "/apix", "shop"},
		{"nor a shorter one", "shop.example", "/ap", "shop"},
		{"the longest path wins", "shop.example", "/api/v2/users", "v2"},
		{"and not half of its last segment", "shop.example", "/api/v22", "api"},
		{"half of a long path is not enough", "shop.example", "/cart", "shop"},
		{"paths have capitals", "shop.example", "/API", "shop"},
		{"an escape is compared as it is written", "shop.example", "/%61pi", "shop"},
		{"also in a rule", "shop.example", "/a%20b/c", "escaped"},
		{"an empty segment is a segment", "shop.example", "//api", "shop"},
		{"within a path too", "shop.example", "/api//v2", "api"},
		{"dots are not resolved", "shop.example", "/api/../cart/items", "api"},
		{"the asterisk of OPTIONS has the rules for all paths", "shop.example", "*", "shop"},

		{"a wildcard is for one label", "eu.shop.example", "/", "sub"},
		{"and for several", "a.b.c.shop.example", "/api/x", "subapi"},
		{"not for the domain", "example", "/static", "any"},
		{"nor for nothing before the dot", ".shop.example", "/", "any"},
		{"nor for a name that only ends alike", "myshop.example", "/static/x", "wide"},
		{"the longest wildcard wins", "de.eu.shop.example", "/api/v2", "eu"},
		{"where its path does not fit, the next one does", "de.eu.shop.example", "/api/v1", "subapi"},
		{"and the one after that", "de.eu.shop.example", "/static", "sub"},
		{"a wildcard is for names with a port", "EU.shop.example.:80", "/", "sub"},

		{"where no path of the exact host fits, its wildcard does", "only.example", "/static/a.css", "wide"},
		{"and then what is for any host", "only.example", "/health", "health"},
		{"any host", "other.test", "/x", "any"},
		{"no host", "", "/health", "health"},
		{"no host and no path", "", "", "any"},
		{"a host of a port only", ":80", "/", "any"},
		{"a dot", ".", "/", "any"},

		{"IPv6", "[2001:db8::1]", "/", "six"},
		{"with a port and capitals", "[2001:DB8::1]:443", "/", "six"},
		{"without brackets it is no host", "2001:db8::1", "/", "any"},
		{"IPv4", "192.0.2.1:80", "/", "four"},
		{"an address is not below another", "1.192.0.2.1", "/", "any"},

		{"64 KiB of slashes", "shop.example", strings.Repeat("/", 65536), "shop"},
		{"64 KiB of slashes below a path", "shop.example", "/api" + strings.Repeat("/", 65536), "api"},
		{"64 KiB of one segment", "shop.example", "/" + strings.Repeat("a", 65536), "shop"},
		{"64 KiB below a wildcard", strings.Repeat("a.", 32768) + "shop.example", "/", "sub"},
		{"64 KiB of dots", strings.Repeat(".", 65536), "/", "any"},
		{"64 KiB of a port", "shop.example:" + strings.Repeat("8", 65536), "/", "any"},
		{"a name longer than any ends alike", "xshop.example", "/", "any"},
	}
	table := build(t, shop...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := table.Lookup([]byte(tt.host), []byte(tt.path))
			if owner, _, _ := strings.Cut(got, " "); !ok || owner != tt.want {
				t.Errorf("Lookup(%.60q, %.60q) = %q, %t, want that of %q", tt.host, tt.path, got, ok, tt.want)
			}
		})
	}
}

func TestTable_Lookup_finds_nothing(t *testing.T) {
	tests := []struct {
		name       string
		table      *route.Table[string]
		host, path string
	}{
		{"in no table", nil, "shop.example", "/"},
		{"in an empty one", build(t), "shop.example", "/"},
		{"for another host", build(t, "a shop.example/"), "other.example", "/"},
		{"for another path", build(t, "a shop.example/api", "b /static"), "shop.example", "/"},
		{"for no host", build(t, "a shop.example/", "b *.example/"), "", "/"},
		{"for a longer host", build(t, "a shop.example/"), "a.shop.example", "/"},
		{"for a path that is cut short", build(t, "a /api/v1"), "shop.example", "/api/v"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := tt.table.Lookup([]byte(tt.host), []byte(tt.path)); ok || got != "" {
				t.Errorf("Lookup(%q, %q) = %q, %t, want nothing", tt.host, tt.path, got, ok)
			}
		})
	}
}

func TestTable_Lookup_of_the_longest_names(t *testing.T) {
	label := strings.Repeat("a", 63)
	name := strings.Join([]string{label, label, label, strings.Repeat("b", 61)}, ".")
	exact, wild := name, "*."+name[2:]
	table := build(t, "exact "+exact+"/", "wild "+wild+"/")
	for host, want := range map[string]string{name: "exact " + exact + "/", "xyz." + name[2:] + ".:80": "wild " + wild + "/", "a" + name: ""} {
		if got, _ := table.Lookup([]byte(host), nil); got != want {
			t.Errorf("Lookup(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestTable_Lookup_allocates_nothing(t *testing.T) {
	table := build(t, "a shop.example/api/v1", "b *.shop.example/x", "c /y")
	requests := [][2][]byte{
		{[]byte("SHOP.example:80"), []byte("/api/v1/users/42")},
		{[]byte("a.b.shop.example"), []byte("/x/y/z")},
		{[]byte(strings.Repeat("a.", 200)), []byte(strings.Repeat("/", 1000))},
	}
	for _, r := range requests {
		if n := testing.AllocsPerRun(100, func() { table.Lookup(r[0], r[1]) }); n != 0 {
			t.Errorf("Lookup(%.40q, %.40q) allocates %v times, want 0", r[0], r[1], n)
		}
	}
}

func TestTable_Rules_in_order_of_precedence(t *testing.T) {
	table := build(t,
		"any /", "any /api", "wide *.example/", "deep *.eu.shop.example/", "deep *.shop.example/",
		"shop shop.example/", "shop shop.example/a/b", "shop shop.example/longer-than-that", "shop shop.example/a/b/c", "blog blog.example/",
	)
	want := []string{
		"blog blog.example/",
		"shop shop.example/a/b/c", "shop shop.example/a/b", "shop shop.example/longer-than-that", "shop shop.example/",
		"deep *.eu.shop.example/", "deep *.shop.example/", "wide *.example/",
		"any /api", "any /",
	}
	var got []string
	for r := range table.Rules() {
		got = append(got, r.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Rules() differs (-want +got):\n%s", diff)
	}
	for range table.Rules() {
		break // Whoever has seen enough may leave.
	}
	if rules := slices.Collect((*route.Table[string])(nil).Rules()); len(rules) > 0 {
		t.Errorf("Rules() of no table = %v", rules)
	}
}
