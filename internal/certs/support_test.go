package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// rsaKey is shared: making one takes a while.
var rsaKey = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// spec describes a self-signed certificate.
type spec struct {
	// id is its common name: it tells certificates for the same name apart.
	id    string
	names []string
	rsa   bool
	// left is how long it is valid from now; a year if 0.
	left time.Duration
}

func (s spec) pem(t testing.TB) content {
	t.Helper()
	var key crypto.Signer
	if s.rsa {
		key = rsaKey()
	} else {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if s.left == 0 {
		s.left = 365 * 24 * time.Hour
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: s.id},
		DNSNames:     s.names,
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(s.left),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return content{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}
}

// put writes a certificate into a new directory.
func (s spec) put(t testing.TB) Pair {
	t.Helper()
	dir := t.TempDir()
	p := Pair{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	p.put(t, s.pem(t))
	return p
}

func (p Pair) put(t testing.TB, c content) {
	t.Helper()
	write(t, p.Cert, c.cert)
	write(t, p.Key, c.key)
}

// write replaces a file as careful programs do: by a rename.
func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// files loads certificates and logs to the returned journal.
func files(t testing.TB, pairs ...Pair) (*Files, *journal) {
	t.Helper()
	j := newJournal()
	f, err := NewFiles(FilesOptions{Pairs: pairs, Logger: j.logger()})
	if err != nil {
		t.Fatal(err)
	}
	return f, j
}

// journal collects log lines, and wakes who waits for something that is logged when it is done.
type journal struct {
	mu    sync.Mutex
	lines bytes.Buffer
	more  chan struct{}
}

func newJournal() *journal { return &journal{more: make(chan struct{}, 1)} }

func (j *journal) logger() zerolog.Logger { return zerolog.New(j).Level(zerolog.DebugLevel) }

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case j.more <- struct{}{}:
	default:
	}
	return j.lines.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}

// count returns how many lines have all the words.
func (j *journal) count(words ...string) (n int) {
lines:
	for line := range strings.Lines(j.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// until looks again at every log line, and now and then for what is not logged, until done says so.
func (j *journal) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, again := time.After(20*time.Second), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-j.more:
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s: not within 20 s; log:\n%s", what, j)
		}
	}
}

// handshake connects a client to a server, which says a byte and hangs up. It does so over TCP: over a
// net.Pipe both would wait for ever with an alert for the other.
func handshake(server, client *tls.Config) (tls.ConnectionState, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return tls.ConnectionState{}, err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer ln.Close()
	wg.Go(func() {
		raw, err := ln.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		c := tls.Server(raw, server)
		if c.Handshake() == nil {
			c.Write([]byte("x"))
			c.Close()
		}
	})
	raw, err := net.DialTimeout("tcp", ln.Addr().String(), 10*time.Second)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(10 * time.Second))
	c := tls.Client(raw, client)
	err = c.Handshake()
	if err == nil {
		// Tickets come after the handshake.
		_, err = io.ReadAll(c)
	}
	return c.ConnectionState(), err
}

// anyone is a client that takes every certificate for a name.
func anyone(name string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// served returns the common name of the certificate that a client gets.
func served(t *testing.T, get func(*tls.ClientHelloInfo) (*tls.Certificate, error), client *tls.Config) string {
	t.Helper()
	state, err := handshake(Config(get), client)
	if err != nil {
		t.Fatalf("handshake for %q: %v", client.ServerName, err)
	}
	return state.PeerCertificates[0].Subject.CommonName
}
