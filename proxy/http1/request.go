package http1

import "bytes"

// Request is the head of a request. The zero value is ready to Parse; Reset makes it so again and keeps
// its memory. One goroutine at a time uses it.
type Request struct {
	Fields

	// Method is the method if it is one that matters here.
	Method Method
	// Form is the form of the target.
	Form Form
	// HTTP10 says that the version is 1.0, not 1.1.
	HTTP10 bool
	// Body is what follows the head.
	Body Body
	// KeepAlive says that the client may send another request on its connection. It never may after
	// CONNECT, for what follows that is not known to be HTTP.
	KeepAlive bool
	// ExpectContinue says that the client waits for a 100 before it sends the body.
	ExpectContinue bool
	// WebSocket says that the client asks for that protocol, the only one that is switched to.
	WebSocket bool

	method, target, authority, path, query span

	lined bool // The request line has been read.
}

// Reset makes the request ready for another head.
func (r *Request) Reset() {
	list := r.list[:0]
	*r = Request{}
	r.list = list
}

// Parse reads a head from the start of buf. It returns how many bytes the head took; 0 if more are
// needed, and then it is to be called again with the same bytes and more behind them, wherever they are by
// then; or an *Error, after which the connection can't be used for another request.
func (r *Request) Parse(buf []byte) (int, error) {
	r.buf = buf
	if !r.lined {
		if ok, err := r.readLine(); !ok {
			return 0, err
		}
		r.lined = true
	}
	if ok, err := r.read(MaxHead, ErrHeadTooLarge); !ok {
		return 0, err
	}
	if err := r.conclude(); err != nil {
		return 0, err
	}
	return r.at, nil
}

// MethodText is the method as it was written.
func (r *Request) MethodText() []byte { return r.text(r.method) }

// Target is the target as it was written, in whatever form.
func (r *Request) Target() []byte { return r.text(r.target) }

// Path is the target's path as it was written, without its query. It is empty for a target in absolute-form
// that has none, and for those that can't have one.
func (r *Request) Path() []byte { return r.text(r.path) }

// Query is the target's query as it was written, with its question mark, or nothing.
func (r *Request) Query() []byte { return r.text(r.query) }

// Host is whom the request is for, with the port if one was given: the authority of a target in
// absolute-form or authority-form, else the Host field. It is empty only in HTTP/1.0.
func (r *Request) Host() []byte {
	if r.authority.to > 0 {
		return r.text(r.authority)
	}
	return r.text(r.said.host)
}

// Forwarded says whether there is any of the fields by which proxies tell whom they forward for. AppendHead leaves them
// out.
func (r *Request) Forwarded() bool { return r.said.forwarded }

// Looped says whether there is a CDN-Loop (RFC 8586). AppendHead leaves it out, for it is to be printed with one more
// element.
func (r *Request) Looped() bool { return r.said.looped }

// ID is the value of X-Request-ID if there is just one, else nothing. AppendHead leaves it out.
func (r *Request) ID() []byte {
	if r.said.requests != 1 {
		return nil
	}
	return r.text(r.said.request)
}

// readLine reads the request line: method SP request-target SP HTTP-version (RFC 9112 3). It is
// false if that has not come yet.
func (r *Request) readLine() (bool, error) {
	if ok, err := r.begin(); !ok {
		return false, err
	}
	end, err := r.line(MaxLine, ErrTargetTooLong)
	if end < 0 {
		return false, err
	}
	from := r.at
	r.at = r.seen
	if err := r.parseLine(from, end); err != nil {
		return false, err
	}
	return true, nil
}

// begin skips one empty line, and looks at the first byte, so that what is no HTTP is known before a line
// ends that may never end: a TLS handshake, for one.
func (r *Request) begin() (bool, error) {
	b := r.buf
	if r.at == 0 && len(b) > 0 && b[0] == '\r' {
		if len(b) == 1 {
			return false, nil
		}
		if b[1] != '\n' {
			return false, ErrBareCR
		}
		r.at, r.seen = 2, 2
	}
	if len(b) <= r.at {
		return false, nil
	}
	switch c := b[r.at]; {
	case c == '\n':
		return false, ErrBareLF
	case c == '\r':
		return false, ErrEmptyLine
	case class[c]&isToken == 0:
		return false, ErrMethod
	}
	return true, nil
}

func (r *Request) parseLine(from, to int) error {
	line := r.buf[from:to]
	n, kinds := leadingToken(line)
	switch {
	case n == len(line):
		return ErrRequestLine
	case line[n] != ' ':
		return ErrMethod
	case n > maxMethod || kinds&isLower != 0:
		return ErrMethodUnknown
	}
	r.method = spanOf(from, from+n)
	r.Method = methodOf(line[:n])
	target := n + 1
	size := bytes.IndexByte(line[target:], ' ')
	switch {
	case size < 0: // HTTP/0.9 has no version.
		return ErrVersion
	case size == 0:
		return ErrRequestLine
	}
	version := line[target+size+1:]
	http10, err := parseVersion(version)
	switch {
	case err == nil:
	case string(line) == "PRI * HTTP/2.0":
		return ErrHTTP2
	case bytes.IndexByte(version, ' ') >= 0:
		return ErrRequestLine
	default:
		return err
	}
	r.HTTP10 = http10
	return r.readTarget(from+target, from+target+size)
}

// conclude judges the whole head.
func (r *Request) conclude() error {
	if err := r.gather(); err != nil {
		return err
	}
	if err := r.checkHost(); err != nil {
		return err
	}
	if r.said.expectsMore {
		return ErrExpect
	}
	body, err := r.said.frame(r.HTTP10)
	if err != nil {
		return err
	}
	r.Body = body
	r.KeepAlive = r.said.persists(r.HTTP10) && r.Method != MethodConnect
	// RFC 9110 10.1.1: it is ignored in HTTP/1.0, and means nothing without a body.
	r.ExpectContinue = r.said.expects && !r.HTTP10 && !body.Empty()
	// RFC 9110 7.8: so is an upgrade in HTTP/1.0. RFC 6455 4.1 asks for GET.
	r.WebSocket = r.said.webSocket && r.said.upgrade && !r.HTTP10 && r.Method == MethodGet && body.Empty()
	return nil
}

// checkHost keeps RFC 9112 3.2, and does not let a target name another host than the Host field: it would be
// ignored here (RFC 9112 3.2.2), but not by everyone who reads the same bytes.
func (r *Request) checkHost() error {
	switch {
	case r.said.hosts > 1:
		return ErrSeveralHosts
	case r.said.hosts == 0 && !r.HTTP10:
		return ErrNoHost
	case r.said.hosts == 0:
		return nil
	}
	host := r.text(r.said.host)
	switch ok, _ := checkAuthority(host); {
	case !ok:
		return ErrHost
	case r.Form == FormAbsolute && !sameFold(host, r.text(r.authority)):
		return ErrHostMismatch
	}
	return nil
}
