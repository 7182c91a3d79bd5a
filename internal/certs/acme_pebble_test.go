package certs

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestACME_Run_obtains_and_keeps(t *testing.T) {
	tests := []struct {
		name                 string
		noHTTP, noTLSALPN    bool
		challenge, otherThan string
	}{
		{name: "HTTP-01", noTLSALPN: true, challenge: "http-01", otherThan: "tls-alpn-01"},
		{name: "TLS-ALPN-01", noHTTP: true, challenge: "tls-alpn-01", otherThan: "http-01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			p := newPebble(t, s, 0)
			o := ACMEOptions{
				Email: "ops@app.test", CA: p.directory, CAFile: p.caFile, Storage: filepath.Join(t.TempDir(), "acme"),
				DisableHTTP: tt.noHTTP, DisableTLSALPN: tt.noTLSALPN,
			}
			a, log, stop := s.start(t, o, "App.test", "www.app.test")
			first := make(map[string]*x509.Certificate)
			for _, name := range []string{"app.test", "www.app.test"} {
				log.until(t, "a verified handshake for "+name, func() bool {
					c, err := s.visit(t.Context(), name, p.roots)
					first[name] = c
					return err == nil
				})
			}
			if n := p.orders.Load(); n != 2 {
				t.Errorf("orders = %d, want 2", n)
			}
			if n := log.count(`"level":"info"`, `"certificate obtained"`, `"renewal":null`) + log.count(`"level":"info"`, `"certificate obtained"`, `"renewal":false`); n != 2 {
				t.Errorf("certificates obtained, says the log, = %d, want 2:\n%s", n, log)
			}
			if log.count("served key authentication", tt.challenge) == 0 || log.count("served key authentication", tt.otherThan) != 0 {
				t.Errorf("not proved by %s alone:\n%s", tt.challenge, log)
			}
			if log.count(`"level":"warn"`) != 0 || log.count(`"level":"error"`) != 0 {
				t.Errorf("warnings in a smooth run:\n%s", log)
			}
			if _, err := s.visit(t.Context(), "other.test", p.roots); err == nil {
				t.Error("a name that is not managed was served")
			}
			stranger := anyone("other.test")
			stranger.NextProtos = []string{ACMEProto}
			if c, err := tls.Dial("tcp", s.https.Addr().String(), stranger); err == nil {
				c.Close()
				t.Error("a challenge for a name that is not managed was answered")
			}
			s.ask(t, "other.test", "/.well-known/acme-challenge/x")
			if log.count("other.test") != 0 {
				t.Errorf("strangers reached certmagic:\n%s", log)
			}
			if got, want := s.ask(t, "app.test", "/.well-known/acme-challenge/its-own"), "backend /.well-known/acme-challenge/its-own"; got != want {
				t.Errorf("the backend's own challenge = %q, want %q", got, want)
			}

			// A name that goes is served no more; one that comes back is served from the storage.
			for _, names := range [][]string{{"www.app.test"}, {"app.test", "www.app.test"}} {
				if err := a.Manage(names); err != nil {
					t.Fatal(err)
				}
				log.until(t, "app.test to go and come", func() bool {
					_, err := s.visit(t.Context(), "app.test", p.roots)
					return (err == nil) == (len(names) == 2)
				})
			}
			if n := log.count("certificate dropped", "app.test"); n != 1 {
				t.Errorf("names dropped = %d, want 1", n)
			}
			stop()
			if _, err := s.visit(t.Context(), "app.test", p.roots); err == nil {
				t.Error("served after Run")
			}

			_, log, _ = s.start(t, o, "app.test", "www.app.test")
			log.until(t, "a handshake after the restart", func() bool {
				c, err := s.visit(t.Context(), "app.test", p.roots)
				return err == nil && c.Equal(first["app.test"])
			})
			if n := p.orders.Load(); n != 2 {
				t.Errorf("orders after the restart = %d, want 2 still", n)
			}
		})
	}
}

func TestACME_Run_renews(t *testing.T) {
	s := newSite(t)
	p := newPebble(t, s, 4)
	o := ACMEOptions{CA: p.directory, CAFile: p.caFile, Storage: t.TempDir(), CheckEvery: 50 * time.Millisecond}
	a, log, stop := s.start(t, o, "app.test")
	var first *x509.Certificate
	log.until(t, "a certificate", func() (ok bool) {
		c, err := s.visit(t.Context(), "app.test", p.roots)
		first = c
		return err == nil
	})
	log.until(t, "another certificate", func() bool {
		c, err := s.visit(t.Context(), "app.test", p.roots)
		if err != nil {
			t.Errorf("there was a gap: %v", err)
		}
		return err != nil || !c.Equal(first)
	})
	if log.count(`"level":"info"`, `"certificate obtained"`, `"renewal":true`) == 0 {
		t.Errorf("the renewal is not in the log:\n%s", log)
	}
	if err := a.Manage(nil); err != nil {
		t.Fatal(err)
	}
	// What is not in the cache is not renewed. A renewal under way may put it there once more.
	log.until(t, "the name to go", func() bool {
		return log.count("certificate dropped") == 1 && len(a.issuing.Load().cache.AllMatchingCertificates("app.test")) == 0
	})
	stop()
	if left, err := filepath.Glob(filepath.Join(o.Storage, "locks", "*")); err != nil || len(left) > 0 {
		t.Errorf("locks left behind = %q (%v)", left, err)
	}
}

// A process that was down for long has a certificate in its storage that is due: with an hour to live
// and an hour to the next look, it is. It is renewed at the start, not at the next look.
func TestACME_Run_renews_at_the_start(t *testing.T) {
	s := newSite(t)
	p := newPebble(t, s, 3600)
	o := ACMEOptions{CA: p.directory, CAFile: p.caFile, Storage: t.TempDir(), CheckEvery: time.Hour}
	_, log, stop := s.start(t, o, "app.test")
	log.until(t, "a certificate", func() bool { return log.count(`"level":"info"`, `"certificate obtained"`) == 1 })
	stop()
	_, log, _ = s.start(t, o, "app.test")
	log.until(t, "a new certificate", func() bool { return log.count(`"level":"info"`, `"certificate obtained"`, `"renewal":true`) == 1 })
}

func TestACME_Run_says_what_is_wrong(t *testing.T) {
	s := newSite(t)
	p := newPebble(t, s, 0)
	// Pebble looks at a port where nobody answers.
	s.https.Close()
	o := ACMEOptions{CA: p.directory, CAFile: p.caFile, Storage: t.TempDir(), DisableHTTP: true}
	_, log, stop := s.start(t, o, "app.test")
	log.until(t, "an error", func() bool { return log.count(`"level":"error"`, "app.test", "will retry") > 0 })
	// It must not wait for the next attempt, a minute later.
	stop()
	if left, err := os.ReadDir(filepath.Join(o.Storage, "locks")); err != nil || len(left) > 0 {
		t.Errorf("locks left behind = %v (%v)", left, err)
	}
}

// Who put a certificate for a name into a file gets that one; a wildcard in a file is for the names
// that the CA has given nothing for.
func TestCombined_files_and_ACME(t *testing.T) {
	s := newSite(t)
	p := newPebble(t, s, 0)
	a, log, _ := s.start(t, ACMEOptions{CA: p.directory, CAFile: p.caFile, Storage: t.TempDir()}, "app.test", "www.app.test")
	f, _ := files(t, spec{id: "default"}.put(t), spec{id: "file", names: []string{"app.test"}}.put(t), spec{id: "wildcard", names: []string{"*.app.test"}}.put(t))
	get := Combined(f, a)
	log.until(t, "certificates", func() bool { return log.count("certificate ready") == 2 })
	for host, want := range map[string]string{"app.test": "file", "api.app.test": "wildcard", "other.test": "default", "": "default"} {
		if got := served(t, get, anyone(host)); got != want {
			t.Errorf("certificate for %q = %q, want %q", host, got, want)
		}
	}
	state, err := handshake(Config(get), anyone("www.app.test"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: "www.app.test", Roots: p.roots, Intermediates: pool(state.PeerCertificates[1:])}); err != nil {
		t.Errorf("certificate for www.app.test is not the CA's: %v", err)
	}
}
