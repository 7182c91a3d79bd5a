package forward

import "net/netip"

// ForwardedClient is Client by lines of Forwarded (RFC 7239): by its for= parameters. "unknown", an obfuscated
// identifier, an element without for= and one that is malformed end the walk, and so does a line with a quoted string
// that does not end: where its elements part is anybody's guess. An address may stand without the quotes that its colons
// ask for, and whitespace around semicolons, as some send it. ForwardedClient allocates nothing.
func ForwardedClient[S Text](t *Trust, peer netip.Addr, lines []S) netip.Addr {
	client := plain(peer)
	if !t.Contains(client) {
		return client
	}
	// Quoted strings can only be told from left to right. So this is the walk's result if it began at the
	// element just read; not valid if the walk would end before it.
	var said netip.Addr
	for _, line := range lines {
		for line, more := line, true; more; {
			var e forwardedElement[S]
			e, line, more = cutForwarded(line)
			a, ok := parseNode(e.node, isAnyPort[S])
			switch {
			case !e.ok || !ok:
				said = netip.Addr{}
			case !said.IsValid() || !t.Contains(a):
				said = a
			}
		}
	}
	if said.IsValid() {
		return said
	}
	return client
}

// isAnyPort takes obfuscated ports too (RFC 7239, 6).
func isAnyPort[S Text](s S) bool {
	return isPort(s) || len(s) > 1 && s[0] == '_' && all(s, isObf)
}

// forwardedElement is what one proxy says.
type forwardedElement[S Text] struct {
	// text is the whole of it, without the whitespace around.
	text S
	// node is the value of for=, without the quotes.
	node S
	// ok says that it is well-formed and has for=.
	ok bool
}

// cutForwarded reads the first element of a line. If a quoted string does not end, the element is the whole
// line.
func cutForwarded[S Text](line S) (e forwardedElement[S], rest S, more bool) {
	end, ok := endOfElement(line)
	e.text = trim(line[:end])
	if rest = line[end:]; len(rest) > 0 {
		rest, more = rest[1:], true
	}
	seen := 0
	for pairs := e.text; ok && len(pairs) > 0; {
		var name, value S
		name, value, pairs, ok = cutPair(pairs)
		if ok && fold(name, "for") {
			e.node = value
			seen++
		}
	}
	e.ok = ok && seen == 1
	return e, rest, more
}

// endOfElement returns where the comma is that ends the first element, or the end of the line; false if
// that is within a quoted string.
func endOfElement[S Text](line S) (end int, ok bool) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return i, true
		}
	}
	return len(line), !quoted
}

// cutPair reads one name=value and the semicolon behind it. Nothing between two semicolons is fine (RFC
// 7239, 4) and a pair without a name.
func cutPair[S Text](s S) (name, value, rest S, ok bool) {
	n := 0
	for n < len(s) && class[s[n]]&isToken != 0 {
		n++
	}
	name, rest = s[:n], s[n:]
	if n > 0 {
		if len(rest) == 0 || rest[0] != '=' {
			return name, value, rest, false
		}
		if value, rest, ok = cutValue(rest[1:]); !ok {
			return name, value, rest, false
		}
	}
	rest = trim(rest)
	if len(rest) == 0 {
		return name, value, rest, true
	}
	return name, value, trim(rest[1:]), rest[0] == ';'
}

// cutValue reads a token or a quoted string. The latter is returned without quotes, and with the backslashes in it: no
// address has any.
func cutValue[S Text](s S) (value, rest S, ok bool) {
	n := 0
	if len(s) == 0 || s[0] != '"' {
		for n < len(s) && class[s[n]]&(isToken|isNode) != 0 {
			n++
		}
		return s[:n], s[n:], n > 0
	}
	for n = 1; n < len(s) && s[n] != '"'; n++ {
		if s[n] == '\\' {
			n++
		}
		if n == len(s) || class[s[n]]&isQuoted == 0 {
			return value, s, false
		}
	}
	if n == len(s) {
		return value, s, false
	}
	return s[1:n], s[n+1:], true
}
