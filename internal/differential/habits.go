package main

import (
	"math/bits"
	"net/http"
	"net/url"
	"strings"
)

// habits are how a server reads what the RFC does not allow. The zero value is a server that makes the least of
// it; strict refuses whatever could be framed in two ways.
type habits struct {
	name string
	// strict refuses. Nothing below counts then.
	strict bool
	// feed lets a bare LF end a line.
	feed bool
	// unfold joins a folded line with the one before; else it is a field of its own.
	unfold bool
	// trim ignores whitespace before a colon; else such a field is another one.
	trim bool
	// marks reads underscores and dots in names as dashes.
	marks bool
	// anyCoding sees chunked wherever it stands in Transfer-Encoding, and in HTTP/1.0 too.
	anyCoding bool
	// lengthWins prefers Content-Length to Transfer-Encoding.
	lengthWins bool
	// last takes the last one of several fields; else the first.
	last bool
	// numbers reads numbers as strtol does: space, sign, 0x, and as far as there are digits.
	numbers bool
	// skip takes two bytes behind a chunk, whatever they are.
	skip bool
	// mend makes something of methods, targets and hosts that are none.
	mend bool
}

// strictly is how the backend reads: what it answers has one meaning.
var strictly = habits{name: "strict", strict: true}

// loose are two servers that disagree wherever two servers might.
var loose = []habits{
	{name: "loose", feed: true, unfold: true, trim: true, anyCoding: true, last: true, numbers: true, mend: true},
	{name: "plain", marks: true, lengthWins: true, skip: true},
}

// canonical is a field's name as this server compares it.
func (h habits) canonical(name string) string {
	name = strings.ToLower(name)
	if h.trim {
		name = strings.Trim(name, " \t\r")
	}
	if h.marks {
		name = strings.NewReplacer("_", "-", ".", "-").Replace(name)
	}
	return name
}

// value is a field's value without what this server takes for whitespace. Who reads loosely is taken to have
// strings that end at a NUL.
func (h habits) value(v string) string {
	if !h.mend {
		return strings.Trim(v, " \t")
	}
	v, _, _ = strings.Cut(v, "\x00")
	return strings.TrimFunc(v, func(r rune) bool { return r <= ' ' })
}

// pick is the one of several values that counts.
func (h habits) pick(values []string) string {
	switch {
	case len(values) == 0:
		return ""
	case h.last:
		return values[len(values)-1]
	}
	return values[0]
}

// chunked says what Transfer-Encoding comes to.
func (h habits) chunked(codings []string, http10 bool) bool {
	if h.anyCoding {
		return strings.Contains(strings.ToLower(strings.Join(codings, ",")), "chunked")
	}
	return !http10 && len(codings) > 0 && strings.EqualFold(h.pick(codings), "chunked")
}

// number reads a number. What is too large wraps around, as it does in C.
func (h habits) number(s string, base uint64) (uint64, bool) {
	if h.numbers {
		s = strings.TrimLeft(s, " \t\v\f\r")
		s = strings.TrimPrefix(s, "+")
		if base == 16 {
			s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
		}
	}
	n, digits := uint64(0), 0
	for ; digits < len(s); digits++ {
		d := uint64(strings.IndexByte("0123456789abcdef", s[digits]|0x20))
		if s[digits] <= '9' {
			d = uint64(s[digits]) - '0'
		}
		if d >= base {
			break
		}
		over, low := bits.Mul64(n, base)
		if h.strict && (over > 0 || low+d < low || low+d > 1<<63-1) {
			return 0, false
		}
		n = low + d
	}
	return n, digits > 0 && (digits == len(s) || h.numbers)
}

// method is what this server takes a method for.
func (h habits) method(m string) string {
	if upper := strings.ToUpper(m); h.mend && (upper == http.MethodHead || upper == http.MethodConnect) {
		return upper // Nothing else changes what follows.
	}
	return m
}

// target is what this server takes a target for: who mends it cuts it at a fragment and at a NUL, and
// takes backslashes in the path for slashes.
func (h habits) target(t string) string {
	if !h.mend {
		return t
	}
	t, _, _ = strings.Cut(t, "#")
	path, query, asked := strings.Cut(t, "?")
	path, _, _ = strings.Cut(path, "%00")
	path, _, _ = strings.Cut(path, "\x00")
	path = strings.ReplaceAll(path, `\`, "/")
	if asked {
		return path + "?" + query
	}
	return path
}

// host is whom this server takes a request to be for: who mends it prefers the target's, and takes what is
// behind a user and before whatever can't be in a name.
func (h habits) host(field, target string) string {
	if !h.mend {
		return strings.ToLower(field)
	}
	if _, rest, ok := strings.Cut(target, "://"); ok {
		field = rest
	}
	field, _, _ = strings.Cut(field, "/")
	if i := strings.LastIndexByte(field, '@'); i >= 0 {
		field = field[i+1:]
	}
	if i := strings.IndexAny(field, ", \\?#"); i >= 0 {
		field = field[:i]
	}
	if plain, err := url.PathUnescape(field); err == nil {
		field = plain
	}
	return strings.ToLower(field)
}
