package limit

import (
	"encoding/binary"
	"net/netip"
)

// fourth marks the keys of IPv4 addresses. As an IPv6 prefix it would be a multicast one, and those are
// no source addresses (RFC 4291, 2.7): no client has such a key by its IPv6 address.
const fourth = 0xffffffff << 32

// Key is what a client is known by: its IPv4 address, or the first 64 bits of its IPv6 address, as a host
// chooses the others as it likes. An IPv4-mapped address is the IPv4 address; a zone does not count. An
// address that is not valid has the key of 0.0.0.0.
func Key(client netip.Addr) uint64 {
	if client.Is6() && !client.Is4In6() {
		b := client.As16()
		return binary.BigEndian.Uint64(b[:8])
	}
	b := client.As16()
	return fourth | uint64(binary.BigEndian.Uint32(b[12:]))
}
