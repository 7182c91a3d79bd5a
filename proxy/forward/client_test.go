package forward_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/forward"
)

func TestClient(t *testing.T) {
	tests := []struct {
		name  string
		peer  netip.Addr
		lines []string
		want  string
	}{
		{"a visitor is itself", visitor, []string{"198.51.100.1"}, "203.0.113.9"},
		{"a mapped visitor is unmapped", netip.MustParseAddr("::ffff:203.0.113.9"), nil, "203.0.113.9"},
		{"a mapped proxy is trusted", netip.MustParseAddr("::ffff:10.0.0.1"), []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy that says nothing", proxy, nil, "10.0.0.1"},
		{"a proxy's client", proxy, []string{"198.51.100.1"}, "198.51.100.1"},
		{"what the client says does not count", proxy, []string{"6.6.6.6, 198.51.100.1"}, "198.51.100.1"},
		{"a chain of proxies", proxy, []string{"6.6.6.6, 198.51.100.1, 10.2.2.2,10.1.1.1"}, "198.51.100.1"},
		{"over lines", proxy, []string{"6.6.6.6", "198.51.100.1, 10.2.2.2", "10.1.1.1"}, "198.51.100.1"},
		{"all are proxies", proxy, []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		{"a trusted address that the client claims is not reached", proxy, []string{"10.6.6.6, 198.51.100.1"}, "198.51.100.1"},
		{"port", proxy, []string{"198.51.100.1:567"}, "198.51.100.1"},
		{"IPv6", proxy, []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", proxy, []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with a port", proxy, []string{"[2001:db8::1]:8"}, "2001:db8::1"},
		{"mapped", proxy, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"spaces", proxy, []string{" \t198.51.100.1 \t, \t10.2.2.2 "}, "198.51.100.1"},
		{"unknown ends the walk", proxy, []string{"198.51.100.1, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"nothing readable", proxy, []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"an empty element ends the walk", proxy, []string{"198.51.100.1, , 10.2.2.2"}, "10.2.2.2"},
		{"so does an empty line", proxy, []string{"198.51.100.1", ""}, "10.0.0.1"},
		{"a zone", proxy, []string{"fe80::1%eth0"}, "10.0.0.1"},
		{"port too large", proxy, []string{"198.51.100.1:65536"}, "10.0.0.1"},
		{"IPv4 in brackets", proxy, []string{"[198.51.100.1]:80"}, "10.0.0.1"},
		{"no end of brackets", proxy, []string{"[2001:db8::1"}, "10.0.0.1"},
		{"behind brackets", proxy, []string{"[2001:db8::1]80"}, "10.0.0.1"},
		{"octal", proxy, []string{"198.51.100.010"}, "10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := forward.Client(trust, tt.peer, tt.lines); got.String() != tt.want {
				t.Errorf("Client(%s, %q) = %s, want %s", tt.peer, tt.lines, got, tt.want)
			}
			if got := forward.Client(trust, tt.peer, asBytes(tt.lines)); got.String() != tt.want {
				t.Errorf("Client(%s, %q) = %s of bytes, want %s", tt.peer, tt.lines, got, tt.want)
			}
		})
	}
	if got := forward.Client(nil, proxy, []string{"198.51.100.1"}); got != proxy {
		t.Errorf("Client() = %s without trust, want the peer", got)
	}
}

func TestAppendFor(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("10.2.2.2, ", 40), ", ")
	long := strings.Repeat("a", 500)
	tests := []struct {
		name  string
		peer  netip.Addr
		lines []string
		want  string
	}{
		{"the first proxy", visitor, nil, "203.0.113.9"},
		{"IPv6", netip.MustParseAddr("2001:db8::1"), nil, "2001:db8::1"},
		{"plain addresses", netip.MustParseAddr("::ffff:10.0.0.1"), nil, "10.0.0.1"},
		{"no zone", netip.MustParseAddr("fe80::1%eth0"), nil, "fe80::1"},
		{"no peer", netip.Addr{}, []string{"198.51.100.1"}, "198.51.100.1, unknown"},
		{"behind others", proxy, []string{"198.51.100.1,10.3.3.3 ", "10.2.2.2"}, "198.51.100.1, 10.3.3.3, 10.2.2.2, 10.0.0.1"},
		{"as they came", proxy, []string{"[2001:db8::1]:8, _hidden, unknown"}, "[2001:db8::1]:8, _hidden, unknown, 10.0.0.1"},
		{"what no address has", proxy, []string{"a\r\nX: b, \x00, <script>, 1 2, \xff,,"}, "unknown, unknown, unknown, unknown, unknown, unknown, unknown, 10.0.0.1"},
		{"too many", proxy, []string{"198.51.100.1, " + many}, strings.Repeat("10.2.2.2, ", 31) + "10.0.0.1"},
		{"too long", proxy, []string{long + "," + long, long}, long + ", " + long + ", 10.0.0.1"},
		{"one too long", proxy, []string{"10.3.3.3", long + long + long, "10.2.2.2"}, "10.2.2.2, 10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(forward.AppendFor([]byte("x"), tt.lines, tt.peer)); got != "x"+tt.want {
				t.Errorf("AppendFor(%q, %s) = %q, want %q", tt.lines, tt.peer, got, "x"+tt.want)
			}
			if got := string(forward.AppendFor(nil, asBytes(tt.lines), tt.peer)); got != tt.want {
				t.Errorf("AppendFor(%q, %s) = %q of bytes, want %q", tt.lines, tt.peer, got, tt.want)
			}
		})
	}
}
