package certs

import (
	"crypto/tls"
	"slices"
	"testing"
)

// both serves an ECDSA and an RSA certificate, so that no suite is refused for want of a key.
func both(t *testing.T) *tls.Config {
	t.Helper()
	f, _ := files(t, spec{names: []string{"a.test"}}.put(t), spec{names: []string{"a.test"}, rsa: true}.put(t))
	return Config(f.Certificate, "h2", "http/1.1", ACMEProto)
}

// lax is the same server without our settings: what it takes, the client really offered.
func lax(server *tls.Config) *tls.Config {
	all := slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites())
	c := &tls.Config{GetCertificate: server.GetCertificate, MinVersion: tls.VersionTLS10}
	for _, s := range all {
		c.CipherSuites = append(c.CipherSuites, s.ID)
	}
	return c
}

func TestConfig_versions(t *testing.T) {
	server := both(t)
	// So that the version alone is what is refused: the old ones have none of our suites.
	server.CipherSuites = lax(server).CipherSuites
	for version, allowed := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client := anyone("a.test")
			client.MinVersion, client.MaxVersion = version, version
			if version < tls.VersionTLS12 {
				// The suites of old that Go's client does not offer by itself.
				client.CipherSuites = lax(server).CipherSuites
			}
			if _, err := handshake(lax(server), client); err != nil {
				t.Skipf("Go's client has it no more: %v", err)
			}
			_, err := handshake(server, client)
			if got := err == nil; got != allowed {
				t.Errorf("accepted = %t (%v), want %t", got, err, allowed)
			}
		})
	}
}

// mozilla is "go" of the guideline's "intermediate".
var mozilla = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

func TestConfig_suites(t *testing.T) {
	server := both(t)
	accepted, refused := 0, 0
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			continue // Those of TLS 1.3 are neither offered nor refused one by one.
		}
		t.Run(s.Name, func(t *testing.T) {
			client := anyone("a.test")
			client.MaxVersion, client.CipherSuites = tls.VersionTLS12, []uint16{s.ID}
			if _, err := handshake(lax(server), client); err != nil {
				t.Skipf("Go's client has it no more: %v", err)
			}
			state, err := handshake(server, client)
			if allowed, got := slices.Contains(mozilla, s.Name), err == nil; got != allowed {
				t.Errorf("accepted = %t (%v), want %t", got, err, allowed)
			}
			if err != nil {
				refused++
				return
			}
			accepted++
			if state.CipherSuite != s.ID {
				t.Errorf("suite = %s, want %s", tls.CipherSuiteName(state.CipherSuite), s.Name)
			}
		})
	}
	if accepted != len(mozilla) || refused < 6 {
		t.Errorf("suites seen to be accepted = %d, refused = %d, want %d and 6 at least: the test shows too little", accepted, refused, len(mozilla))
	}
}

func TestConfig_curves(t *testing.T) {
	server := both(t)
	for curve, allowed := range map[tls.CurveID]bool{
		tls.X25519MLKEM768: true, tls.X25519: true, tls.CurveP256: true, tls.CurveP384: true, tls.CurveP521: false,
	} {
		t.Run(curve.String(), func(t *testing.T) {
			client := anyone("a.test")
			client.CurvePreferences = []tls.CurveID{curve}
			state, err := handshake(server, client)
			if got := err == nil; got != allowed {
				t.Errorf("accepted = %t (%v), want %t", got, err, allowed)
			}
			if err == nil && state.CurveID != curve {
				t.Errorf("curve = %s, want %s", state.CurveID, curve)
			}
		})
	}
}

func TestConfig_protocols(t *testing.T) {
	f, _ := files(t, spec{names: []string{"a.test"}}.put(t))
	tests := []struct {
		name           string
		server, client []string
		want           string
		refused        bool
	}{
		{name: "h2 first", client: []string{"http/1.1", "h2"}, want: "h2"},
		{name: "http/1.1 only", client: []string{"http/1.1"}, want: "http/1.1"},
		{name: "no ALPN"},
		{name: "nothing in common", client: []string{"imap"}, refused: true},
		{name: "no challenges unless asked for", client: []string{ACMEProto}, refused: true},
		{name: "the server's own", server: []string{"http/1.1"}, client: []string{"h2", "http/1.1"}, want: "http/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := anyone("a.test")
			client.NextProtos = tt.client
			state, err := handshake(Config(f.Certificate, tt.server...), client)
			if got := err != nil; got != tt.refused {
				t.Fatalf("refused = %t (%v), want %t", got, err, tt.refused)
			}
			if state.NegotiatedProtocol != tt.want {
				t.Errorf("protocol = %q, want %q", state.NegotiatedProtocol, tt.want)
			}
		})
	}
}

func TestConfig_tickets(t *testing.T) {
	server := both(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client := anyone("a.test")
			client.MaxVersion, client.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			for i, want := range []bool{false, true} {
				state, err := handshake(server, client)
				if err != nil {
					t.Fatal(err)
				}
				if state.DidResume != want {
					t.Errorf("connection %d resumed = %t, want %t", i+1, state.DidResume, want)
				}
			}
		})
	}
}
