package forward

// What is appended has at most so many elements and bytes: what some servers take for a whole field, and more
// proxies than a request meets.
const (
	maxElements = 32
	maxBytes    = 1 << 10
)

// list walks the elements of field lines from the last to the first. Each comma parts two, quoted or not.
type list[S Text] struct {
	lines []S
	line  S
	open  bool // line has an element left.
}

// previous returns the next element to the left, without the whitespace around it. It may be empty.
func (l *list[S]) previous() (element S, ok bool) {
	if !l.open {
		if len(l.lines) == 0 {
			return element, false
		}
		last := len(l.lines) - 1
		l.line, l.lines, l.open = l.lines[last], l.lines[:last], true
	}
	comma := len(l.line) - 1
	for comma >= 0 && l.line[comma] != ',' {
		comma--
	}
	element = trim(l.line[comma+1:])
	if l.open = comma >= 0; l.open {
		l.line = l.line[:comma]
	}
	return element, true
}

// last is the last element of a line.
func last[S Text](line S) S {
	l := list[S]{line: line, open: true}
	element, _ := l.previous()
	return element
}

// chain is the elements that go on, the last of them first, before ours. An empty one stands for one that
// could not be read.
type chain[S Text] struct {
	elements [maxElements - 1]S
	n        int
}

func (c *chain[S]) full() bool { return c.n == len(c.elements) }

func (c *chain[S]) add(element S) {
	c.elements[c.n] = element
	c.n++
}

// appendTo appends the elements and ours, without the leftmost if it gets too long. What could not be read is
// replaced by unknown, so that the others keep their places.
func (c *chain[S]) appendTo(dst []byte, unknown string, ours []byte) []byte {
	room, n := maxBytes-len(ours), 0
	for ; n < c.n; n++ {
		size := len(c.elements[n])
		if size == 0 {
			size = len(unknown)
		}
		if room -= size + len(", "); room < 0 {
			break
		}
	}
	for n--; n >= 0; n-- {
		if e := c.elements[n]; len(e) > 0 {
			dst = append(dst, e...)
		} else {
			dst = append(dst, unknown...)
		}
		dst = append(dst, ", "...)
	}
	return append(dst, ours...)
}
