package route

import (
	"iter"
	"slices"
)

// Rule says what serves a host and all below a path. Host and Path are in the one form that labels are brought to; what
// others would match is not defined.
type Rule[V any] struct {
	// Owner is the name of the pool that the rule is of. It decides conflicts.
	Owner string
	// Host is exact ("shop.example"), a wildcard ("*.shop.example": any depth below, not the domain itself) or empty,
	// for any host and for requests without one. It is in lower case and has no port and no trailing dot.
	Host string
	// Path is a prefix of whole segments, "/" or like "/api", without a trailing slash. Empty means "/".
	Path string
	// Value is what Lookup returns.
	Value V
}

// Table finds the rule of a request. It never changes and is safe for concurrent use. A nil Table has no rules.
type Table[V any] struct {
	rules []Rule[V] // In order of precedence.
	hosts hosts     // By position in rules.
	// reach is how many bytes of a path can matter: those of the longest rule, and one that says whether a segment
	// ends there.
	reach int
}

// Build makes a table of rules, which stay the caller's; their order does not matter. Where several owners claim the
// same host and path, who held it in previous keeps it, else the lowest name gets it: so what is new takes nothing
// away from what worked. Each claim that was refused for that is returned, ordered by host, path and the
// owner refused. Of several rules of one owner for the same host and path the first counts. previous may be nil.
func Build[V any](rules []Rule[V], previous *Table[V]) (*Table[V], []Conflict) {
	ordered := slices.Clone(rules)
	for i := range ordered {
		ordered[i].Host, ordered[i].Path = canonical(ordered[i].Host, ordered[i].Path)
	}
	slices.SortStableFunc(ordered, inOrder)
	ordered, conflicts := settle(ordered, holders(previous))

	t := &Table[V]{rules: ordered, hosts: newHosts()}
	for i, r := range ordered {
		t.hosts.add(r.Host).paths.add(r.Path, i)
		t.reach = max(t.reach, len(r.Path)+1)
	}
	t.hosts.link()
	return t, conflicts
}

// Lookup returns the value of the rule that comes first for a request. host is as the request has it: of any
// case, maybe with a port or a trailing dot, IPv6 in brackets, maybe empty. path is the request's without its query; an
// empty one is "/", and one that does not begin with a slash ("*") only has the rules for "/".
//
// It allocates nothing and takes no lock. What it does is bounded by the rules, whatever the request is: but for a
// port it reads no more of the host and the path than the longest rules have, and looks up no more labels and segments.
func (t *Table[V]) Lookup(host, path []byte) (value V, ok bool) {
	if t == nil {
		return value, false
	}
	path = path[:min(len(path), t.reach)]
	for s := t.hosts.find(host); s != nil; s = s.next {
		if i := s.paths.find(path); i != none {
			return t.rules[i].Value, true
		}
	}
	return value, false
}

// Rules returns the rules that were not refused, in order of precedence: of those that fit a request the first one
// serves it.
func (t *Table[V]) Rules() iter.Seq[Rule[V]] {
	if t == nil {
		return func(func(Rule[V]) bool) {}
	}
	return slices.Values(t.rules)
}
