package http1

import "bytes"

// span is a piece of a buffer. MaxHead keeps it well within 32 bits.
type span struct{ from, to uint32 }

func spanOf(from, to int) span { return span{uint32(from), uint32(to)} }

type field struct {
	name, value span
	id          id
}

// Fields are the field lines of a head, in the order they came. They are offsets into the buffer that
// was parsed: good until its bytes change.
type Fields struct {
	buf  []byte
	list []field
	at   int // Where the next line begins.
	seen int // Up to where its end was looked for, so that a slow sender costs no more than a fast one.
	said facts
}

// Len is how many fields there are.
func (f *Fields) Len() int { return len(f.list) }

// Name is the name of the field at i as it was written. It is compared without regard to capitals.
func (f *Fields) Name(i int) []byte { return f.text(f.list[i].name) }

// Value is the value of the field at i without the whitespace around it.
func (f *Fields) Value(i int) []byte { return f.text(f.list[i].value) }

// Find returns where the first field called name is, at from or behind it; -1 if there is none. The
// name is in small letters.
func (f *Fields) Find(name string, from int) int {
	for i := from; i < len(f.list); i++ {
		if same(f.Name(i), name) {
			return i
		}
	}
	return -1
}

func (f *Fields) text(s span) []byte { return f.buf[s.from:s.to] }

func (f *Fields) reset() {
	*f = Fields{list: f.list[:0]}
}

// line returns where the CRLF of the line at f.at is, or -1 if it has not come yet. It does not look
// further than limit bytes, and says long if it would have to.
func (f *Fields) line(limit int, long *Error) (int, error) {
	window := f.buf[:min(len(f.buf), limit)]
	if f.seen >= len(window) {
		return f.incomplete(limit, long)
	}
	i := bytes.IndexByte(window[f.seen:], '\n')
	if i < 0 {
		f.seen = len(window)
		return f.incomplete(limit, long)
	}
	end := f.seen + i
	if end == f.at || window[end-1] != '\r' {
		return -1, ErrBareLF
	}
	f.seen = end + 1
	return end - 1, nil
}

func (f *Fields) incomplete(limit int, long *Error) (int, error) {
	if len(f.buf) >= limit {
		return -1, long
	}
	return -1, nil
}

// read reads field lines up to the empty line that ends them; false if that has not come yet.
func (f *Fields) read(limit int, long *Error) (bool, error) {
	for {
		end, err := f.line(limit, long)
		if end < 0 {
			return false, err
		}
		from := f.at
		f.at = f.seen
		if end == from {
			return true, nil
		}
		if len(f.list) == MaxFields {
			return false, ErrTooManyFields
		}
		if err := f.add(from, end); err != nil {
			return false, err
		}
	}
}

// add reads one field line: name ":" OWS value OWS (RFC 9112 5).
func (f *Fields) add(from, to int) error {
	line := f.buf[from:to]
	n, kinds := leadingToken(line)
	if n == 0 || n == len(line) || line[n] != ':' {
		return f.badName(line, n)
	}
	start, end := n+1, len(line)
	for start < end && isSpace(line[start]) {
		start++
	}
	for end > start && isSpace(line[end-1]) {
		end--
	}
	if i := badValue(line[start:end]); i >= 0 {
		if line[start+i] == '\r' {
			return ErrBareCR
		}
		return ErrFieldValue
	}
	f.list = append(f.list, field{
		name:  spanOf(from, from+n),
		value: spanOf(from+start, from+end),
		id:    identify(line[:n], kinds&isMark != 0),
	})
	return nil
}

// badName says what is wrong with a line whose first n bytes are all that is a name.
func (f *Fields) badName(line []byte, n int) error {
	rest := line[n:]
	switch {
	case len(rest) == 0:
		return ErrFieldName
	case rest[0] == '\r':
		return ErrBareCR
	case !isSpace(rest[0]):
		return ErrFieldName
	case n == 0 && len(f.list) == 0:
		return ErrLeadingSpace
	case n == 0:
		return ErrFold
	}
	if rest = trim(rest); len(rest) > 0 && rest[0] == ':' {
		return ErrSpaceBeforeColon
	}
	return ErrFieldName
}
