package http1

import "bytes"

// facts are what the fields of a head say about itself.
type facts struct {
	hosts       int
	host        span
	lengths     int
	length      int64
	codings     int
	close       bool // Connection options (RFC 9110 7.6.1).
	keepAlive   bool
	upgrade     bool
	options     int
	named       bool // There are options that name other fields.
	upgrades    int
	webSocket   bool
	expects     bool // 100-continue, and anything else.
	expectsMore bool
	forwarded   bool // A proxy has said whom it forwards for.
	looped      bool // A proxy has said that it came by.
	requests    int  // How often the request is named, and how.
	request     span
}

// gather reads the fields that the codec acts on. What they say together is judged by frame.
func (f *Fields) gather() error {
	for i := range f.list {
		if f.list[i].id == idOther {
			continue
		}
		if err := f.note(&f.list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fields) note(l *field) error {
	said, value := &f.said, f.text(l.value)
	switch l.id {
	case idHost:
		said.hosts++
		said.host = l.value
	case idLength:
		n, ok := number(value)
		if !ok {
			return ErrLength
		}
		said.length = n
		said.lengths++
	case idCoding:
		said.codings++
		if said.codings > 1 {
			return ErrCoding
		}
		return checkCoding(value)
	case idConnection:
		return said.connection(value)
	case idTrailer:
		return checkTrailer(value)
	case idUpgrade:
		said.upgrades++
		said.webSocket = said.upgrades == 1 && same(value, "websocket")
	case idForward:
		said.forwarded = true
	case idLoop:
		said.looped = true
	case idRequest:
		said.requests++
		said.request = l.value
	case idExpect:
		if same(value, "100-continue") {
			said.expects = true
		} else {
			said.expectsMore = true
		}
	}
	return nil
}

// checkCoding lets "chunked" through. Of the rest, codings that could be understood are 501, and what is
// no list of codings that ends with chunked is 400 (RFC 9112 6.1 and 6.3).
func checkCoding(value []byte) error {
	if same(value, "chunked") {
		return nil
	}
	for rest := value; ; {
		coding, after, more := bytes.Cut(rest, []byte{','})
		coding = trim(coding)
		switch {
		case !isTokenText(coding):
			return ErrCoding
		case !more && same(coding, "chunked"):
			return ErrCodingUnknown
		case !more || same(coding, "chunked"):
			return ErrCoding
		}
		rest = after
	}
}

// connection reads connection options. Empty elements of the list are nothing (RFC 9110 5.6.1.2).
func (s *facts) connection(value []byte) error {
	if s.options == 0 && string(value) == "keep-alive" { // Most have this one.
		s.options, s.keepAlive = 1, true
		return nil
	}
	for more := true; more; {
		var option []byte
		option, value, more = bytes.Cut(value, []byte{','})
		if option = trim(option); len(option) == 0 && s.options < maxOptions {
			s.options++
			continue
		}
		if s.options++; s.options > maxOptions || !isTokenText(option) {
			return ErrConnection
		}
		switch {
		case same(option, "close"):
			s.close = true
		case same(option, "keep-alive"):
			s.keepAlive = true
		case same(option, "upgrade"):
			s.upgrade = true
		default:
			s.named = true
		}
	}
	return nil
}

// named says whether a connection option names the field at i, which then goes no further.
func (f *Fields) named(i int) bool {
	name := f.Name(i)
	for j := range f.list {
		if f.list[j].id != idConnection {
			continue
		}
		value := f.Value(j)
		for more := true; more; {
			var option []byte
			option, value, more = bytes.Cut(value, []byte{','})
			if sameFold(trim(option), name) {
				return true
			}
		}
	}
	return false
}

// checkTrailer refuses the announcement of trailers that would frame what they follow.
func checkTrailer(value []byte) error {
	for more := true; more; {
		var name []byte
		name, value, more = bytes.Cut(value, []byte{','})
		switch identify(trim(name), false) {
		case idLength, idCoding, idTrailer:
			return ErrTrailerName
		}
	}
	return nil
}

// frame returns the body that a head announces, which is BodyNone if it says nothing.
func (s *facts) frame(http10 bool) (Body, error) {
	switch {
	case s.lengths > 1:
		return Body{}, ErrSeveralLengths
	case s.codings > 0 && s.lengths > 0:
		return Body{}, ErrLengthAndCoding
	case s.codings > 0 && http10:
		return Body{}, ErrCodingVersion
	case s.codings > 0:
		return Body{Kind: BodyChunked}, nil
	case s.lengths > 0:
		return Body{Kind: BodyLength, Length: s.length}, nil
	}
	return Body{}, nil
}

// persists says whether the connection may be used again (RFC 9112 9.3).
func (s *facts) persists(http10 bool) bool {
	return !s.close && (!http10 || s.keepAlive)
}
