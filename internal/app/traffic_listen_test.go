package app

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/config"
)

// The names of the files of a certificate and its key.
const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// writeCertificate writes a certificate for *.example that signs itself, and its key, into dir.
func writeCertificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "example"},
		DNSNames:  []string{"*.example", "*.shop.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// roots trust the certificate in dir.
func roots(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	cert, err := os.ReadFile(filepath.Join(dir, certFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cert) {
		t.Fatalf("no certificate in %s", dir)
	}
	return pool
}

func TestTraffic_off(t *testing.T) {
	t.Run("both", func(t *testing.T) {
		r := start(t, "--traffic.listen=off")
		if plain, secure := r.app.TrafficAddr(), r.app.SecureAddr(); plain != nil || secure != nil {
			t.Errorf("traffic listeners at %v and %v, want none", plain, secure)
		}
		if resp, _ := r.get("/lb"); resp.StatusCode != http.StatusOK {
			t.Errorf("GET /lb = %s, want 200", resp.Status)
		}
	})
	t.Run("plain_only", func(t *testing.T) {
		s := startSite(t, "--traffic.listen=off")
		if plain := s.app.TrafficAddr(); plain != nil {
			t.Errorf("HTTP is served at %v, want nowhere", plain)
		}
		for _, p := range s.speakers() {
			if p.scheme != "https" {
				continue
			}
			if resp, _ := p.get(t, "www.example/echo"); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: GET www.example/echo = %s, want 200", p.name, resp.Status)
			}
		}
	})
}

// An error at one listener leaves none of the others open.
func TestNew_says_which_traffic_listener_is_in_the_way(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	dir := t.TempDir()
	writeCertificate(t, dir, 1)
	certificate := []string{"--traffic.tls.cert", filepath.Join(dir, certFile), "--traffic.tls.key", filepath.Join(dir, keyFile)}
	tests := []struct {
		name  string
		args  []string
		holds []string
	}{
		{
			"traffic",
			[]string{"--traffic.listen", taken.Addr().String()},
			[]string{"traffic.listen: ", "address already in use", "--traffic.listen", "turn it off"},
		},
		{
			"tls", append([]string{"--traffic.listen=127.0.0.1:0", "--traffic.tls.listen", taken.Addr().String()}, certificate...),
			[]string{"traffic.tls.listen: ", "address already in use", "--traffic.tls.listen"},
		},
		{
			"access_log",
			[]string{"--traffic.listen=127.0.0.1:0", "--access-log", filepath.Join(dir, strings.Repeat("x", 300))},
			[]string{"access-log: ", "xxx", "choose a file"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"--engine=embedded", "--admin.listen", free.Addr().String()}, tt.args...)
			c, err := config.Load(config.Sources{Args: args})
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(t.Context(), Options{Config: c, Logger: zerolog.Nop()})
			if err == nil {
				t.Fatal("New() succeeded, want an error")
			}
			for _, want := range tt.holds {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("New() = %q, want it to name %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("New() = %q, want one line", err)
			}
			again, err := net.Listen("tcp", free.Addr().String())
			if err != nil {
				t.Fatalf("the admin listener is still open: %v", err)
			}
			again.Close()
		})
	}
}

func TestTraffic_redirect(t *testing.T) {
	s := startSite(t, "--traffic.tls.redirect=true")
	_, port, err := net.SplitHostPort(s.app.SecureAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ target, location string }{
		{"www.example/echo", "https://www.example:" + port + "/echo"},
		{"www.example:8000/a%2fb//c?x=1;y=%zz", "https://www.example:" + port + "/a%2fb//c?x=1;y=%zz"},
		{"other.example/", "https://other.example:" + port + "/"},
		{"[::1]:8000/?", "https://[::1]:" + port + "/?"},
		{"[::1]/", "https://[::1]:" + port + "/"},
	}
	for _, p := range s.speakers() {
		if p.scheme == "https" {
			if resp, _ := p.get(t, "www.example/echo"); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: GET www.example/echo = %s, want 200: it is HTTPS already", p.name, resp.Status)
			}
			continue
		}
		for _, tt := range tests {
			resp, _ := p.get(t, tt.target)
			if location := resp.Header.Get("Location"); resp.StatusCode != http.StatusPermanentRedirect || location != tt.location {
				t.Errorf("%s: GET %s = %s to %q, want 308 to %q", p.name, tt.target, resp.Status, location, tt.location)
			}
		}
	}
	if n := s.app.document().Totals.Requests; n != 2 {
		t.Errorf("%d requests reached a pool, want the 2 over HTTPS", n)
	}
}

// Where clients reach HTTPS at another port than ours, as behind a port mapping, the configuration says which.
func TestTraffic_redirect_to_another_port(t *testing.T) {
	for port, want := range map[string]string{"8443": "https://www.example:8443/echo", "443": "https://www.example/echo"} {
		s := startSite(t, "--traffic.tls.redirect="+port)
		for _, p := range s.speakers() {
			if p.scheme == "https" {
				continue
			}
			if resp, _ := p.get(t, "www.example/echo"); resp.Header.Get("Location") != want {
				t.Errorf("%s: port %s: redirected to %q, want %q", p.name, port, resp.Header.Get("Location"), want)
			}
		}
	}
}

// Who has taken the TLS off already is believed, if it is trusted; else it would be redirected for ever.
func TestTraffic_redirect_believes_a_trusted_proxy(t *testing.T) {
	for trusted, want := range map[string]int{"127.0.0.1": http.StatusOK, "192.0.2.1": http.StatusPermanentRedirect} {
		s := startSite(t, "--traffic.tls.redirect=true", "--trusted-proxies="+trusted)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.app.TrafficAddr().String()+"/echo", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "www.example"
		req.Header.Set("X-Forwarded-Proto", "https")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("with %s trusted: %s, want %d", trusted, resp.Status, want)
		}
	}
}

// A target in absolute-form, as proxies are asked, says the same.
func TestTraffic_redirect_of_absolute_form(t *testing.T) {
	s := startSite(t, "--traffic.tls.redirect=443")
	conn, err := net.Dial("tcp", s.app.TrafficAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET http://www.example/a?b HTTP/1.1\r\nHost: www.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Location"); got != "https://www.example/a?b" {
		t.Errorf("%s to %q, want https://www.example/a?b", resp.Status, got)
	}
}

func TestTraffic_certificate_is_reloaded(t *testing.T) {
	s := startSite(t)
	serial := func() int64 {
		conn, err := tls.Dial("tcp", s.app.SecureAddr().String(), &tls.Config{ServerName: "www.example", RootCAs: roots(t, s.dir)})
		if err != nil {
			t.Logf("handshake: %v", err)
			return 0
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("serial number = %d, want 1", got)
	}
	writeCertificate(t, s.dir, 2)
	s.until("the new certificate is served", func() bool { return serial() == 2 })
}
