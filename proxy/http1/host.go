package http1

import "bytes"

// checkAuthority says whether b is a host with an optional port, and whether it has the port
// (RFC 3986 3.2.2 and 3.2.3). An empty host is none (RFC 9110 4.2.1), and neither is an empty port here.
func checkAuthority(b []byte) (ok, port bool) {
	if len(b) == 0 || len(b) > maxHost {
		return false, false
	}
	n := 0
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !isIPv6(b[1:end]) {
			return false, false
		}
		n = end + 1
	} else {
		for n < len(b) && class[b[n]]&isHost != 0 {
			n++
		}
	}
	switch rest := b[n:]; {
	case n == 0:
		return false, false
	case len(rest) == 0:
		return true, false
	default:
		return rest[0] == ':' && isPort(rest[1:]), true
	}
}

func isPort(b []byte) bool {
	n, ok := number(b)
	return ok && n <= 65535
}

// isIPv6 says whether b is an IPv6 address (RFC 4291 2.2) without a zone.
func isIPv6(b []byte) bool {
	groups, gap := 0, false
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		b, gap = b[2:], true
	}
	for len(b) > 0 {
		n := 0
		for n < len(b) && n < 4 && class[b[n]]&isHex != 0 {
			n++
		}
		switch {
		case n < len(b) && b[n] == '.':
			groups += 2
			return isIPv4(b) && fills(groups, gap)
		case n == 0:
			return false
		}
		groups++
		b = b[n:]
		switch {
		case len(b) == 0:
		case len(b) >= 2 && b[0] == ':' && b[1] == ':' && !gap:
			b, gap = b[2:], true
		case len(b) >= 2 && b[0] == ':' && b[1] != ':':
			b = b[1:]
		default:
			return false
		}
	}
	return fills(groups, gap)
}

// fills says whether groups make an address. The gap of a double colon is one group at least.
func fills(groups int, gap bool) bool { return groups == 8 && !gap || groups < 8 && gap }

// isIPv4 says whether b is four numbers up to 255 with dots between.
func isIPv4(b []byte) bool {
	for i := range 4 {
		part, rest, more := bytes.Cut(b, []byte{'.'})
		n, ok := number(part)
		if !ok || n > 255 || len(part) > 1 && part[0] == '0' || more != (i < 3) {
			return false
		}
		b = rest
	}
	return true
}
