package certs

import (
	"crypto/tls"
	"slices"
	"strings"
)

// index finds the certificate for a handshake. It is immutable.
type index struct {
	exact map[string][]*tls.Certificate
	// wildcard has "example.com" for *.example.com, which stands for one label (RFC 9525, section 6.3).
	wildcard map[string][]*tls.Certificate
	// fallback is the first certificate, and the others for the same name: with other kinds of keys.
	fallback []*tls.Certificate
}

// newIndex builds an index over certificates, the default first. Each has its Leaf.
func newIndex(certs []*tls.Certificate) *index {
	x := &index{exact: make(map[string][]*tls.Certificate), wildcard: make(map[string][]*tls.Certificate)}
	for _, c := range certs {
		for _, name := range c.Leaf.DNSNames {
			name = strings.ToLower(name)
			if parent, ok := strings.CutPrefix(name, "*."); ok {
				x.wildcard[parent] = append(x.wildcard[parent], c)
			} else {
				x.exact[name] = append(x.exact[name], c)
			}
		}
	}
	first := certs[0]
	x.fallback = []*tls.Certificate{first}
	for _, c := range certs[1:] {
		if slices.Equal(c.Leaf.DNSNames, first.Leaf.DNSNames) {
			x.fallback = append(x.fallback, c)
		}
	}
	return x
}

// named returns the certificate that has the client's very name, or nil.
func (x *index) named(hello *tls.ClientHelloInfo) *tls.Certificate {
	return supported(hello, x.exact[strings.ToLower(hello.ServerName)])
}

// find never returns nil: who asks for no name, or for one that nobody has, gets the default.
func (x *index) find(hello *tls.ClientHelloInfo) *tls.Certificate {
	if c := x.named(hello); c != nil {
		return c
	}
	if _, parent, ok := strings.Cut(strings.ToLower(hello.ServerName), "."); ok {
		if c := supported(hello, x.wildcard[parent]); c != nil {
			return c
		}
	}
	if len(x.fallback) == 1 {
		return x.fallback[0]
	}
	// The name is known to match none of them, so only the kinds of keys are left to compare.
	nameless := *hello
	nameless.ServerName = ""
	return supported(&nameless, x.fallback)
}

// supported returns the first certificate whose key the client can use, or the first if there is
// none: then the handshake fails, and says why. It returns nil if there is nothing to choose from.
func supported(hello *tls.ClientHelloInfo, certs []*tls.Certificate) *tls.Certificate {
	switch len(certs) {
	case 0:
		return nil
	case 1:
		return certs[0]
	}
	for _, c := range certs {
		if hello.SupportsCertificate(c) == nil {
			return c
		}
	}
	return certs[0]
}
