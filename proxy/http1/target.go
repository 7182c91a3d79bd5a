package http1

// Form is the form of a request's target (RFC 9112 3.2).
type Form uint8

// The four forms.
const (
	FormOrigin    Form = iota // A path and maybe a query.
	FormAbsolute              // http://host/path, as proxies are asked.
	FormAuthority             // host:port, of CONNECT.
	FormAsterisk              // *, of OPTIONS.
)

// schemes are what a target in absolute-form may begin with.
var schemes = [...]string{"http://", "https://"}

// readTarget reads the target, which is not empty.
func (r *Request) readTarget(from, to int) error {
	b := r.buf[from:to]
	r.target = spanOf(from, to)
	switch {
	case r.Method == MethodConnect:
		return r.readAuthority(b, from, to)
	case b[0] == '/':
		return r.readPath(from, to)
	case len(b) == 1 && b[0] == '*' && r.Method == MethodOptions:
		r.Form = FormAsterisk
		return nil
	}
	for _, scheme := range schemes {
		if len(b) >= len(scheme) && same(b[:len(scheme)], scheme) {
			return r.readAbsolute(from+len(scheme), to)
		}
	}
	for _, c := range b {
		if class[c]&isQuery == 0 {
			return ErrTarget
		}
	}
	return ErrTargetForm
}

// readAuthority reads what a tunnel is asked for to, which must have a port (RFC 9112 3.2.3).
func (r *Request) readAuthority(b []byte, from, to int) error {
	r.Form = FormAuthority
	if b[0] == '/' || b[0] == '*' {
		return ErrTargetForm
	}
	if ok, port := checkAuthority(b); !ok || !port {
		return ErrAuthority
	}
	r.authority = spanOf(from, to)
	return nil
}

// readAbsolute reads what is behind the scheme. User information is refused, for it is only good to
// hide the host (RFC 9110 4.2.4).
func (r *Request) readAbsolute(from, to int) error {
	r.Form = FormAbsolute
	end := from
	for end < to && r.buf[end] != '/' && r.buf[end] != '?' {
		end++
	}
	if ok, _ := checkAuthority(r.buf[from:end]); !ok {
		return ErrAuthority
	}
	r.authority = spanOf(from, end)
	return r.readPath(end, to)
}

// readPath reads a path and a query, and changes nothing in them: what %2f, // or .. mean is for those to
// say who serve it.
func (r *Request) readPath(from, to int) error {
	b := r.buf[:to]
	i := from
	for i < to && b[i] != '?' {
		switch c := b[i]; {
		case class[c]&isPath != 0:
			i++
		case c != '%':
			return ErrTarget
		case to-i < 3 || class[b[i+1]]&isHex == 0 || class[b[i+2]]&isHex == 0 || b[i+1] == '0' && b[i+2] == '0':
			return ErrEscape
		default:
			i += 3
		}
	}
	for _, c := range b[i:] {
		if class[c]&isQuery == 0 {
			return ErrTarget
		}
	}
	r.path, r.query = spanOf(from, i), spanOf(i, to)
	return nil
}
