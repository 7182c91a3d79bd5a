package forward

import (
	"net/netip"
	"slices"
	"sort"
)

// Trust is the set of addresses whose word about clients is taken: trusted proxies. It never changes.
// A nil Trust trusts nobody.
type Trust struct {
	// prefixes are sorted by address, and none lies in another.
	prefixes []netip.Prefix
}

// NewTrust returns the set of the addresses in prefixes. Prefixes of IPv4-mapped addresses mean IPv4; those that are
// not valid mean nobody. prefixes is not kept.
func NewTrust(prefixes []netip.Prefix) *Trust {
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
	t := &Trust{}
	for _, p := range sorted {
		// Two prefixes are apart or one lies in the other, which then comes first.
		if n := len(t.prefixes); n == 0 || !t.prefixes[n-1].Overlaps(p) {
			t.prefixes = append(t.prefixes, p)
		}
	}
	return t
}

// Contains says whether a is trusted. An IPv4-mapped address is the IPv4 address; a zone does not count. An
// address that is not valid is not trusted.
func (t *Trust) Contains(a netip.Addr) bool {
	if t == nil || !a.IsValid() {
		return false
	}
	a = plain(a)
	after := sort.Search(len(t.prefixes), func(i int) bool { return a.Less(t.prefixes[i].Addr()) })
	return after > 0 && t.prefixes[after-1].Contains(a)
}

// plain is the address without what only this host knows of it.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
