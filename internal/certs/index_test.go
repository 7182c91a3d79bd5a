package certs

import (
	"crypto/tls"
	"fmt"
	"testing"
)

func TestFiles_Certificate(t *testing.T) {
	f, _ := files(t,
		spec{id: "default", names: []string{"default.test"}}.put(t),
		spec{id: "default rsa", names: []string{"default.test"}, rsa: true}.put(t),
		spec{id: "wildcard", names: []string{"*.app.test"}}.put(t),
		spec{id: "exact", names: []string{"WWW.app.test", "app.test"}}.put(t),
		spec{id: "exact rsa", names: []string{"www.app.test"}, rsa: true}.put(t),
	)
	onlyRSA := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	tests := []struct {
		name, host string
		suites     []uint16
		want       string
	}{
		{name: "exact name", host: "app.test", want: "exact"},
		{name: "exact name beats wildcard, whatever the order", host: "www.app.test", want: "exact"},
		{name: "names have no case", host: "wWw.App.test", want: "exact"},
		{name: "exact name, client without ECDSA", host: "www.app.test", suites: onlyRSA, want: "exact rsa"},
		{name: "wildcard", host: "api.app.test", want: "wildcard"},
		{name: "a wildcard is one label", host: "a.b.app.test", want: "default"},
		{name: "a wildcard is not its parent", host: "other.test", want: "default"},
		{name: "unknown name", host: "unknown.example", want: "default"},
		{name: "unknown name, client without ECDSA", host: "unknown.example", suites: onlyRSA, want: "default rsa"},
		{name: "no name", want: "default"},
		{name: "an address is no name", host: "192.0.2.1", want: "default"},
		{name: "no name, client without ECDSA", suites: onlyRSA, want: "default rsa"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := anyone(tt.host)
			if tt.suites != nil {
				client.MaxVersion, client.CipherSuites = tls.VersionTLS12, tt.suites
			}
			if got := served(t, f.Certificate, client); got != tt.want {
				t.Errorf("certificate for %q = %q, want %q", tt.host, got, tt.want)
			}
		})
	}
}

// The client that supports none of the certificates must see the handshake fail, not the server panic.
func TestFiles_Certificate_unsupported(t *testing.T) {
	f, _ := files(t, spec{names: []string{"a.test"}}.put(t), spec{names: []string{"a.test"}}.put(t))
	client := anyone("a.test")
	client.MaxVersion, client.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	if _, err := handshake(Config(f.Certificate), client); err == nil {
		t.Error("an RSA client was served with ECDSA certificates only")
	}
}

func BenchmarkFiles_Certificate(b *testing.B) {
	c := spec{names: []string{"a.test"}}.pem(b)
	cert, err := Pair{}.parse(c)
	if err != nil {
		b.Fatal(err)
	}
	certs := make([]*tls.Certificate, 1000)
	for i := range certs {
		leaf := *cert.Leaf
		leaf.DNSNames = []string{fmt.Sprintf("host-%d.test", i), fmt.Sprintf("*.wild-%d.test", i)}
		one := *cert
		one.Leaf = &leaf
		certs[i] = &one
	}
	var f Files
	f.index.Store(newIndex(certs))
	for _, host := range []string{"host-500.test", "www.wild-500.test", "unknown.test"} {
		b.Run(host, func(b *testing.B) {
			b.ReportAllocs()
			hello := &tls.ClientHelloInfo{ServerName: host}
			for b.Loop() {
				if c, _ := f.Certificate(hello); c == nil {
					b.Fatal("no certificate")
				}
			}
		})
	}
}
