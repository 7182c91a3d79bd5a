package http1

import "encoding/binary"

// Classes of bytes.
const (
	isToken = 1 << iota // RFC 9110 5.6.2: tchar.
	isMark              // A tchar that CGI and its kin read as a dash, other than the dash itself.
	isLower             // A letter that is not a capital.
	isPath              // May stand in a path as it is: visible, but # ? % \ (see doc.go).
	isQuery             // May stand in a query: visible, but #.
	isHost              // May stand in a host name (RFC 3986 3.2.2 without escapes and delimiters).
	isValue             // May stand in a field value (RFC 9110 5.5): visible, space, tab, obs-text.
	isHex
)

var class = classes()

// lower has each byte with capitals made small, as names are compared (RFC 9110 5.1).
var lower = func() (t [256]byte) {
	for c := range t {
		t[c] = byte(c)
		if c >= 'A' && c <= 'Z' {
			t[c] = byte(c) + 'a' - 'A'
		}
	}
	return t
}()

func classes() (t [256]uint8) {
	for c := range t {
		if c > ' ' && c < 0x7f {
			t[c] |= isPath | isQuery
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			t[c] |= isValue
		}
	}
	mark := func(bytes string, class uint8) {
		for i := range len(bytes) {
			t[bytes[i]] |= class
		}
	}
	mark("abcdefghijklmnopqrstuvwxyz", isToken|isHost|isLower)
	mark("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", isToken|isHost)
	mark("!#$%&'*+.^_`|~", isToken|isMark)
	mark("._~", isHost)
	mark("0123456789abcdefABCDEF", isHex)
	for _, c := range []byte(`#?%\`) {
		t[c] &^= isPath
	}
	t['#'] &^= isQuery
	return t
}

const (
	every = 0x0101010101010101
	high  = 0x80 * every
)

// suspect says whether one of eight bytes may be below a space or DEL. The first, less a space, gets its highest
// bit; the second gets it by one more; text has it before already or never. What is carried over from one byte to
// the next can raise an alarm that is false, but silence none.
func suspect(x uint64) bool {
	return ((x-' '*every)|(x+every))&^x&high != 0
}

// badValue returns where in b the first byte stands that may not be in a field value, or -1.
func badValue(b []byte) int {
	if len(b) < 8 {
		return badByte(b)
	}
	last := len(b) - 8
	for i := 0; ; i += 8 {
		i = min(i, last) // The last eight bytes may have been looked at in part.
		if suspect(binary.LittleEndian.Uint64(b[i:])) {
			if j := badByte(b[i : i+8]); j >= 0 {
				return i + j
			}
		}
		if i == last {
			return -1
		}
	}
}

func badByte(b []byte) int {
	for i, c := range b {
		if class[c]&isValue == 0 {
			return i
		}
	}
	return -1
}

// leadingToken returns how many bytes at the start of b are a token, and the classes of all of them.
func leadingToken(b []byte) (n int, kinds uint8) {
	for i, c := range b {
		k := class[c]
		if k&isToken == 0 {
			return i, kinds
		}
		kinds |= k
	}
	return len(b), kinds
}

// same says whether b is name but for capitals. name has none.
func same(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if lower[c] != name[i] {
			return false
		}
	}
	return true
}

func sameFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lower[c] != lower[b[i]] {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isTokenText(b []byte) bool {
	for _, c := range b {
		if class[c]&isToken == 0 {
			return false
		}
	}
	return len(b) > 0
}

// trim returns b without the optional whitespace around it (RFC 9110 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// number reads digits and nothing else: no sign, no space, no list.
func number(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	var n uint64 // 19 digits do not overflow it.
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return int64(n), n < 1<<63
}
