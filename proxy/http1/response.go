package http1

// Response is the head of a response. Reset makes it ready to Parse; one goroutine at a time uses it.
type Response struct {
	Fields

	// Status is within 100 and 599.
	Status int
	// HTTP10 says that the version is 1.0, not 1.1.
	HTTP10 bool
	// Body is what follows the head.
	Body Body
	// Announced is the body that the head tells of. It is not what follows if the response is to HEAD,
	// or a 304: there it is what GET would have got.
	Announced Body
	// KeepAlive says that the connection can be used again when the body has ended.
	KeepAlive bool

	reason span
	lined  bool // The status line has been read.

	to        Method // The method of the request that is answered,
	webSocket bool   // and whether it asked for the protocol.
}

// Reset makes the response ready for the answer to a request with this method, that asked for a WebSocket or
// did not. It is needed before each head, so also after one with a status below 200.
func (s *Response) Reset(to Method, webSocket bool) {
	list := s.list[:0]
	*s = Response{to: to, webSocket: webSocket}
	s.list = list
}

// Parse reads a head from the start of buf, as Request.Parse does. After an *Error the connection can't
// be used again, and the client is owed a 502.
func (s *Response) Parse(buf []byte) (int, error) {
	s.buf = buf
	if !s.lined {
		if ok, err := s.readLine(); !ok {
			return 0, err
		}
		s.lined = true
	}
	if ok, err := s.read(MaxHead, ErrHeadTooLarge); !ok {
		return 0, err
	}
	if err := s.conclude(); err != nil {
		return 0, err
	}
	return s.at, nil
}

// Reason is the reason phrase, which may be empty.
func (s *Response) Reason() []byte { return s.text(s.reason) }

// Interim says that another response follows to the same request (RFC 9110 15.2).
func (s *Response) Interim() bool { return s.Status < 200 && s.Body.Kind != BodyTunnel }

// readLine reads the status line: HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 4). It is
// false if that has not come yet.
func (s *Response) readLine() (bool, error) {
	if len(s.buf) > 0 && s.buf[0] != 'H' {
		return false, ErrStatusLine
	}
	end, err := s.line(MaxHead, ErrHeadTooLarge)
	if end < 0 {
		return false, err
	}
	s.at = s.seen
	if err := s.parseLine(end); err != nil {
		return false, err
	}
	return true, nil
}

func (s *Response) parseLine(to int) error {
	const code, reason = len("HTTP/1.1 "), len("HTTP/1.1 200 ")
	line := s.buf[:to]
	if len(line) < code || line[code-1] != ' ' {
		return ErrStatusLine
	}
	http10, err := parseVersion(line[:code-1])
	if err != nil {
		return err
	}
	s.HTTP10 = http10
	if len(line) < reason-1 || len(line) >= reason && line[reason-1] != ' ' {
		return ErrStatusLine
	}
	n, ok := number(line[code : reason-1])
	switch {
	case !ok:
		return ErrStatusLine
	case n < 100 || n > 599: // What is not is a 5xx to some and nothing to others (RFC 9110 15).
		return ErrStatus
	}
	s.Status = int(n)
	// Servers leave the last space away that they may not, and mean nothing else by that.
	s.reason = spanOf(min(reason, to), to)
	switch i := badValue(s.Reason()); {
	case i < 0:
		return nil
	case s.Reason()[i] == '\r':
		return ErrBareCR
	}
	return ErrStatusLine
}

// conclude judges the whole head.
func (s *Response) conclude() error {
	if err := s.gather(); err != nil {
		return err
	}
	announced, err := s.said.frame(s.HTTP10)
	if err != nil {
		return err
	}
	s.Announced = announced
	if err := s.frame(); err != nil {
		return err
	}
	s.KeepAlive = s.said.persists(s.HTTP10) && s.Body.Kind != BodyUntilClose && s.Body.Kind != BodyTunnel
	return nil
}

// frame decides what follows the head, in the order of RFC 9112 6.3.
func (s *Response) frame() error {
	switch {
	case s.Status < 200 || s.Status == 204:
		// RFC 9110 8.6 and RFC 9112 6.1: nothing may be announced. A length of 0 is, by many, and is harmless. Behind a
		// 204 that announces more there may be something, which is nobody's: the connection ends with it.
		if !s.Announced.Empty() && s.Status != 204 {
			return ErrBodiless
		}
		s.said.close = s.said.close || !s.Announced.Empty()
		s.Announced = Body{}
		return s.checkSwitch()
	case s.to == MethodConnect && s.Status < 300:
		s.Announced, s.Body = Body{}, Body{Kind: BodyTunnel}
	case s.to == MethodHead, s.Status == 304:
		s.Body = Body{}
	case s.Announced.Kind == BodyNone:
		s.Body = Body{Kind: BodyUntilClose}
	default:
		s.Body = s.Announced
	}
	return nil
}

// checkSwitch lets 101 only be the answer to who asked for it, with what was asked for (RFC 9110 15.2.2).
func (s *Response) checkSwitch() error {
	if s.Status != 101 {
		return nil
	}
	if !s.webSocket || !s.said.webSocket || !s.said.upgrade || s.HTTP10 {
		return ErrUpgrade
	}
	s.Body = Body{Kind: BodyTunnel}
	return nil
}

// Deliver says how the response travels to a client: the body its head is to announce, and whether the end of
// the connection is what ends it. HTTP/1.0 knows no chunks.
func (s *Response) Deliver(http10 bool) (announce Body, last bool) {
	switch s.Body.Kind {
	case BodyChunked, BodyUntilClose:
		if http10 {
			return Body{Kind: BodyUntilClose}, true
		}
		return Body{Kind: BodyChunked}, false
	case BodyNone:
		if http10 && s.Announced.Kind == BodyChunked {
			return Body{}, false
		}
		return s.Announced, false
	default:
		return s.Body, s.Body.Kind == BodyTunnel
	}
}
