package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoad_combinations(t *testing.T) {
	const tls, cert, key = "traffic.tls.listen=:443", "traffic.tls.cert=a.pem", "traffic.tls.key=a.key"
	tests := []struct {
		name  string
		flags []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"a certificate", []string{tls, cert, key}, nil},
		{"acme", []string{tls, "traffic.acme.domains=a.example", "traffic.acme.email=a@a.example"}, nil},
		{"both, and a redirect", []string{tls, cert, key, "traffic.acme.domains=auto", "traffic.tls.redirect=true"}, nil},
		{"https alone", []string{tls, cert, key, "traffic.listen=off"}, nil},
		{"any free port", []string{"traffic.listen=:0", "admin.listen=:0"}, nil},
		{"the same port of two addresses", []string{"traffic.listen=127.0.0.1:80", "admin.listen=127.0.0.2:80"}, nil},
		{
			"no certificate",
			[]string{tls},
			[]string{"traffic.tls.listen: needs a certificate: set traffic.tls.cert and traffic.tls.key, or traffic.acme.domains"},
		},
		{
			"certificate without key",
			[]string{tls, cert},
			[]string{"traffic.tls.key: has 0 files and traffic.tls.cert has 1: name one key for each certificate, in the same order"},
		},
		{
			"fewer keys",
			[]string{tls, "traffic.tls.cert=a.pem,b.pem", key},
			[]string{"traffic.tls.key: has 1 file and traffic.tls.cert has 2: name one key for each certificate, in the same order"},
		},
		{
			"more keys",
			[]string{tls, cert, "traffic.tls.key=a.key,b.key"},
			[]string{"traffic.tls.key: has 2 files and traffic.tls.cert has 1: name one key for each certificate, in the same order"},
		},
		{
			"without the listener",
			[]string{cert, key, "traffic.acme.domains=auto", "traffic.tls.redirect=true"},
			[]string{
				"traffic.tls.cert: has no effect without traffic.tls.listen: set traffic.tls.listen to an address such as :443",
				"traffic.tls.key: has no effect without traffic.tls.listen: set traffic.tls.listen to an address such as :443",
				"traffic.tls.redirect: has no effect without traffic.tls.listen: set traffic.tls.listen to an address such as :443",
				"traffic.acme.domains: has no effect without traffic.tls.listen: set traffic.tls.listen to an address such as :443",
			},
		},
		{
			"acme without domains",
			[]string{tls, cert, key, "traffic.acme.email=a@a.example", "traffic.acme.ca=https://ca/", "traffic.acme.ca-file=ca.pem", "traffic.acme.storage=./x"},
			[]string{
				"traffic.acme.email: has no effect without traffic.acme.domains: set traffic.acme.domains to the hosts, or to auto",
				"traffic.acme.ca: has no effect without traffic.acme.domains: set traffic.acme.domains to the hosts, or to auto",
				"traffic.acme.ca-file: has no effect without traffic.acme.domains: set traffic.acme.domains to the hosts, or to auto",
				"traffic.acme.storage: has no effect without traffic.acme.domains: set traffic.acme.domains to the hosts, or to auto",
			},
		},
		{
			"nothing to redirect",
			[]string{tls, cert, key, "traffic.tls.redirect=true", "traffic.listen=off"},
			[]string{"traffic.tls.redirect: has no effect while traffic.listen is off: set that to an address such as :80"},
		},
		{
			"one port for all",
			[]string{"traffic.tls.listen=127.0.0.1:80", cert, key, "traffic.listen=:80", "admin.listen=127.0.0.1:80"},
			[]string{
				`traffic.listen: ":80" has the port of admin.listen: choose another`,
				`traffic.tls.listen: "127.0.0.1:80" has the port of admin.listen: choose another`,
				`traffic.tls.listen: "127.0.0.1:80" has the port of traffic.listen: choose another`,
			},
		},
		{
			"all addresses, as IPv4 and as IPv6",
			[]string{"admin.listen=127.0.0.1:80", "traffic.listen=0.0.0.0:80", "traffic.tls.listen=[::]:80", cert, key},
			[]string{
				`traffic.listen: "0.0.0.0:80" has the port of admin.listen: choose another`,
				`traffic.tls.listen: "[::]:80" has the port of admin.listen: choose another`,
				`traffic.tls.listen: "[::]:80" has the port of traffic.listen: choose another`,
			},
		},
		{
			"no redirect that parses, and no HTTPS",
			[]string{"traffic.tls.redirect=yes"},
			[]string{`traffic.tls.redirect: "yes" (--traffic.tls.redirect) must be true, false or a port from 1 to 65535`},
		},
		{
			"no HTTPS that parses, and no certificate",
			[]string{"traffic.tls.listen=443"},
			[]string{`traffic.tls.listen: "443" (--traffic.tls.listen) must be an address and port such as ":8080" or "127.0.0.1:8080"; or off`},
		},
		{
			"a redirect from what does not parse",
			[]string{tls, cert, key, "traffic.tls.redirect=true", "traffic.listen=80"},
			[]string{`traffic.listen: "80" (--traffic.listen) must be an address and port such as ":8080" or "127.0.0.1:8080"; or off`},
		},
		{
			"keys for certificates that do not parse",
			[]string{tls, "traffic.tls.cert=a.pem,", key},
			[]string{`traffic.tls.cert: "a.pem," (--traffic.tls.cert) must not have an empty element: remove the comma`},
		},
		{
			"one that does not parse is told once",
			[]string{"traffic.tls.listen=443", cert, key},
			[]string{`traffic.tls.listen: "443" (--traffic.tls.listen) must be an address and port such as ":8080" or "127.0.0.1:8080"; or off`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(tt.flags...)
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoad_storage_that_may_not_be_written(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	const end = ": permission denied: name a directory that this process may write, or make it one"
	for storage, want := range map[string]string{
		dir:                          `traffic.acme.storage: "` + dir + `" can't be written` + end,
		filepath.Join(dir, "a", "b"): `traffic.acme.storage: "` + filepath.Join(dir, "a", "b") + `" can't be made in "` + dir + `"` + end,
	} {
		args := []string{"--traffic.tls.listen=:443", "--traffic.acme.domains=auto", "--traffic.acme.storage", storage}
		if _, err := Load(Sources{Args: args}); err == nil || err.Error() != want {
			t.Errorf("Load() = %v, want %s", err, want)
		}
	}
}

func TestLoad_warns_of_a_sample_of_no_log(t *testing.T) {
	const warning = "access-log.sample has no effect without access-log: set that to stdout, stderr or a file's path"
	tests := []struct {
		name  string
		flags []string
		want  []string
	}{
		{"no log", []string{"access-log.sample=0.1"}, []string{warning}},
		{"a log", []string{"access-log.sample=0.1", "access-log=stdout"}, nil},
		{"the default", []string{"access-log.sample=1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := load(tt.flags...)
			if err != nil {
				t.Fatalf("Load() = %v", err)
			}
			if diff := cmp.Diff(tt.want, c.Warnings); diff != "" {
				t.Errorf("warnings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// certificate writes a self-signed one called name.pem with its key, name.key.
func certificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.example"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: cert}, name + ".key": {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoad_looks_at_files(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	certificate(t, dir, "a")
	certificate(t, dir, "b")
	if err := os.WriteFile("text", []byte("no PEM\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("users", []byte("anna:sesame\nbert\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const tls, auto = "--traffic.tls.listen=:443", "--traffic.acme.domains=auto"
	const later = "--traffic.acme.storage=later/acme"
	const gone, remedy = "no such file or directory", ": name a file that this process may read"
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"two pairs", []string{tls, "--traffic.tls.cert=a.pem,b.pem", "--traffic.tls.key=a.key,b.key"}, nil},
		{
			"not there",
			[]string{tls, "--traffic.tls.cert=a.pem,x.pem", "--traffic.tls.key=y.key,x.key"},
			[]string{
				"traffic.tls.key: open y.key: " + gone + remedy,
				"traffic.tls.cert: open x.pem: " + gone + remedy,
				"traffic.tls.key: open x.key: " + gone + remedy,
			},
		},
		{
			"another's key",
			[]string{tls, "--traffic.tls.cert=a.pem", "--traffic.tls.key=b.key"},
			[]string{`traffic.tls.cert: "a.pem" with traffic.tls.key "b.key": tls: private key does not match public key: name a PEM certificate and its own key`},
		},
		{
			"no certificate",
			[]string{tls, "--traffic.tls.cert=text", "--traffic.tls.key=b.key"},
			[]string{`traffic.tls.cert: "text" with traffic.tls.key "b.key": tls: failed to find any PEM data in certificate input: name a PEM certificate and its own key`},
		},
		{"roots of the CA", []string{tls, auto, later, "--traffic.acme.ca-file=a.pem"}, nil},
		{
			"no roots",
			[]string{tls, auto, "--traffic.acme.ca-file=text", "--traffic.acme.storage=text"},
			[]string{`traffic.acme.ca-file: "text" has no certificate: name a PEM file`, `traffic.acme.storage: "text" is a file: name a directory`},
		},
		{
			"storage in a file",
			[]string{tls, auto, "--traffic.acme.storage=text/acme/x"},
			[]string{`traffic.acme.storage: "text/acme/x" can't be made, "text" is a file: name a directory`},
		},
		{
			"no file of roots",
			[]string{tls, auto, later, "--traffic.acme.ca-file=x"},
			[]string{"traffic.acme.ca-file: open x: " + gone + remedy},
		},
		{
			"users in plain text",
			[]string{"--admin.auth.users-file=users"},
			[]string{
				`admin.auth.users-file: users:1: the hash of "anna" is crypt or plain text, not bcrypt: make it with: htpasswd -B users anna`,
				`admin.auth.users-file: users:2: must be NAME:HASH: make it with: htpasswd -B users NAME`,
			},
		},
		{
			"no users",
			[]string{"--admin.auth.users-file=x"},
			[]string{"admin.auth.users-file: read users: open x: " + gone + ": check the path, and that it is mounted where Ballast runs; htpasswd -B -c x NAME makes it"},
		},
		{"a log to be made", []string{"--access-log=./access.log"}, nil},
		{"a log in no directory", []string{"--access-log=x/access.log"}, []string{`access-log: "x/access.log" is in no directory: make "x" first`}},
		{"a log that is a directory", []string{"--access-log=../" + filepath.Base(dir)}, []string{`access-log: "../` + filepath.Base(dir) + `" is a directory: name a file in it`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Sources{Args: tt.args})
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
			if _, err := Load(Sources{Args: tt.args, WithoutFiles: true}); err != nil {
				t.Errorf("Load() without files = %v, want nil", err)
			}
		})
	}
}
