package forward

import "net/netip"

// parseAddr reads an address as netip.ParseAddr does, but none with a zone, and allocates nothing. IPv4-mapped
// addresses become IPv4.
func parseAddr[S Text](s S) (netip.Addr, bool) {
	if index(s, ':') < 0 {
		four, ok := parseIPv4(s)
		return netip.AddrFrom4(four), ok
	}
	sixteen, ok := parseIPv6(s)
	return netip.AddrFrom16(sixteen).Unmap(), ok
}

// parseIPv4 reads four numbers up to 255, without needless zeros, with dots between.
func parseIPv4[S Text](s S) (ip [4]byte, ok bool) {
	for i := range ip {
		end := index(s, '.')
		if i == len(ip)-1 {
			if end >= 0 {
				return ip, false
			}
			end = len(s)
		}
		if end < 1 || end > 3 || end > 1 && s[0] == '0' {
			return ip, false
		}
		n, ok := number(s[:end])
		if !ok || n > 255 {
			return ip, false
		}
		ip[i] = byte(n)
		s = s[min(end+1, len(s)):]
	}
	return ip, true
}

// parseIPv6 reads the forms of RFC 4291, 2.2: eight groups, one gap of at least one at most, the last two groups
// maybe as an IPv4 address.
func parseIPv6[S Text](s S) (ip [16]byte, ok bool) {
	n, gap := 0, -1
	if len(s) >= 2 && s[0] == ':' && s[1] == ':' {
		s, gap = s[2:], 0
	}
	for len(s) > 0 {
		if n == len(ip) {
			return ip, false
		}
		value, digits := group(s)
		if digits < len(s) && s[digits] == '.' {
			four, ok := parseIPv4(s)
			if !ok || n > len(ip)-len(four) {
				return ip, false
			}
			n += copy(ip[n:], four[:])
			break
		}
		if digits == 0 {
			return ip, false
		}
		ip[n], ip[n+1] = byte(value>>8), byte(value)
		n += 2
		if s = s[digits:]; len(s) == 0 {
			break
		}
		if len(s) == 1 || s[0] != ':' {
			return ip, false
		}
		if s = s[1:]; s[0] == ':' {
			if gap >= 0 {
				return ip, false
			}
			s, gap = s[1:], n
		}
	}
	return fill(ip, n, gap)
}

// group reads up to four hexadecimal digits.
func group[S Text](s S) (value, digits int) {
	for digits < len(s) && digits < 4 {
		c := s[digits]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return value, digits
		}
		value = value<<4 | int(c)
		digits++
	}
	return value, digits
}

// fill widens the gap of the n bytes of ip that were read.
func fill(ip [16]byte, n, gap int) ([16]byte, bool) {
	if gap < 0 || n == len(ip) {
		return ip, gap < 0 && n == len(ip)
	}
	tail := n - gap
	copy(ip[len(ip)-tail:], ip[gap:n])
	clear(ip[gap : len(ip)-tail])
	return ip, true
}

// parseNode reads an address, in brackets or not, with a port or not. An IPv6 address with a port has brackets.
// What the port may be, port says.
func parseNode[S Text](s S, port func(S) bool) (netip.Addr, bool) {
	colon, rest := index(s, ':'), s[len(s):]
	if len(s) > 0 && s[0] == '[' {
		end := index(s, ']')
		if colon < 0 || colon > end { // No IPv6 address, or no end.
			return netip.Addr{}, false
		}
		s, rest = s[1:end], s[end+1:]
	} else if colon >= 0 && index(s[colon+1:], ':') < 0 {
		s, rest = s[:colon], s[colon:]
	}
	if len(rest) > 0 && (rest[0] != ':' || !port(rest[1:])) {
		return netip.Addr{}, false
	}
	return parseAddr(s)
}

func isPort[S Text](s S) bool {
	n, ok := number(s)
	return ok && n <= 65535
}
