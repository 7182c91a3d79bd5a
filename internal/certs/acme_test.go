package certs

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewACME_errors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tests := []struct {
		name string
		in   ACMEOptions
		want []string
	}{
		{name: "no storage", want: []string{"storage"}},
		{name: "storage is a file", in: ACMEOptions{Storage: file}, want: []string{file}},
		{name: "plain http", in: ACMEOptions{Storage: dir, CA: "http://ca.test/dir"}, want: []string{"http://ca.test/dir", "https"}},
		{name: "no URL", in: ACMEOptions{Storage: dir, CA: "letsencrypt"}, want: []string{`"letsencrypt"`, "https"}},
		{name: "roots missing", in: ACMEOptions{Storage: dir, CAFile: "no/ca.pem"}, want: []string{"no/ca.pem", "mounted"}},
		{name: "roots are not PEM", in: ACMEOptions{Storage: dir, CAFile: file}, want: []string{file, "PEM"}},
		{name: "no challenge", in: ACMEOptions{Storage: dir, DisableHTTP: true, DisableTLSALPN: true}, want: []string{"challenges"}},
		{name: "all at once", in: ACMEOptions{CA: "x", CAFile: "no/ca.pem"}, want: []string{"storage", `"x"`, "no/ca.pem"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewACME(tt.in)
			if err == nil {
				t.Fatal("NewACME() took it")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("NewACME() = %q, want %q in it", err, want)
				}
			}
		})
	}
}

func idle(t *testing.T) *ACME {
	t.Helper()
	a, err := NewACME(ACMEOptions{Storage: filepath.Join(t.TempDir(), "a", "b")})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestACME_Manage(t *testing.T) {
	tests := []struct {
		name    string
		in      []string
		want    []string
		refused []string
	}{
		{name: "none"},
		{name: "lower case, once", in: []string{"B.example.com", "a.example.com", "b.example.com"}, want: []string{"a.example.com", "b.example.com"}},
		{
			name: "what no challenge can prove", in: []string{"*.example.com", "192.0.2.1", "::1", "localhost", "web", "a b.example.com", "", "ok.example.com"},
			want:    []string{"ok.example.com"},
			refused: []string{`"*.example.com"`, `"192.0.2.1"`, `"::1"`, `"localhost"`, `"web"`, `"a b.example.com"`, `""`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := idle(t)
			err := a.Manage(tt.in)
			if diff := cmp.Diff(tt.want, a.Names()); diff != "" {
				t.Errorf("Names() (-want +got):\n%s", diff)
			}
			if (err != nil) != (tt.refused != nil) {
				t.Fatalf("Manage() = %v, want refusals of %q", err, tt.refused)
			}
			for _, want := range tt.refused {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Manage() = %q, want %s in it", err, want)
				}
			}
		})
	}
}

func TestACME_before_Run(t *testing.T) {
	a := idle(t)
	if err := a.Manage([]string{"app.example.com"}); err != nil {
		t.Fatal(err)
	}
	for _, protos := range [][]string{nil, {ACMEProto}} {
		if _, err := a.Certificate(&tls.ClientHelloInfo{ServerName: "app.example.com", SupportedProtos: protos}); !errors.Is(err, ErrNoCertificate) {
			t.Errorf("Certificate() with %q = %v, want ErrNoCertificate", protos, err)
		}
	}
	if a.Settled() {
		t.Error("Settled() before the storage was looked into")
	}
	w := httptest.NewRecorder()
	a.Challenge(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://app.example.com/.well-known/acme-challenge/x", http.NoBody))
	if w.Code != http.StatusNotFound {
		t.Errorf("challenge before Run = %d, want next's 404", w.Code)
	}
}

func TestCombined(t *testing.T) {
	f, _ := files(t, spec{id: "default", names: []string{"*.app.test"}}.put(t), spec{id: "exact", names: []string{"app.test"}}.put(t))
	challenge := anyone("app.test")
	challenge.NextProtos = []string{ACMEProto}
	tests := []struct {
		name   string
		files  *Files
		acme   *ACME
		client *tls.Config
		want   string
	}{
		{name: "files alone, exact", files: f, client: anyone("app.test"), want: "exact"},
		{name: "files alone, wildcard", files: f, client: anyone("x.app.test"), want: "default"},
		{name: "ACME has nothing yet", files: f, acme: idle(t), client: anyone("other.test"), want: "default"},
		{name: "exact name before ACME", files: f, acme: idle(t), client: anyone("app.test"), want: "exact"},
		{name: "a challenge never gets a file", files: f, acme: idle(t), client: challenge},
		{name: "ACME alone has nothing yet", acme: idle(t), client: anyone("app.test")},
		{name: "neither", client: anyone("app.test")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, err := handshake(Config(Combined(tt.files, tt.acme), "h2", ACMEProto), tt.client)
			if (err == nil) != (tt.want != "") {
				t.Fatalf("handshake = %v, want certificate %q", err, tt.want)
			}
			if err == nil && state.PeerCertificates[0].Subject.CommonName != tt.want {
				t.Errorf("certificate = %q, want %q", state.PeerCertificates[0].Subject.CommonName, tt.want)
			}
		})
	}
}
