package forward

import (
	"net/netip"
	"testing"
)

// FuzzAddr: addresses are read as net/netip reads them, but those with a zone.
func FuzzAddr(f *testing.F) {
	for _, seed := range []string{
		"", "1.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1..2.3", "1.2.3.4.", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "1::2::3", ":1", "1:", ":::", "12345::", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:1.2.3.4", "::1.2.3",
		"1.2.3.4::", "::1.2.3.4:5", "g::", "fe80::1%eth0", "::FFFF:aBcD", "1:2:3:4:5:6:7:", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8::",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := netip.ParseAddr(s)
		got, ok := parseAddr(s)
		if wantOK := err == nil && want.Zone() == ""; ok != wantOK || ok && got != want.Unmap() {
			t.Fatalf("parseAddr(%q) = %s, %t, want %s, %t", s, got, ok, want, wantOK)
		}
		if b, okB := parseAddr([]byte(s)); okB != ok || b != got {
			t.Fatalf("parseAddr(%q) = %s, %t, of bytes %s, %t", s, got, ok, b, okB)
		}
	})
}
