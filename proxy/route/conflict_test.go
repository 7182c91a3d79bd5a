package route_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/proxy/route"
)

func TestBuild_conflicts(t *testing.T) {
	tests := []struct {
		name     string
		previous []string // nil: no table before.
		rules    []string
		kept     []string
		refused  []route.Conflict
	}{
		{
			name:    "the lowest name gets what nobody held",
			rules:   []string{"b shop.example/", "a shop.example/", "c shop.example/"},
			kept:    []string{"a shop.example/"},
			refused: []route.Conflict{{"shop.example", "/", "a", "b"}, {"shop.example", "/", "a", "c"}},
		},
		{
			name:     "who held it keeps it",
			previous: []string{"b shop.example/"},
			rules:    []string{"a shop.example/", "b shop.example/"},
			kept:     []string{"b shop.example/"},
			refused:  []route.Conflict{{"shop.example", "/", "b", "a"}},
		},
		{
			name:     "only where it was held",
			previous: []string{"b shop.example/"},
			rules:    []string{"a shop.example/", "b shop.example/", "b shop.example/api", "a shop.example/api", "b /", "a /"},
			kept:     []string{"a shop.example/api", "b shop.example/", "a /"},
			refused:  []route.Conflict{{"", "/", "a", "b"}, {"shop.example", "/", "b", "a"}, {"shop.example", "/api", "a", "b"}},
		},
		{
			name:     "who does not claim it any more loses it",
			previous: []string{"a shop.example/"},
			rules:    []string{"c shop.example/", "b shop.example/", "a other.example/"},
			kept:     []string{"a other.example/", "b shop.example/"},
			refused:  []route.Conflict{{"shop.example", "/", "b", "c"}},
		},
		{
			name:  "an owner does not contradict itself",
			rules: []string{"a shop.example/", "a shop.example/"},
			kept:  []string{"a shop.example/"},
		},
		{
			name:    "nor is it refused twice",
			rules:   []string{"b shop.example/", "a shop.example/", "b shop.example/"},
			kept:    []string{"a shop.example/"},
			refused: []route.Conflict{{"shop.example", "/", "a", "b"}},
		},
		{
			name:  "a wildcard, its domain and a longer path are places of their own",
			rules: []string{"a shop.example/", "b *.shop.example/", "c shop.example/api", "d /"},
			kept:  []string{"c shop.example/api", "a shop.example/", "b *.shop.example/", "d /"},
		},
		{
			name:    "an address is the same without its brackets",
			rules:   []string{"b [::1]/", "a ::1/"},
			kept:    []string{"a ::1/"},
			refused: []route.Conflict{{"[::1]", "/", "a", "b"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var previous *route.Table[string]
			if tt.previous != nil {
				previous = build(t, tt.previous...)
			}
			rules := rulesOf(tt.rules...)
			given := slices.Clone(rules)
			table, conflicts := route.Build(rules, previous)
			var kept []string
			for r := range table.Rules() {
				kept = append(kept, r.Value)
			}
			if diff := cmp.Diff(tt.kept, kept); diff != "" {
				t.Errorf("the table differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, conflicts); diff != "" {
				t.Errorf("the conflicts differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(given, rules); diff != "" {
				t.Errorf("the caller's rules were changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestBuild_keeps_an_incumbent_over_generations: pool b came first; a, which would win by name, must not get what b
// serves until b gives it up, however often the table is built.
func TestBuild_keeps_an_incumbent_over_generations(t *testing.T) {
	table := build(t, "b shop.example/")
	for range 3 {
		table, _ = route.Build(rulesOf("a shop.example/", "b shop.example/"), table)
	}
	lookup := func(want string) {
		t.Helper()
		if got, _ := table.Lookup([]byte("shop.example"), nil); got != want {
			t.Errorf("Lookup() = %q, want %q", got, want)
		}
	}
	lookup("b shop.example/")
	table, _ = route.Build(rulesOf("a shop.example/"), table)
	lookup("a shop.example/")
	table, _ = route.Build(rulesOf("a shop.example/", "b shop.example/"), table)
	lookup("a shop.example/")
}

func TestBuild_takes_the_first_rule_of_an_owner(t *testing.T) {
	rules := []rule{{Owner: "a", Host: "shop.example", Value: "first"}, {Owner: "a", Host: "shop.example", Path: "/", Value: "second"}}
	table, conflicts := route.Build(rules, nil)
	if got, _ := table.Lookup([]byte("shop.example"), nil); got != "first" || conflicts != nil {
		t.Errorf("Lookup() = %q with the conflicts %v, want first and none", got, conflicts)
	}
}
