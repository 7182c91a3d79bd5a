package certs

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const encryptedKey = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"

const encryptedOldKey = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"

func TestNewFiles_errors(t *testing.T) {
	good, other := spec{names: []string{"a.test"}}.pem(t), spec{names: []string{"b.test"}}.pem(t)
	tests := []struct {
		name      string
		cert, key string
		// want are words of the error, beside the file at fault.
		file string
		want string
	}{
		{name: "certificate is not PEM", cert: "\x30\x82", key: string(good.key), file: "tls.crt", want: "-inform der"},
		{name: "certificate is empty", key: string(good.key), file: "tls.crt", want: "no CERTIFICATE"},
		{name: "key is not PEM", cert: string(good.cert), key: "\x30\x82", file: "tls.key", want: "-inform der"},
		{name: "key is encrypted", cert: string(good.cert), key: encryptedKey, file: "tls.key", want: "openssl pkey"},
		{name: "key is encrypted, old form", cert: string(good.cert), key: encryptedOldKey, file: "tls.key", want: "openssl pkey"},
		{name: "certificate in place of the key", cert: string(good.cert), key: string(good.cert), file: "tls.key", want: "no PRIVATE KEY"},
		{name: "key of another certificate", cert: string(good.cert), key: string(other.key), file: "tls.key", want: "the key must be the one"},
		{name: "half a certificate", cert: string(good.cert[:len(good.cert)/2]), key: string(good.key), file: "tls.crt", want: "no CERTIFICATE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			p := Pair{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
			p.put(t, content{cert: []byte(tt.cert), key: []byte(tt.key)})
			_, err := NewFiles(FilesOptions{Pairs: []Pair{p}})
			if err == nil {
				t.Fatal("NewFiles() took it")
			}
			for _, want := range []string{filepath.Join(dir, tt.file), tt.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("NewFiles() = %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestNewFiles_all_errors_at_once(t *testing.T) {
	_, err := NewFiles(FilesOptions{Pairs: []Pair{{Cert: "no/a.crt", Key: "no/a.key"}, spec{}.put(t), {Cert: "no/b.crt", Key: "no/b.key"}}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("NewFiles() = %v, want fs.ErrNotExist", err)
	}
	for _, want := range []string{"no/a.crt", "no/a.key", "no/b.crt", "no/b.key", "mounted"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("NewFiles() = %q, want %q in it", err, want)
		}
	}
}

func TestNewFiles_permission(t *testing.T) {
	p := spec{}.put(t)
	if err := os.Chmod(p.Key, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(p.Key); err == nil {
		t.Skip("this user may read every file")
	}
	if _, err := NewFiles(FilesOptions{Pairs: []Pair{p}}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), p.Key) {
		t.Errorf("NewFiles() = %v, want fs.ErrPermission of %s", err, p.Key)
	}
}

func TestNewFiles_none(t *testing.T) {
	if _, err := NewFiles(FilesOptions{}); err == nil {
		t.Error("NewFiles() without pairs gave no error")
	}
}

func TestFiles_Names(t *testing.T) {
	f, _ := files(t,
		spec{names: []string{"b.test", "*.c.test"}}.put(t),
		spec{names: []string{"a.test", "b.test"}}.put(t),
	)
	if diff := cmp.Diff([]string{"*.c.test", "a.test", "b.test"}, f.Names()); diff != "" {
		t.Errorf("Names() (-want +got):\n%s", diff)
	}
}

func TestNewFiles_key_and_certificate_in_one_file(t *testing.T) {
	c := spec{id: "one", names: []string{"a.test"}}.pem(t)
	path := filepath.Join(t.TempDir(), "both.pem")
	write(t, path, append(c.key, c.cert...))
	f, _ := files(t, Pair{Cert: path, Key: path})
	if got := served(t, f.Certificate, anyone("a.test")); got != "one" {
		t.Errorf("certificate = %q, want one", got)
	}
}

// FuzzPair_parse holds on to this: whatever the files hold, parse gives an error that names a file, or a
// certificate that a handshake can use.
func FuzzPair_parse(f *testing.F) {
	good, other := spec{names: []string{"a.test"}}.pem(f), spec{names: []string{"b.test"}, rsa: true}.pem(f)
	f.Add(good.cert, good.key)
	f.Add(good.cert, other.key)
	f.Add(append(good.cert, other.cert...), append(good.key, other.key...))
	f.Add(good.cert[:100], good.key[:100])
	f.Add(good.cert, []byte(encryptedKey))
	f.Add(good.cert, []byte(encryptedOldKey))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		got, err := Pair{Cert: "file.crt", Key: "file.key"}.parse(content{cert: cert, key: key})
		if err != nil {
			if !strings.Contains(err.Error(), "file.crt") && !strings.Contains(err.Error(), "file.key") {
				t.Errorf("parse() = %q names no file", err)
			}
			return
		}
		if got.Leaf == nil || got.PrivateKey == nil {
			t.Fatal("parse() gave a certificate without a leaf or a key")
		}
		if c := newIndex([]*tls.Certificate{got}).find(&tls.ClientHelloInfo{ServerName: "a.test"}); c != got {
			t.Error("the only certificate is not found")
		}
	})
}
