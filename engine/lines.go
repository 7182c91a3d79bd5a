package engine

import (
	"bytes"
	"strings"
)

// Lines is an io.Writer that cuts into lines what is written to it, for engines that are given streams. It is not safe for
// concurrent use.
type Lines struct {
	// Emit takes a line without its end ("\n" or "\r\n"); its error ends the Write.
	Emit func(line string) error
	// Max is how many bytes of a line are kept.
	Max int

	begun bool
	line  []byte
}

// Write implements io.Writer.
func (l *Lines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		l.begun = true
		l.line = append(l.line, part[:min(len(part), l.Max+1-len(l.line))]...) // One more, for it may be the end's.
		if rest = after; whole {
			if err := l.End(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// End emits a line that has begun and has no end.
func (l *Lines) End() error {
	if !l.begun {
		return nil
	}
	line := strings.TrimSuffix(string(l.line), "\r")
	l.begun, l.line = false, l.line[:0]
	return l.Emit(line[:min(len(line), l.Max)])
}
