package forward

import (
	"net/netip"
	"slices"
	"sort"
	"sync/atomic"
)

// Trust is the set of addresses whose word about clients is taken: trusted proxies. It is safe for concurrent use.
// A nil Trust trusts nobody.
type Trust struct {
	// prefixes are sorted by address, and none lies in another. The slice is replaced, never written to.
	prefixes atomic.Pointer[[]netip.Prefix]
}

// NewTrust returns the set of the addresses in prefixes, as Set takes them.
func NewTrust(prefixes []netip.Prefix) *Trust {
	t := &Trust{}
	t.Set(prefixes)
	return t
}

// Set replaces the set. Prefixes of IPv4-mapped addresses mean IPv4; those that are not valid mean nobody. prefixes is
// not kept.
func (t *Trust) Set(prefixes []netip.Prefix) {
	var sorted []netip.Prefix
	for _, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsValid() {
			sorted = append(sorted, p.Masked())
		}
	}
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var apart []netip.Prefix
	for _, p := range sorted {
		// Two prefixes are apart or one lies in the other, which then comes first.
		if n := len(apart); n == 0 || !apart[n-1].Overlaps(p) {
			apart = append(apart, p)
		}
	}
	t.prefixes.Store(&apart)
}

// Contains says whether a is trusted. An IPv4-mapped address is the IPv4 address; a zone does not count. An
// address that is not valid is not trusted.
func (t *Trust) Contains(a netip.Addr) bool {
	if t == nil || !a.IsValid() {
		return false
	}
	a = plain(a)
	prefixes := *t.prefixes.Load()
	after := sort.Search(len(prefixes), func(i int) bool { return a.Less(prefixes[i].Addr()) })
	return after > 0 && prefixes[after-1].Contains(a)
}

// plain is the address without what only this host knows of it.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
