package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// message is what was read of one, by rules as simple and strict as they can be.
type message struct {
	start    string
	fields   []string
	body     []byte
	trailers []string
	headed   bool // The head came whole,
	whole    bool // and so did all of it.
	err      error
}

// errStrict says that something was read that must never be sent.
var errStrict = errors.New("malformed")

// readLines reads up to an empty line.
func readLines(r *bufio.Reader) ([]string, error) {
	for lines := []string(nil); ; {
		line, err := r.ReadString('\n')
		switch {
		case err != nil && line != "":
			return append(lines, line), err
		case err != nil:
			return lines, err
		case line == "\r\n":
			return lines, nil
		case !strings.HasSuffix(line, "\r\n") || strings.Count(line, "\r") > 1:
			return lines, fmt.Errorf("%w line %q", errStrict, line)
		}
		lines = append(lines, strings.TrimSuffix(line, "\r\n"))
	}
}

// readHead reads a head. Not one byte of it is io.EOF, with a message that has no start.
func (m *message) readHead(r *bufio.Reader) {
	lines, err := readLines(r)
	m.start, m.fields = "", nil
	if len(lines) > 0 {
		m.start, m.fields = lines[0], lines[1:]
	}
	m.err = err
	m.headed = err == nil
}

// values are those of the fields called name, in small letters.
func (m *message) values(name string) []string {
	var out []string
	for _, line := range m.fields {
		key, value, ok := strings.Cut(line, ": ")
		if ok && strings.EqualFold(key, name) {
			out = append(out, value)
		}
	}
	return out
}

func (m *message) value(name string) string { return strings.Join(m.values(name), "|") }

// readBody reads a body, to the end of the connection if nothing is announced and toEnd is true.
func (m *message) readBody(r *bufio.Reader, toEnd bool) {
	lengths, codings := m.values("content-length"), m.values("transfer-encoding")
	switch {
	case len(lengths)+len(codings) > 1:
		m.err = fmt.Errorf("%w framing %q %q", errStrict, lengths, codings)
	case len(lengths) == 1:
		n, err := strconv.Atoi(lengths[0])
		if err != nil {
			m.err = errStrict
			return
		}
		m.take(r, n)
		m.whole = m.err == nil
	case len(codings) == 1:
		m.readChunks(r)
		m.whole = m.err == nil
	case toEnd:
		m.body, m.err = io.ReadAll(r)
		m.whole = m.err == nil
	default:
		m.whole = true
	}
}

// take reads n bytes of the body, or as many as there are.
func (m *message) take(r *bufio.Reader, n int) {
	var piece []byte
	piece, m.err = io.ReadAll(io.LimitReader(r, int64(n)))
	m.body = append(m.body, piece...)
	if m.err == nil && len(piece) < n {
		m.err = io.ErrUnexpectedEOF
	}
}

// readChunks reads chunks as Ballast prints them, which is in one way only.
func (m *message) readChunks(r *bufio.Reader) {
	for m.err == nil {
		line, err := r.ReadString('\n')
		if err != nil {
			m.err = err
			return
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 31)
		if err != nil || line != fmt.Sprintf("%x\r\n", n) {
			m.err = fmt.Errorf("%w chunk size %q", errStrict, line)
			return
		}
		if n == 0 {
			m.trailers, m.err = readLines(r)
			return
		}
		m.take(r, int(n))
		if m.err != nil {
			return
		}
		var end [2]byte
		if _, err := io.ReadFull(r, end[:]); err != nil {
			m.err = err
		} else if string(end[:]) != "\r\n" {
			m.err = fmt.Errorf("%w end of chunk %q", errStrict, end)
		}
	}
}
