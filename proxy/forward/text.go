package forward

// Text is a field value or a part of one, of any bytes.
type Text interface{ ~string | ~[]byte }

// Classes of bytes.
const (
	isToken  = 1 << iota // RFC 9110, 5.6.2: tchar.
	isQuoted             // May stand in a quoted string as it is, or escaped: visible ASCII, space, tab.
	isNode               // May stand in an element of X-Forwarded-For: addresses, ports, names, a zone.
	isHost               // May stand in a host name (RFC 3986, 3.2.2 without escapes and delimiters).
	isID                 // May stand in a request ID.
	isObf                // May stand in an obfuscated identifier (RFC 7239, 6.3).
	isDigit
)

var class = classes()

func classes() (t [256]uint8) {
	mark := func(bytes string, class uint8) {
		for i := range len(bytes) {
			t[bytes[i]] |= class
		}
	}
	for c := ' '; c < 0x7f; c++ {
		t[c] |= isQuoted
	}
	mark("\t", isQuoted)
	mark("0123456789", isDigit)
	mark("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-", isToken|isNode|isHost|isID|isObf)
	mark("!#$%&'*+.^_`|~", isToken)
	mark("._:[]%", isNode)
	mark("._~", isHost)
	mark("._:/+=", isID)
	mark("._", isObf)
	return t
}

// all says whether s has nothing but bytes of a class.
func all[S Text](s S, of uint8) bool {
	for i := range len(s) {
		if class[s[i]]&of == 0 {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// trim returns s without the optional whitespace around it (RFC 9110, 5.6.3).
func trim[S Text](s S) S {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// index returns where c is first in s, or -1.
func index[S Text](s S, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return -1
}

// fold says whether s is name but for capitals. name has none.
func fold[S Text](s S, name string) bool {
	if len(s) != len(name) {
		return false
	}
	for i := range len(name) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

// number reads one to five digits, and nothing else.
func number[S Text](s S) (n int, ok bool) {
	if len(s) == 0 || len(s) > 5 || !all(s, isDigit) {
		return 0, false
	}
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
