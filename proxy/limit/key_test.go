package limit_test

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/proxy/limit"
)

func TestKey(t *testing.T) {
	tests := []struct {
		name, a, b string
		same       bool
	}{
		{"an IPv4 address counts whole", "192.0.2.1", "192.0.2.2", false},
		{"IPv4-mapped is IPv4", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"IPv4-compatible is not", "192.0.2.1", "::192.0.2.1", false},
		{"an IPv6 network of 64 bits is one client", "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
		{"the bit before counts", "2001:db8:0:1::1", "2001:db8:0:0::1", false},
		{"a zone does not count", "fe80::1%eth0", "fe80::2", true},
		{"0.0.0.0 is not ::", "0.0.0.0", "::", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := limit.Key(netip.MustParseAddr(tt.a)), limit.Key(netip.MustParseAddr(tt.b))
			if (a == b) != tt.same {
				t.Errorf("Key(%s) = %#x, Key(%s) = %#x, want the same: %t", tt.a, a, tt.b, b, tt.same)
			}
		})
	}
}

// FuzzKey: two clients have the same key exactly if their addresses are the same IPv4 address, mapped or not, or IPv6
// addresses of the same network of 64 bits. Addresses of 4 and 16 bytes are valid, others are not.
func FuzzKey(f *testing.F) {
	for _, pair := range [][2]string{
		{"192.0.2.1", "192.0.2.2"},
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8::1", "2001:db8::2"},
		{"2001:db8::", "2001:db8:0:1::"},
		{"::", "0.0.0.0"},
		{"::1", "0.0.0.1"},
		{"fe80::1", "fe80::2"},
		{"::ffff:0:0", "::fffe:0:0"},
	} {
		f.Add(netip.MustParseAddr(pair[0]).AsSlice(), netip.MustParseAddr(pair[1]).AsSlice(), "eth0")
	}
	f.Add([]byte{}, []byte{1, 2, 3}, "")
	f.Fuzz(func(t *testing.T, x, y []byte, zone string) {
		a, _ := netip.AddrFromSlice(x)
		b, _ := netip.AddrFromSlice(y)
		if got, want := limit.Key(a.WithZone(zone)), limit.Key(a.Unmap()); got != want {
			t.Fatalf("Key(%s) = %#x with zone %q, %#x without", a, got, zone, want)
		}
		if a.Is4() {
			if got, want := limit.Key(netip.AddrFrom16(a.As16())), limit.Key(a); got != want {
				t.Fatalf("Key(%s) = %#x mapped, %#x unmapped", a, got, want)
			}
		}
		if !a.IsValid() || !b.IsValid() || group(a) || group(b) {
			return
		}
		if got, want := limit.Key(a) == limit.Key(b), client(a) == client(b); got != want {
			t.Fatalf("Key(%s) == Key(%s) is %t, want %t", a, b, got, want)
		}
	})
}

// client is the network that stands for one client.
func client(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	p, _ := a.Prefix(min(a.BitLen(), 64))
	return p
}

// group says whether a is an IPv6 multicast address, which nothing is sent from.
func group(a netip.Addr) bool { return a.Unmap().Is6() && a.IsMulticast() }
