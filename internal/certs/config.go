package certs

import (
	"crypto/tls"
	"slices"
)

// ACMEProto is the ALPN protocol of the TLS-ALPN-01 challenge (RFC 8737). A listener that serves an
// ACME's certificates offers it beside its own, and closes a connection that negotiated it when the
// handshake is done: nothing is ever said over it.
const ACMEProto = "acme-tls/1"

// suites are those of Mozilla's "intermediate" for TLS 1.2 that Go has: forward secrecy and AEAD
// only. The DHE suites of the list are not among Go's. TLS 1.3's are not configurable.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// curves are Mozilla's, after the hybrid with ML-KEM that browsers have come to ask for first.
var curves = []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}

// Config returns the settings of the traffic listener: Mozilla's Server Side TLS 5.7, configuration
// "intermediate" (https://ssl-config.mozilla.org/guidelines/5.7.json), that is TLS 1.2 and 1.3. get
// chooses the certificate of a handshake. protos is what ALPN offers, in order of preference; h2 and
// http/1.1 if there are none. The caller owns the Config; session tickets are on and their keys
// rotate daily, as long as the listener uses this very Config and no clone of it per connection.
func Config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), protos ...string) *tls.Config {
	if len(protos) == 0 {
		protos = []string{"h2", "http/1.1"}
	}
	return &tls.Config{
		GetCertificate:   get,
		MinVersion:       tls.VersionTLS12,
		CipherSuites:     slices.Clone(suites),
		CurvePreferences: slices.Clone(curves),
		NextProtos:       protos,
	}
}
