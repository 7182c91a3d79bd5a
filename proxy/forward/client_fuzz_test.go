package forward_test

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

var (
	withPort   = regexp.MustCompile(`^([0-9.]+):([0-9]{1,5})$`)
	inBrackets = regexp.MustCompile(`^\[([^\]]*:[^\]]*)\](?::([0-9]{1,5}))?$`)
	harmless   = regexp.MustCompile(`^[A-Za-z0-9._:\[\]%-]+$`)
)

// modelNode is the slow way to read an element of X-Forwarded-For.
func modelNode(s string) (netip.Addr, bool) {
	for _, form := range []*regexp.Regexp{withPort, inBrackets} {
		if m := form.FindStringSubmatch(s); m != nil {
			if port, err := strconv.Atoi(m[2]); m[2] != "" && (err != nil || port > 65535) {
				return netip.Addr{}, false
			}
			s = m[1]
			break
		}
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil && a.Zone() == ""
}

// modelWalk is the slow way to find a client.
func modelWalk(t *forward.Trust, peer netip.Addr, chain []string, read func(string) (netip.Addr, bool)) netip.Addr {
	client := peer.Unmap().WithZone("")
	for ; t.Contains(client) && len(chain) > 0; chain = chain[:len(chain)-1] {
		a, ok := read(chain[len(chain)-1])
		if !ok {
			break
		}
		client = a
	}
	return client
}

// modelFor is the slow way to write X-Forwarded-For; cut tells whether something was dropped.
func modelFor(chain []string, peer netip.Addr) (value string, cut bool) {
	out := "unknown"
	if peer.IsValid() {
		out = peer.Unmap().WithZone("").String()
	}
	for n, e := range slices.Backward(chain) {
		if !harmless.MatchString(e) {
			e = "unknown"
		}
		if len(chain)-n > 31 || len(e)+2+len(out) > 1024 {
			return out, true
		}
		out = e + ", " + out
	}
	return out, false
}

func peers(f *testing.F) func(int) netip.Addr {
	f.Helper()
	all := []netip.Addr{proxy, visitor, netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("fd00::1%eth0"), {}, netip.MustParseAddr("2001:db8::1")}
	return func(n int) netip.Addr { return all[uint(n)%uint(len(all))] }
}

// FuzzClient compares with the model. What AppendFor writes is what the model writes, and who trusts us and whom we trust
// finds the same client by it.
func FuzzClient(f *testing.F) {
	for n, seed := range []string{
		"", ",", "198.51.100.1", "6.6.6.6, 10.1.1.1:80\n[fd00::1]:8, 10.2.2.2", "unknown, _x, 10.0.0.1", "[::ffff:10.0.0.1], ::ffff:10.1.1.1,fd00::",
		"10.0.0.1:, 10.0.0.1:65536", "[]:1, [, ], [:], [1.2.3.4]", "fe80::1%eth0", "1:2:3:4:5:6:7::, ::8, 1::2:3:4:5:6:7:8", "1::2::3, 01.2.3.4",
		strings.Repeat("10.1.1.1,", 40), "10.0.0.1\n" + strings.Repeat("f", 2000), "::1.2.3.4, 1:2:3:4:5:6:1.2.3.4, ::1.2.3.4:5", "a\x00b, \xff\n\n",
	} {
		f.Add(seed, n)
	}
	pick := peers(f)
	f.Fuzz(func(t *testing.T, text string, n int) {
		peer, lines := pick(n), fields(text)
		chain := elements(lines)
		want := modelWalk(trust, peer, chain, modelNode)
		if got := forward.Client(trust, peer, lines); got != want {
			t.Fatalf("Client(%s, %q) = %s, want %s", peer, lines, got, want)
		}
		if got := forward.Client(trust, peer, asBytes(lines)); got != want {
			t.Fatalf("Client(%s, %q) = %s of bytes, want %s", peer, lines, got, want)
		}
		value, cut := modelFor(chain, peer)
		got := string(forward.AppendFor(nil, lines, peer))
		if got != value {
			t.Fatalf("AppendFor(%q, %s) = %q, want %q", lines, peer, got, value)
		}
		if next := forward.Client(trust, proxy, []string{got}); !cut && peer.IsValid() && next != want {
			t.Fatalf("AppendFor(%q, %s) = %q, by which the next one finds %s, not %s", lines, peer, got, next, want)
		}
	})
}
