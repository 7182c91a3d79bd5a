package containers

import (
	"reflect"
	"slices"
)

// Equal says whether two snapshots tell the same. Neither may be nil.
func Equal(a, b *Snapshot) bool {
	if a == b {
		return true
	}
	if len(a.Entries) != len(b.Entries) || !slices.EqualFunc(a.Pools, b.Pools, equalPool) {
		return false
	}
	for i := range a.Entries {
		// An entry holds the whole container, whose fields are the engine's to add to: so none is
		// listed here.
		if !reflect.DeepEqual(&a.Entries[i], &b.Entries[i]) {
			return false
		}
	}
	return true
}

func equalPool(a, b *Pool) bool {
	return a.Name == b.Name && a.Settings == b.Settings && a.Template == b.Template && a.Revision == b.Revision &&
		slices.Equal(a.Backends, b.Backends) && slices.Equal(a.Warnings, b.Warnings)
}
