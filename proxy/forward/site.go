package forward

// Proto reads a line of X-Forwarded-Proto of a trusted peer: the last element, which is the peer's own. It is http or
// https, or ws or wss, which some send for WebSockets. ok is false for anything else.
func Proto[S Text](line S) (https, ok bool) {
	switch p := last(line); {
	case fold(p, "https"), fold(p, "wss"):
		return true, true
	default:
		return false, fold(p, "http") || fold(p, "ws")
	}
}

// Port reads a line of X-Forwarded-Port of a trusted peer: the last element, 1 to 65535 without needless zeros.
func Port[S Text](line S) (S, bool) {
	p := last(line)
	if !isPort(p) || p[0] == '0' {
		return p[:0], false
	}
	return p, true
}

// Host reads a line of X-Forwarded-Host of a trusted peer: the last element, a name or an address, IPv6 in brackets, with
// a port or not.
func Host[S Text](line S) (S, bool) {
	h := last(line)
	if len(h) > maxHost || !isAuthority(h) {
		return h[:0], false
	}
	return h, true
}

// isAuthority says whether s is a host with an optional port (RFC 3986, 3.2.2 and 3.2.3), neither of them empty.
func isAuthority[S Text](s S) bool {
	n := 0
	if len(s) > 0 && s[0] == '[' {
		if n = index(s, ']'); n < 0 {
			return false
		}
		if _, ok := parseIPv6(s[1:n]); !ok {
			return false
		}
		n++
	}
	for n < len(s) && s[0] != '[' && class[s[n]]&isHost != 0 {
		n++
	}
	return n > 0 && (n == len(s) || s[n] == ':' && isPort(s[n+1:]))
}
