package main

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// head is a head as it came. It can be read into again.
type head struct {
	begun   bool // A line of it has come.
	line    []byte
	status  int // Of a response.
	fields  int
	length  int64 // -1 without one.
	chunked bool
	close   bool
	keep    bool
	expect  bool
	id      uint64
	// received is what the origin says it got of the body: -1 if it does not.
	received  int64
	filler    []byte
	forwarded []byte
	trailer   bool
	// slug is what kind of an answer of the front's own it is.
	slug    []byte
	problem bool
}

func (h *head) reset() {
	*h = head{line: h.line[:0], filler: h.filler[:0], forwarded: h.forwarded[:0], slug: h.slug[:0], length: -1, received: -1}
}

// read reads a head to its empty line.
func (h *head) read(r reader) error {
	h.reset()
	for {
		line, err := r.line()
		switch {
		case err != nil && h.begun:
			return notEnd(err)
		case err != nil:
			h.begun = errors.Is(err, io.ErrUnexpectedEOF)
			return err
		case len(line) == 0 && h.begun:
			return nil
		case !h.begun:
			h.begun = true
			h.line = append(h.line, line...)
			continue
		}
		if err := h.field(line); err != nil {
			return err
		}
	}
}

func (h *head) field(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(": "))
	if !ok {
		return violated("a field that is none: %q", excerpt(line))
	}
	h.fields++
	switch string(name) {
	case "Content-Length":
		return h.setLength(value)
	case "Transfer-Encoding":
		if h.chunked || string(value) != "chunked" {
			return violated("two codings, or not chunked: %q", excerpt(value))
		}
		h.chunked = true
	case "Connection":
		h.close, h.keep = string(value) == "close", string(value) == "keep-alive"
	case "Expect":
		h.expect = string(value) == "100-continue"
	case "Trailer":
		h.trailer = true
	case fieldID:
		return number(value, &h.id)
	case fieldReceived:
		var n uint64
		err := number(value, &n)
		h.received = int64(n)
		return err
	case fieldFiller:
		h.filler = append(h.filler, value...)
	case "X-Forwarded-For":
		h.forwarded = append(h.forwarded, value...)
	case "X-Ballast-Error":
		h.slug = append(h.slug, value...)
	case "Content-Type":
		h.problem = string(value) == "application/problem+json"
	}
	return nil
}

func (h *head) setLength(value []byte) error {
	var n uint64
	if h.length >= 0 {
		return violated("two lengths: %d and %q", h.length, excerpt(value))
	}
	err := number(value, &n)
	h.length = int64(n)
	return err
}

func number(text []byte, n *uint64) error {
	var err error
	if *n, err = strconv.ParseUint(string(text), 10, 63); err != nil {
		return violated("%q where a number should be", excerpt(text))
	}
	return nil
}

// statusLine reads the first line as a response's.
func (h *head) statusLine() error {
	const prefix = "HTTP/1.1 "
	l := h.line
	if len(l) < len(prefix)+3 || string(l[:len(prefix)]) != prefix {
		return violated("status line %q", excerpt(l))
	}
	var n uint64
	if err := number(l[len(prefix):len(prefix)+3], &n); err != nil {
		return err
	}
	h.status = int(n)
	return nil
}

// framing is how the body is framed, of a message that has one.
func (h *head) framing() framing {
	switch {
	case h.chunked:
		return framedChunks
	case h.length >= 0:
		return framedLength
	}
	return framedNot
}
