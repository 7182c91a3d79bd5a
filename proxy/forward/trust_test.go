package forward_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/ballast-lb/ballast/proxy/forward"
)

func TestTrust_Contains(t *testing.T) {
	tests := []struct {
		name, addr string
		prefixes   []string
		want       bool
	}{
		{"first of a prefix", "10.0.0.0", []string{"10.0.0.0/8"}, true},
		{"last of a prefix", "10.255.255.255", []string{"10.0.0.0/8"}, true},
		{"one before", "9.255.255.255", []string{"10.0.0.0/8"}, false},
		{"one behind", "11.0.0.0", []string{"10.0.0.0/8"}, false},
		{"bits below the prefix do not count", "10.0.0.1", []string{"10.1.2.3/8"}, true},
		{"a prefix within another", "10.9.0.1", []string{"10.1.0.0/16", "10.0.0.0/8"}, true},
		{"behind a prefix within another", "10.200.0.1", []string{"10.0.0.0/8", "10.1.0.0/16"}, true},
		{"mapped address", "::ffff:10.0.0.1", []string{"10.0.0.0/8"}, true},
		{"mapped prefix", "10.0.0.1", []string{"::ffff:10.0.0.0/104"}, true},
		{"mapped prefix, other address", "11.0.0.1", []string{"::ffff:10.0.0.0/104"}, false},
		{"all of IPv6 is not IPv4", "10.0.0.1", []string{"::/0"}, false},
		{"zone", "fe80::1%eth0", []string{"fe80::/10"}, true},
		{"nothing trusted", "10.0.0.1", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var prefixes []netip.Prefix
			for _, p := range tt.prefixes {
				prefixes = append(prefixes, netip.MustParsePrefix(p))
			}
			if got := forward.NewTrust(prefixes).Contains(netip.MustParseAddr(tt.addr)); got != tt.want {
				t.Errorf("NewTrust(%s).Contains(%s) = %t, want %t", tt.prefixes, tt.addr, got, tt.want)
			}
		})
	}
	everything := forward.NewTrust([]netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")})
	if (*forward.Trust)(nil).Contains(proxy) || everything.Contains(netip.Addr{}) {
		t.Error("nobody trusts, or nobody is trusted")
	}
}

// TestTrust_Contains_what_any_prefix_contains compares with asking each prefix.
func TestTrust_Contains_what_any_prefix_contains(t *testing.T) {
	// Few addresses, so that prefixes meet.
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 128, 255}), 4, 4).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "v6") {
			return netip.AddrFrom16([16]byte{b[0], b[1], b[2], 15: b[3]})
		}
		return netip.AddrFrom4([4]byte(b))
	})
	rapid.Check(t, func(t *rapid.T) {
		var prefixes []netip.Prefix
		for _, a := range rapid.SliceOfN(addr, 0, 12).Draw(t, "prefixes") {
			prefixes = append(prefixes, netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")))
		}
		set := forward.NewTrust(prefixes)
		for _, a := range rapid.SliceOfN(addr, 1, 20).Draw(t, "addresses") {
			want := false
			for _, p := range prefixes {
				want = want || p.Contains(a)
			}
			if got := set.Contains(a); got != want {
				t.Fatalf("NewTrust(%s).Contains(%s) = %t, want %t", prefixes, a, got, want)
			}
		}
	})
}
