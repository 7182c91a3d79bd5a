package http1

import "strconv"

// RequestOut is how a request is printed for a backend.
type RequestOut struct {
	// Target is printed in place of the request's own, as it is. If it is empty, the request's is
	// printed, in origin-form.
	Target []byte
	// Host is printed in place of the request's own, if it is not empty. A request in HTTP/1.0 may
	// have none; it needs one here.
	Host []byte
	// Body is how the body will be framed: usually the request's Body.
	Body Body
	// Close tells the backend that this is the last request on its connection.
	Close bool
	// Expect passes on that the client waits for a 100; it is printed only if it does.
	Expect bool
}

// AppendHead appends the request's head without its last, empty line: AppendField may follow, and AppendEnd
// must. It is printed as HTTP/1.1. Fields between neighbours are left out, with those that Connection names,
// and so are the ones that only a proxy may set (Forwarded, X-Forwarded-…, X-Real-IP, X-Request-ID, CDN-Loop) and their
// aliases.
func (r *Request) AppendHead(dst []byte, out RequestOut) []byte {
	dst = append(dst, r.MethodText()...)
	dst = append(dst, ' ')
	dst = r.appendTarget(dst, out.Target)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	if len(out.Host) > 0 {
		dst = append(dst, out.Host...)
	} else {
		dst = append(dst, r.Host()...)
	}
	dst = append(dst, "\r\n"...)
	dst = r.appendFields(dst, &droppedFromRequest)
	dst = appendFraming(dst, out.Body)
	if out.Expect && r.ExpectContinue {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	switch {
	case r.WebSocket:
		dst = append(dst, upgradeLines...)
	case out.Close:
		dst = append(dst, closeLine...)
	}
	return dst
}

// appendTarget prints the target in origin-form (RFC 9112 3.2.1), or as an asterisk if that is what a target in
// absolute-form stood for (RFC 9112 3.2.4).
func (r *Request) appendTarget(dst, target []byte) []byte {
	switch {
	case len(target) > 0:
		return append(dst, target...)
	case r.Form != FormAbsolute:
		return append(dst, r.Target()...)
	case len(r.Path()) > 0:
		dst = append(dst, r.Path()...)
	case r.Method == MethodOptions && len(r.Query()) == 0:
		return append(dst, '*')
	default:
		dst = append(dst, '/')
	}
	return append(dst, r.Query()...)
}

// ResponseOut is how a response is printed for a client.
type ResponseOut struct {
	// Body is the body to announce: what Deliver says.
	Body Body
	// Close tells the client that the connection ends with this response.
	Close bool
	// KeepAlive tells a client of HTTP/1.0 that it does not. Close wins.
	KeepAlive bool
}

// AppendHead appends the response's head without its last, empty line, as Request.AppendHead does. It
// leaves out fields between neighbours, and X-Ballast-Error, which marks answers of our own.
func (s *Response) AppendHead(dst []byte, out ResponseOut) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(s.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, s.Reason()...)
	dst = append(dst, "\r\n"...)
	dst = s.appendFields(dst, &droppedFromResponse)
	dst = appendFraming(dst, out.Body)
	switch {
	case s.Status == 101:
		dst = append(dst, upgradeLines...)
	case s.Interim(): // What becomes of the connection is told by the response that counts.
	case out.Close:
		dst = append(dst, closeLine...)
	case out.KeepAlive:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return dst
}

const (
	upgradeLines = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	closeLine    = "Connection: close\r\n"
)

func appendFraming(dst []byte, b Body) []byte {
	switch b.Kind {
	case BodyLength:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, b.Length, 10)
		return append(dst, "\r\n"...)
	case BodyChunked:
		return append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	return dst
}

// appendFields copies the fields that go on.
func (f *Fields) appendFields(dst []byte, dropped *[ids]bool) []byte {
	for i := range f.list {
		l := &f.list[i]
		if dropped[l.id] || f.said.named && l.id == idOther && f.named(i) {
			continue
		}
		dst = f.appendField(dst, l)
	}
	return dst
}

// appendField copies a line whole if there is nothing in it to mend, as there hardly ever is.
func (f *Fields) appendField(dst []byte, l *field) []byte {
	if l.value.from == l.name.to+2 && f.buf[l.name.to+1] == ' ' && f.buf[l.value.to] == '\r' {
		return append(dst, f.buf[l.name.from:l.value.to+2]...)
	}
	dst = append(dst, f.text(l.name)...)
	dst = append(dst, ": "...)
	dst = append(dst, f.text(l.value)...)
	return append(dst, "\r\n"...)
}

// AppendField appends a field of our own. The name is a constant of the caller's; of the value, bytes that may
// not stand there are printed as spaces, so that whatever it is made of can't become another line.
func AppendField[V string | []byte](dst []byte, name string, value V) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	start := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[start:] {
		if class[c]&isValue == 0 {
			dst[start+i] = ' '
		}
	}
	return append(dst, "\r\n"...)
}

// AppendEnd appends the empty line that ends a head.
func AppendEnd(dst []byte) []byte { return append(dst, "\r\n"...) }
