package forward

import (
	"fmt"
	"hash/maphash"
)

// Loop finds requests that this process has had before, by CDN-Loop (RFC 8586): each proxy appends its token to that
// field and, unlike others, clients can't have it removed (by Connection, for one) or hide what is in it.
type Loop struct {
	// Token is the pseudonym of this process.
	Token string
}

// NewLoop returns a Loop with a token of its own, made of the instance's name and a random number: two
// instances of the same name are not taken for each other.
func NewLoop(instance string) Loop {
	return Loop{Token: fmt.Sprintf("ballast-%08x", uint32(maphash.String(maphash.MakeSeed(), instance)))}
}

// Passes returns how often l's token is among the elements of lines of CDN-Loop. Parameters are ignored. Every comma
// parts elements, even if it is quoted: or else a quote that a client opens hid what proxies append.
func Passes[S Text](l Loop, lines []S) int {
	passes := 0
	elements := list[S]{lines: lines}
	for {
		element, more := elements.previous()
		if !more {
			return passes
		}
		if end := index(element, ';'); end >= 0 {
			element = trim(element[:end])
		}
		if fold(element, l.Token) {
			passes++
		}
	}
}

// AppendLoop appends the value of CDN-Loop for a request that came with lines of it: theirs, then l's token. Their
// elements stay as they are, whoever sent them, but those that are empty or have bytes that are not printable are
// dropped.
func AppendLoop[S Text](dst []byte, lines []S, l Loop) []byte {
	var c chain[S]
	elements := list[S]{lines: lines}
	for !c.full() {
		element, more := elements.previous()
		if !more {
			break
		}
		if len(element) > 0 && all(element, isQuoted) {
			c.add(element)
		}
	}
	var token [64]byte
	return c.appendTo(dst, "", append(token[:0], l.Token...))
}
