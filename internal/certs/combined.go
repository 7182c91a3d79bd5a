package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// ErrNoCertificate means that nothing has a certificate for the client's server name, or not yet.
var ErrNoCertificate = errors.New("no certificate")

// Combined returns a tls.Config.GetCertificate over both; either may be nil. Who put a certificate
// for a name into a file wants that one: the exact name in files wins, then acme, then a wildcard or
// the default of files. The CA's challenges always go to acme.
func Combined(files *Files, acme *ACME) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if acme != nil && isChallenge(hello) {
			return acme.Certificate(hello)
		}
		if files != nil {
			if c := files.index.Load().named(hello); c != nil {
				return c, nil
			}
		}
		if acme != nil {
			if c, err := acme.Certificate(hello); err == nil {
				return c, nil
			}
		}
		if files != nil {
			return files.Certificate(hello)
		}
		return nil, fmt.Errorf("%w for %q", ErrNoCertificate, hello.ServerName)
	}
}

// isChallenge tells a CA's TLS-ALPN-01 validation: it offers that one protocol (RFC 8737, section 3).
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == ACMEProto
}
