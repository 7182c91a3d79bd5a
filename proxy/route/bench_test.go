package route_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/route"
)

// manyHosts is 1,000 hosts, every tenth of them a wildcard, with 10 paths each.
func manyHosts() []rule {
	var rules []rule
	for h := range 1000 {
		host := fmt.Sprintf("shop-%03d.eu.example.com", h)
		if h%10 == 0 {
			host = "*." + host
		}
		for p := range 10 {
			path := "/" + strings.Repeat("api/", p%4) + fmt.Sprintf("service-%d", p)
			rules = append(rules, rule{Owner: "a", Host: host, Path: path, Value: host})
		}
	}
	return rules
}

func manyPaths() []rule {
	var rules []rule
	for p := range 5000 {
		rules = append(rules, rule{Owner: "a", Host: "shop.example.com", Path: fmt.Sprintf("/api/v%d/service-%d", p%5, p)})
	}
	return rules
}

func BenchmarkTable_Lookup(b *testing.B) {
	hosts, _ := route.Build(manyHosts(), nil)
	paths, _ := route.Build(manyPaths(), nil)
	one, _ := route.Build(rulesOf("a /"), nil)
	tests := []struct {
		name       string
		table      *route.Table[string]
		host, path string // A %d in them is the number of a request.
		hit        bool
	}{
		{"1000 hosts/exact, deep path", hosts, "shop-%03d.eu.example.com:8443", "/api/api/api/service-7/items/42/reviews", true},
		{"1000 hosts/exact, short path", hosts, "shop-%03d.eu.example.com", "/service-0", true},
		{"1000 hosts/wildcard", hosts, "www.shop-%02d0.eu.example.com", "/api/service-1/items/42", true},
		{"1000 hosts/unknown host", hosts, "blog-%03d.eu.example.com", "/api/service-1/items/42", false},
		{"1000 hosts/unknown path", hosts, "shop-%03d.eu.example.com", "/static/app/index.html", false},
		{"1000 hosts/64 KiB of slashes", hosts, "shop-%03d.eu.example.com", strings.Repeat("/", 65536), false},
		{"1000 hosts/64 KiB of labels", hosts, strings.Repeat("a.", 32768) + "x%02d.eu.example.com", "/", false},
		{"5000 paths/hit", paths, "shop.example.com", "/api/v3/service-%d8/items/42", true},
		{"5000 paths/miss", paths, "shop.example.com", "/api/v3/service-x%d/items/42", false},
		{"one rule for all", one, "shop.example.com", "/api/v3/service-8/items/42", true},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			const requests = 450 // Different ones, so that neither the cache nor a branch knows what comes.
			var host, path [requests][]byte
			for i := range requests {
				n := i * 37 % requests
				n += n/9 + 1 // 1 to 499, but no multiple of ten: those are wildcards.
				host[i], path[i] = numbered(tt.host, n), numbered(tt.path, n)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := tt.table.Lookup(host[i%requests], path[i%requests]); ok != tt.hit {
					b.Fatalf("Lookup(%q, %q) = %t, want %t", host[i%requests], path[i%requests], ok, tt.hit)
				}
			}
		})
	}
}

func numbered(s string, n int) []byte {
	switch {
	case strings.Contains(s, "%02d"):
		n %= 100
	case !strings.Contains(s, "%"):
		return []byte(s)
	}
	return fmt.Appendf(nil, s, n)
}

func BenchmarkBuild(b *testing.B) {
	rules := manyHosts()
	previous, _ := route.Build(rules, nil)
	b.ReportAllocs()
	for b.Loop() {
		route.Build(rules, previous)
	}
}
