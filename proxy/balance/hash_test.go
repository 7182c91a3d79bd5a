package balance_test

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/proxy/balance"
)

func from(address string) *balance.Request {
	return &balance.Request{Client: netip.MustParseAddr(address)}
}

// Among 1,000 candidates two keys are the same one's by chance in one case of a thousand; what is drawn
// here does not change from run to run.
func TestHash_tells_requests_apart_by_what_is_hashed(t *testing.T) {
	maglev := func(hash string) balance.Options { return balance.Options{Policy: balance.PolicyMaglev, Hash: hash} }
	byIP := balance.Options{Policy: balance.PolicyIPHash}
	client := netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		name    string
		options balance.Options
		a, b    *balance.Request
		same    bool
	}{
		{"ip-hash: one IPv4 address", byIP, from("192.0.2.1"), from("192.0.2.1"), true},
		{"ip-hash: two IPv4 addresses", byIP, from("192.0.2.1"), from("192.0.2.2"), false},
		{"ip-hash: an IPv4 address mapped into IPv6", byIP, from("192.0.2.1"), from("::ffff:192.0.2.1"), true},
		{"ip-hash: two addresses of one /64", byIP, from("2001:db8::1"), from("2001:db8::2:3:4:5"), true},
		{"ip-hash: addresses of two /64", byIP, from("2001:db8::1"), from("2001:db8:0:1::1"), false},
		{"ip-hash: zones do not count", byIP, from("fe80::1%eth0"), from("fe80::1%eth1"), true},
		{"ip-hash: no address", byIP, &balance.Request{Path: "/a"}, &balance.Request{Path: "/b"}, true},
		{"maglev: the address is the default", maglev(""), from("192.0.2.1"), from("192.0.2.2"), false},
		{"maglev: one /64", maglev(balance.HashIP), from("2001:db8::1"), from("2001:db8::2"), true},
		{
			"maglev by path: two clients", maglev(balance.HashPath),
			&balance.Request{Path: "/a", Client: client}, &balance.Request{Path: "/a"}, true,
		},
		{
			"maglev by path: two paths", maglev(balance.HashPath),
			&balance.Request{Path: "/a"}, &balance.Request{Path: "/b"}, false,
		},
		{
			"maglev by key: two clients", maglev(balance.HashKey),
			&balance.Request{Key: "u1", Client: client}, &balance.Request{Key: "u1"}, true,
		},
		{
			"maglev by key: two keys", maglev(balance.HashKey),
			&balance.Request{Key: "u1"}, &balance.Request{Key: "u2"}, false,
		},
		{
			"maglev by key: without one the address counts", maglev(balance.HashKey),
			from("192.0.2.1"), from("192.0.2.2"), false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pickerOf(t, tt.options, many(1000), nil)
			a, b := p.Pick(tt.a), p.Pick(tt.b)
			if (a == b) != tt.same {
				t.Errorf("Pick() = %d and %d, want the same: %t", a, b, tt.same)
			}
		})
	}
}

func TestHash_without_a_key_is_that_of_the_address(t *testing.T) {
	cs := many(1000)
	byKey := pickerOf(t, balance.Options{Policy: balance.PolicyMaglev, Hash: balance.HashKey}, cs, nil)
	byIP := pickerOf(t, balance.Options{Policy: balance.PolicyMaglev, Hash: balance.HashIP}, cs, nil)
	r := from("192.0.2.1")
	if got, want := byKey.Pick(r), byIP.Pick(r); got != want {
		t.Errorf("Pick() = %d by key and %d by address, want the same", got, want)
	}
}
