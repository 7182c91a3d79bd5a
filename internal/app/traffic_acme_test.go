//go:build unix

package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// noCA is a CA that nobody can reach.
const noCA = "https://127.0.0.1:1/directory"

func issuer() string { return (&certmagic.ACMEIssuer{CA: noCA}).IssuerKey() }

// keep puts a certificate for a name into a storage of certificates by ACME, as one that was obtained.
func keep(t *testing.T, storage, name string) {
	t.Helper()
	dir := t.TempDir()
	writeCertificate(t, dir, 1)
	for to, from := range map[string]string{
		certmagic.StorageKeys.SiteCert(issuer(), name):       certFile,
		certmagic.StorageKeys.SitePrivateKey(issuer(), name): keyFile,
		certmagic.StorageKeys.SiteMeta(issuer(), name):       "",
	} {
		data := fmt.Appendf(nil, `{"sans": [%q], "issuer_data": {}}`, name)
		if from != "" {
			var err error
			if data, err = os.ReadFile(filepath.Join(dir, from)); err != nil {
				t.Fatal(err)
			}
		}
		to = filepath.Join(storage, filepath.FromSlash(to))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Who comes first by HTTPS waits until the certificates are read.
func TestApp_accepts_no_TLS_before_certificates_are_read(t *testing.T) {
	const name = "www.example"
	storage := t.TempDir()
	keep(t, storage, name)
	release := slowly(t, filepath.Join(storage, filepath.FromSlash(certmagic.StorageKeys.SitePrivateKey(issuer(), name))))
	r := start(t, "--traffic.tls.listen=127.0.0.1:0", "--traffic.acme.domains="+name, "--traffic.acme.ca="+noCA, "--traffic.acme.storage="+storage)
	first := make(chan error, 1)
	go func() {
		c, err := tls.Dial("tcp", r.app.SecureAddr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err == nil {
			err = c.Close()
		}
		first <- err
	}()
	select {
	case err := <-first:
		t.Errorf("the first client was not waited with: %v", err)
		first <- err
	case <-time.After(200 * time.Millisecond):
	}
	release()
	if err := <-first; err != nil {
		t.Errorf("the first client got %v", err)
	}
}

// slowly has the file be read only when it is released.
func slowly(t *testing.T, path string) (release func()) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(os.Rename(path, path+".whole"), syscall.Mkfifo(path, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // Waits for who reads.
		if err == nil {
			_, write := pipe.Write(content)
			// Whoever reads it next finds the file.
			err = errors.Join(os.Rename(path+".whole", path), write, pipe.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release)
	return release
}

// A pool whose only container is replaced keeps its certificate for as long as its requests wait.
func TestApp_keeps_certificates_of_pools_that_are_remembered(t *testing.T) {
	storage := t.TempDir()
	keep(t, storage, "www.example")
	s := &site{running: start(t, "--traffic.tls.listen=127.0.0.1:0", "--traffic.acme.ca="+noCA, "--traffic.acme.storage="+storage, "--traffic.acme.domains=auto")}
	manages := func() bool { return slices.Contains(s.app.traffic.acme.Names(), "www.example") }
	s.join("www-1", map[string]string{"pool": "www", "host": "www.example", "queue.timeout": "2s"})
	s.until("it serves", func() bool { return s.ready() == 4 })
	if !manages() {
		t.Fatal("it has no certificate")
	}
	if err := s.app.engine.Remove(t.Context(), "www-1", true); err != nil {
		t.Fatal(err)
	}
	s.until("the pool is not in the snapshot", func() bool { return len(s.app.reconciler.Snapshot().Pools) == 1 })
	if p := s.app.core.Pool("www"); p == nil || !manages() {
		t.Errorf("the pool is remembered: %t, and its name is managed: %t", p != nil, manages())
	}
	s.until("the name is given up with the pool", func() bool { return !manages() })
	if s.app.core.Pool("www") != nil {
		t.Error("the name was given up before the pool")
	}
}
