package forward

import "net/netip"

// maxAddr is the longest text of an address without a zone.
const maxAddr = len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")

// Client returns who sent a request that came from peer with lines of X-Forwarded-For: peer, if it is not
// trusted, else the first address from the right that is not, or the leftmost if all are. Elements are addresses with
// or without a port ("192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"). Anything else, an empty one too, is a
// proxy that does not say whom it speaks for: the one to the right of it is returned. So is an address as plain as it
// can be: IPv4-mapped ones are IPv4, and none has a zone. Client allocates nothing.
func Client[S Text](t *Trust, peer netip.Addr, lines []S) netip.Addr {
	client := plain(peer)
	l := list[S]{lines: lines}
	for t.Contains(client) {
		element, more := l.previous()
		if !more {
			break
		}
		a, ok := parseNode(element, isPort[S])
		if !ok {
			break
		}
		client = a
	}
	return client
}

// AppendFor appends the value of X-Forwarded-For for a request that came from peer with lines of it: what they say, then
// peer. Lines of a peer that is not trusted are not to be given. An element with bytes that no address has is replaced
// by "unknown", and so is an empty one.
func AppendFor[S Text](dst []byte, lines []S, peer netip.Addr) []byte {
	var c chain[S]
	l := list[S]{lines: lines}
	for !c.full() {
		element, more := l.previous()
		if !more {
			break
		}
		if !all(element, isNode) {
			element = element[:0]
		}
		c.add(element)
	}
	var text [maxAddr]byte
	ours := append(text[:0], "unknown"...)
	if peer.IsValid() {
		ours = plain(peer).AppendTo(text[:0])
	}
	return c.appendTo(dst, "unknown", ours)
}
