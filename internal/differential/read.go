package main

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// message is a request or an answer as one server reads it.
type message struct {
	method, target, host string // Of a request.
	status               int    // Of an answer.
	framing              string // none, length, chunked, close
	body                 string
	trailers             []string
	whole                bool
	end                  int // Where it ends in the bytes.
}

// means says whether two servers understand the same. That there are chunks counts though
// their content be the same: other content could differ. The host of CONNECT does not: its target says it all.
func (m message) means(o message) bool {
	return m.method == o.method && m.target == o.target && (m.host == o.host || m.method == http.MethodConnect) && m.status == o.status &&
		m.body == o.body && m.whole == o.whole && (m.framing == "chunked") == (o.framing == "chunked")
}

// reading is what a server makes of the bytes of one connection.
type reading struct {
	messages []message
	refused  string // Why it reads no further; empty if all was read, or more is needed.
}

// read reads requests, or answers if there are methods that they answer; ended says that the connection did.
func (h habits) read(b []byte, answered []string, ended bool) reading {
	var r reading
	for at := 0; at < len(b); {
		p := &parser{h: h, b: b, at: at, answers: answered != nil, ended: ended}
		if p.answers {
			p.to = answered[min(final(r.messages), len(answered)-1)]
		}
		m, found := p.message()
		if p.bad != "" {
			r.refused = p.bad
			if found {
				r.messages = append(r.messages, m)
			}
			return r
		}
		if !found {
			return r
		}
		r.messages = append(r.messages, m)
		if !m.whole {
			return r
		}
		at = m.end
	}
	return r
}

// final counts the answers that no other follows.
func final(answers []message) int {
	n := 0
	for _, a := range answers {
		if a.status >= 200 {
			n++
		}
	}
	return n
}

// parser reads one message from b at at on.
type parser struct {
	h       habits
	b       []byte
	at      int
	answers bool
	to      string // The method that is answered.
	ended   bool
	bad     string

	http10 bool
	fields map[string][]string
}

// line returns a line without its end; false if it has none yet.
func (p *parser) line() (string, bool) {
	rest := p.b[p.at:]
	end, next := bytes.Index(rest, []byte("\r\n")), 2
	if p.h.feed {
		end, next = bytes.IndexByte(rest, '\n'), 1
	}
	if end < 0 {
		return "", false
	}
	p.at += end + next
	text := string(rest[:end])
	if p.h.feed {
		text = strings.TrimSuffix(text, "\r")
	}
	if p.h.strict && strings.ContainsAny(text, "\r\n\x00") {
		p.bad = "line has a CR, LF or NUL in it"
	}
	return text, true
}

// message returns what was found, which may lack the end of its body.
func (p *parser) message() (message, bool) {
	start := ""
	for start == "" {
		var ok bool
		if start, ok = p.line(); !ok || p.bad != "" {
			return message{}, false
		}
	}
	if !p.head() || p.bad != "" {
		return message{}, false
	}
	m, ok := p.start(start)
	if !ok {
		return message{}, false
	}
	p.frame(&m)
	m.end = p.at
	return m, true
}

// head reads fields up to the empty line.
func (p *parser) head() bool {
	p.fields = map[string][]string{}
	last := ""
	for {
		text, ok := p.line()
		if !ok || p.bad != "" || text == "" {
			return ok
		}
		folded := text[0] == ' ' || text[0] == '\t'
		switch {
		case folded && p.h.strict:
			p.bad = "folded field"
			return true
		case folded && p.h.unfold && last != "":
			values := p.fields[last]
			values[len(values)-1] = p.h.value(values[len(values)-1] + " " + text)
			continue
		case folded:
			text = strings.TrimLeft(text, " \t")
		}
		name, value, colon := strings.Cut(text, ":")
		if p.h.strict && (!colon || name == "" || strings.ContainsAny(name, " \t")) {
			p.bad = "field without a name"
			return true
		}
		last = p.h.canonical(name)
		p.fields[last] = append(p.fields[last], p.h.value(value))
	}
}

// start reads the first line.
func (p *parser) start(line string) (message, bool) {
	words := strings.Split(line, " ")
	if !p.h.strict {
		words = strings.Fields(line)
	}
	if p.answers {
		m := message{}
		if len(words) >= 2 {
			p.http10 = words[0] == "HTTP/1.0"
			n, ok := p.h.number(words[1], 10)
			m.status = int(min(n, 1<<20))
			if ok && strings.HasPrefix(words[0], "HTTP/") {
				return m, true
			}
		}
		p.bad = "no status line"
		return m, false
	}
	if len(words) < 3 || p.h.strict && len(words) != 3 {
		p.bad = "no request line"
		return message{}, false
	}
	p.http10 = words[len(words)-1] == "HTTP/1.0"
	target := strings.Join(words[1:len(words)-1], " ")
	return message{
		method: p.h.method(words[0]), target: p.h.target(target), host: p.h.host(p.h.pick(p.fields["host"]), target),
	}, true
}

// frame finds the body.
func (p *parser) frame(m *message) {
	lengths, codings := p.fields["content-length"], p.fields["transfer-encoding"]
	chunked := p.h.chunked(codings, p.http10)
	if p.h.strict {
		chunked = p.strictCoding(lengths, codings)
	}
	switch {
	case p.bad != "":
		m.framing = "none"
	case p.answers && (m.status < 200 && m.status != 101 || m.status == 204 || m.status == 304 || p.to == "HEAD"):
		m.framing, m.whole = "none", true
	case p.answers && (m.status == 101 || p.to == "CONNECT" && m.status < 300):
		p.toEnd(m)
	case chunked && (!p.h.lengthWins || len(lengths) == 0):
		p.chunks(m)
	case len(lengths) > 0:
		p.length(m, p.h.pick(lengths))
	case p.answers:
		p.toEnd(m)
	default:
		m.framing, m.whole = "none", true
	}
}

// strictCoding refuses what could be framed in two ways.
func (p *parser) strictCoding(lengths, codings []string) bool {
	switch {
	case len(lengths)+len(codings) > 1:
		p.bad = "framed twice"
	case len(codings) == 1 && (p.http10 || !strings.EqualFold(codings[0], "chunked")):
		p.bad = "Transfer-Encoding " + strconv.Quote(codings[0])
	}
	return len(codings) == 1
}

func (p *parser) toEnd(m *message) {
	m.framing, m.body, m.whole = "close", string(p.b[p.at:]), p.ended
	p.at = len(p.b)
}

func (p *parser) length(m *message, value string) {
	m.framing = "length"
	n, ok := p.h.number(value, 10)
	if !ok {
		p.bad = "Content-Length " + strconv.Quote(value)
		return
	}
	have := min(n, uint64(len(p.b)-p.at))
	m.body, m.whole = string(p.b[p.at:p.at+int(have)]), have == n
	p.at += int(have)
}

func (p *parser) chunks(m *message) {
	m.framing = "chunked"
	for {
		line, ok := p.line()
		if !ok || p.bad != "" {
			return
		}
		size, _, _ := strings.Cut(line, ";")
		n, ok := p.h.number(size, 16)
		switch {
		case !ok:
			p.bad = "chunk size " + strconv.Quote(size)
			return
		case n == 0:
			p.trailers(m)
			return
		}
		have := min(n, uint64(len(p.b)-p.at))
		m.body += string(p.b[p.at : p.at+int(have)])
		if p.at += int(have); have < n || !p.chunkEnd() {
			return
		}
	}
}

// chunkEnd reads what ends a chunk's data; false if that has not come, or is something else.
func (p *parser) chunkEnd() bool {
	rest := p.b[p.at:]
	switch {
	case p.h.feed && len(rest) > 0 && rest[0] == '\n':
		p.at++
	case len(rest) < 2:
		return false
	case p.h.skip || string(rest[:2]) == "\r\n":
		p.at += 2
	default:
		p.bad = "chunk longer than its size"
		return false
	}
	return true
}

func (p *parser) trailers(m *message) {
	if m.whole = p.head() && p.bad == ""; !m.whole {
		return
	}
	for name := range p.fields {
		m.trailers = append(m.trailers, name)
	}
	slices.Sort(m.trailers)
}
