package forward_test

import (
	"net/netip"
	"strings"

	"github.com/ballast-lb/ballast/proxy/forward"
)

var trust = forward.NewTrust([]netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.7/32"),
})

// proxy is a peer that trust contains, visitor one that it does not.
var proxy, visitor = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("203.0.113.9")

// asBytes is lines as a front has them that keeps bytes.
func asBytes(lines []string) [][]byte {
	out := make([][]byte, len(lines))
	for i, l := range lines {
		out[i] = []byte(l)
	}
	return out
}

// fields splits fuzzed text into lines; none of no text.
func fields(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// elements splits lines at each comma.
func elements(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	out := strings.Split(strings.Join(lines, ","), ",")
	for i := range out {
		out[i] = strings.Trim(out[i], " \t")
	}
	return out
}
