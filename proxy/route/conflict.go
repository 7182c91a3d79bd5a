package route

import (
	"cmp"
	"slices"
)

// Conflict is a claim to a host and path that was refused because another owner holds them.
type Conflict struct {
	Host, Path string
	// Holder is the owner whose rule is in the table, Refused the one whose rule is not.
	Holder, Refused string
}

// place is what only one owner can hold.
type place struct{ host, path string }

func placeOf[V any](r Rule[V]) place { return place{r.Host, r.Path} }

// holders says who holds what in a table, which may be nil.
func holders[V any](t *Table[V]) map[place]string {
	held := make(map[place]string)
	for r := range t.Rules() {
		held[placeOf(r)] = r.Owner
	}
	return held
}

// settle leaves one rule for each place, and says which owners got none for that. Rules of the same place stand
// next to each other, by owner; they are moved within the slice.
func settle[V any](rules []Rule[V], held map[place]string) (kept []Rule[V], conflicts []Conflict) {
	kept = rules[:0]
	for from := 0; from < len(rules); {
		at, to := placeOf(rules[from]), from+1
		for to < len(rules) && placeOf(rules[to]) == at {
			to++
		}
		holder := rules[from]
		if owner, ok := held[at]; ok {
			if i := slices.IndexFunc(rules[from:to], func(r Rule[V]) bool { return r.Owner == owner }); i >= 0 {
				holder = rules[from+i]
			}
		}
		for _, r := range rules[from:to] {
			if r.Owner != holder.Owner {
				conflicts = append(conflicts, Conflict{at.host, at.path, holder.Owner, r.Owner})
			}
		}
		kept = append(kept, holder)
		from = to
	}
	slices.SortFunc(conflicts, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Refused, b.Refused))
	})
	return slices.Clip(kept), slices.Compact(conflicts)
}
