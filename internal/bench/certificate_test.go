package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWriteCertificate_serves_HTTPS(t *testing.T) {
	file, err := writeCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok || key.Curve.Params().Name != "P-256" {
		t.Errorf("key = %T, want one of P-256", pair.PrivateKey)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "shop.example" || r.Header.Get("A") != "b" {
			t.Errorf("host = %q, A = %q, want shop.example, b", r.Host, r.Header.Get("A"))
		}
		if c := r.TLS; c.DidResume || c.CurveID != tls.X25519 || c.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
			t.Errorf("resumed = %t, curve %s, cipher %s, want a handshake with X25519 and %s",
				c.DidResume, c.CurveID, tls.CipherSuiteName(c.CipherSuite), cipherSuite)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	defer server.Close()
	for range 2 {
		if err := ask(t.Context(), server.URL, []string{"Host: shop.example", "A: b"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := writeCertificate(file); err == nil {
		t.Error("writeCertificate() below a file: error = nil, want one")
	}
}
