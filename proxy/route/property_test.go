package route_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ballast-lb/ballast/proxy/route"
)

// Few names, so that rules and requests meet, nearly meet and contradict each other.
func drawName(labels ...string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(labels), 1, 5).Draw(t, "labels"), ".")
	})
}

func drawHost() *rapid.Generator[string] {
	name := drawName("a", "b", "ab")
	return rapid.OneOf(rapid.Just(""), rapid.Just("[2001:db8::1]"), name, name, rapid.Map(name, func(s string) string { return "*." + s }))
}

func drawPath(segments ...string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(segments), 0, 5).Draw(t, "segments"), "/")
	})
}

func drawRules(t *rapid.T, name string) []rule {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rule {
		r := rule{
			Owner: rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "owner"),
			Host:  drawHost().Draw(t, "host"),
			Path:  drawPath("x", "y", "xy").Draw(t, "path"),
		}
		r.Value = r.Owner + " " + r.Host + r.Path
		return r
	}), 0, 25).Draw(t, name)
}

func TestTable_answers_like_a_scan_of_all_rules(t *testing.T) {
	host := rapid.Custom(func(t *rapid.T) string {
		name := rapid.OneOf(rapid.Just(""), rapid.Just("[2001:DB8::1]"), drawName("a", "b", "A", "aB", "abc", "")).Draw(t, "name")
		return name + rapid.SampledFrom([]string{"", "", "."}).Draw(t, "dot") + rapid.SampledFrom([]string{"", "", ":", ":80", ":65535", ":123456", ":x"}).Draw(t, "port")
	})
	path := rapid.OneOf(rapid.Just(""), rapid.Just("*"), drawPath("x", "y", "xy", "X", "xyz", "%78", ""))
	rapid.Check(t, func(t *rapid.T) {
		table, _ := route.Build(drawRules(t, "rules"), nil)
		rules := slices.Collect(table.Rules())
		for range 10 {
			checkLookup(t, table, rules, host.Draw(t, "request host"), path.Draw(t, "request path"))
		}
		// Where there is a rule the drawn request may miss it, so ask for what each one is for as well.
		for _, r := range rules {
			checkLookup(t, table, rules, strings.Replace(r.Host, "*", "a.b", 1), r.Path+"/more")
		}
	})
}

// checkLookup asks the table and the model, and also whether the order of Rules is that of precedence.
func checkLookup(t interface {
	Helper()
	Fatalf(string, ...any)
}, table *route.Table[string], rules []rule, host, path string,
) {
	t.Helper()
	got, ok := table.Lookup([]byte(host), []byte(path))
	want, wantOK := model(rules, host, path)
	if got != want || ok != wantOK {
		t.Fatalf("Lookup(%q, %q) = %q, %t, want %q, %t", host, path, got, ok, want, wantOK)
	}
	for _, r := range rules {
		if first, fits := model([]rule{r}, host, path); fits {
			if first != got {
				t.Fatalf("Lookup(%q, %q) = %q, but the first of Rules that fits is %q", host, path, got, first)
			}
			return
		}
	}
}

type at struct{ host, path string }

func TestBuild_properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		previous, _ := route.Build(drawRules(t, "previous"), nil)
		rules := drawRules(t, "rules")
		table, conflicts := route.Build(rules, previous)

		held := owners(previous)
		claims := make(map[at][]string)
		for _, r := range rules {
			claims[at{r.Host, r.Path}] = append(claims[at{r.Host, r.Path}], r.Owner)
		}
		var refused []route.Conflict
		got := owners(table)
		for place, claimants := range claims {
			want := slices.Min(claimants)
			if slices.Contains(claimants, held[place]) {
				want = held[place]
			}
			if got[place] != want {
				t.Fatalf("%v is held by %q, want %q of %q, before %q", place, got[place], want, claimants, held[place])
			}
			slices.Sort(claimants)
			for _, c := range slices.Compact(claimants) {
				if c != want {
					refused = append(refused, route.Conflict{Host: place.host, Path: place.path, Holder: want, Refused: c})
				}
			}
		}
		if len(got) != len(claims) {
			t.Fatalf("the table has %d places, want %d", len(got), len(claims))
		}
		slices.SortFunc(refused, func(a, b route.Conflict) int {
			return slices.Compare([]string{a.Host, a.Path, a.Refused}, []string{b.Host, b.Path, b.Refused})
		})
		if diff := cmp.Diff(refused, conflicts); diff != "" {
			t.Fatalf("conflicts differ (-want +got):\n%s", diff)
		}

		shuffled := rapid.Permutation(rules).Draw(t, "shuffled")
		again, conflictsAgain := route.Build(shuffled, previous)
		if diff := cmp.Diff(slices.Collect(table.Rules()), slices.Collect(again.Rules())); diff != "" {
			t.Fatalf("another order of the rules makes another table (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(conflicts, conflictsAgain); diff != "" {
			t.Fatalf("another order of the rules makes other conflicts (-first +second):\n%s", diff)
		}
	})
}

func owners(t *route.Table[string]) map[at]string {
	m := make(map[at]string)
	for r := range t.Rules() {
		m[at{r.Host, r.Path}] = r.Owner
	}
	return m
}
