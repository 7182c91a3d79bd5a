//go:build !linux

package front

// peeked is what is known of a connection without reading from it.
type peeked uint8

const (
	peekNothing peeked = iota // It is open, and there is nothing to read.
	peekData
	peekEnd // It has ended or broken.
)

// waits says that tryRead can wait without a buffer.
const waits = false

func peekFD(uintptr) peeked { return peekNothing }

func unsentFD(uintptr) int { return 1 }

// tryRead is called before there is something to read: here the buffer waits too.
func (c *client) tryRead(uintptr) bool { return true }
