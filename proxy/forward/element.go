package forward

import "net/netip"

// maxHost is the longest host that is passed on: a name of 255 bytes, a colon and a port.
const maxHost = 255 + len(":65535")

// Element is what one proxy says of a request in Forwarded.
type Element[S Text] struct {
	// For is who sent it, "unknown" if it is not valid.
	For netip.Addr
	// Host is the Host field as it came, left out if it is empty, longer than a host can be or not printable.
	Host S
	// Proto is "http" or "https", left out if it is no token.
	Proto string
}

// AppendForwarded appends the value of Forwarded (RFC 7239) for a request that came with lines of it: what they say, then
// e. Lines of a peer that is not trusted are not to be given. An element that can't be read, or does not
// say for whom, is replaced by "for=unknown".
func AppendForwarded[S Text](dst []byte, lines []S, e Element[S]) []byte {
	var recent [maxElements - 1]S // The last ones, in a ring, as elements can only be told from left to right.
	n := 0
	for _, line := range lines {
		for line, more := line, true; more; n++ {
			var said forwardedElement[S]
			said, line, more = cutForwarded(line)
			if !said.ok {
				said.text = said.text[:0]
			}
			recent[n%len(recent)] = said.text
		}
	}
	var c chain[S]
	for ; n > 0 && !c.full(); n-- {
		c.add(recent[(n-1)%len(recent)])
	}
	var text [maxHost*2 + 128]byte
	return c.appendTo(dst, "for=unknown", e.append(text[:0]))
}

func (e *Element[S]) append(dst []byte) []byte {
	switch a := plain(e.For); {
	case a.Is4():
		dst = a.AppendTo(append(dst, "for="...))
	case a.Is6():
		dst = append(a.AppendTo(append(dst, `for="[`...)), `]"`...)
	default:
		dst = append(dst, "for=unknown"...)
	}
	if n := len(e.Host); n > 0 && n <= maxHost && all(e.Host, isQuoted) {
		dst = appendValue(append(dst, ";host="...), e.Host)
	}
	if n := len(e.Proto); n > 0 && n <= maxHost && all(e.Proto, isToken) {
		dst = append(append(dst, ";proto="...), e.Proto...)
	}
	return dst
}

// appendValue appends a token as it is, and all else as a quoted string (RFC 9110, 5.6.4).
func appendValue[S Text](dst []byte, s S) []byte {
	if all(s, isToken) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
