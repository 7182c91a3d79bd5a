package nethttp

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/ballast-lb/ballast/proxy/http1"
)

// strict has the codec of HTTP/1.1 judge requests that came over HTTP/2. net/http lets methods and targets
// through with spaces in them, that begin a version or another word when they are printed, and lengths
// and hosts that are none; what one front refuses should not get in by the other.
type strict struct{ pool sync.Pool }

type reading struct {
	head    http1.Request
	printed []byte
}

// allows says whether r has a method, a target, one host (RFC 9113 8.3.1) and at most one length, as they could
// have been read from a connection. Other fields were looked at when they were unpacked.
func (s *strict) allows(r *http.Request) bool {
	if slices.ContainsFunc(r.Header["Host"], func(host string) bool { return !strings.EqualFold(host, r.Host) }) {
		return false
	}
	p, ok := s.pool.Get().(*reading)
	if !ok {
		p = &reading{}
	}
	defer s.pool.Put(p)
	b := append(p.printed[:0], r.Method...)
	b = append(b, ' ')
	b = append(b, r.RequestURI...)
	b = append(b, " HTTP/1.1\r\n"...)
	if r.Host != "" {
		b = http1.AppendField(b, "Host", r.Host)
	}
	for _, length := range r.Header["Content-Length"] {
		b = http1.AppendField(b, "Content-Length", length)
	}
	b = http1.AppendEnd(b)
	p.printed = b
	p.head.Reset()
	n, err := p.head.Parse(b)
	return err == nil && n == len(b) && string(p.head.MethodText()) == r.Method && string(p.head.Target()) == r.RequestURI
}
