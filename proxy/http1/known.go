package http1

// Known is what is sure of a head that Parse refused, or has not read to its end. What is missing, malformed, or said
// twice is empty, so that nothing in it is anything but visible ASCII. It is good until the buffer that was parsed changes.
type Known struct {
	Method, Target, Path, Host []byte
	// Protocol is HTTP/1.0 or HTTP/1.1.
	Protocol string
}

// Known says what is sure of the head.
func (r *Request) Known() Known {
	k := Known{Method: r.text(r.method)} // Set when it was found to be a token.
	if !r.lined {
		return k
	}
	k.Target, k.Path, k.Protocol = r.Target(), r.Path(), "HTTP/1.1"
	if r.HTTP10 {
		k.Protocol = "HTTP/1.0"
	}
	if r.authority.to > 0 || r.said.hosts == 1 {
		if ok, _ := checkAuthority(r.Host()); ok {
			k.Host = r.Host()
		}
	}
	return k
}
