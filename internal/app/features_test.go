package app

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/config"
)

type listenerAt struct {
	net.Listener
	at string
}

func (l listenerAt) Addr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", l.at)
	return a
}

func TestFeatures(t *testing.T) {
	tests := []struct {
		name          string
		config        config.Config
		plain, secure string
		want          []string
	}{
		{
			"nothing",
			config.Config{},
			"", "",
			[]string{
				"no traffic listener: only /lb here", "no proxy is trusted", "no access log",
				"request IDs are passed on as they come", "no users file: nobody may act here", "clones stay at exit, and the next start adopts them",
			},
		},
		{
			"HTTP alone",
			config.Config{RequestID: true, UsersFile: "/etc/ballast/users", AccessLog: config.AccessLog{To: "stdout", Sample: 1}, OnExit: config.OnExitRemove},
			"[::]:8000", "",
			[]string{
				"HTTP at :8000", "no HTTPS", "no proxy is trusted", "access log to stdout",
				"every request has an X-Request-Id", "users in users may act", "clones are removed at exit",
			},
		},
		{
			"all of it",
			config.Config{
				TLS:            config.TLS{Certs: []config.CertFile{{Cert: "/etc/ballast/shop.pem", Key: "/etc/ballast/secret.key"}}, Redirect: true},
				ACME:           config.ACME{Domains: []string{"a.example", "b.example"}, Auto: true},
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
				AccessLog:      config.AccessLog{To: "/var/log/ballast/access.log", Sample: 0.015},
			},
			"127.0.0.1:80", "0.0.0.0:443",
			[]string{
				"HTTP at 127.0.0.1:80", "HTTPS at :443", "certificate shop.pem", "ACME certificates for a.example, b.example",
				"ACME certificates for the exact hosts of all routes", "HTTP is redirected to HTTPS",
				"trusted proxies 10.0.0.0/8, 2001:db8::/32",
				"access log to access.log: 1.5 % of the requests and every status from 500",
				"request IDs are passed on as they come", "no users file: nobody may act here", "clones stay at exit, and the next start adopts them",
			},
		},
		{
			"HTTPS alone",
			config.Config{TLS: config.TLS{Certs: []config.CertFile{{Cert: "a.pem"}}}},
			"", "[::1]:8443",
			[]string{
				"HTTPS at [::1]:8443", "certificate a.pem", "no proxy is trusted", "no access log",
				"request IDs are passed on as they come", "no users file: nobody may act here", "clones stay at exit, and the next start adopts them",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &App{config: tt.config, reloader: newReloader(tt.config, nil, nil, zerolog.Nop())}
			if tt.plain != "" {
				a.traffic.plain = listenerAt{at: tt.plain}
			}
			if tt.secure != "" {
				a.traffic.secure = listenerAt{at: tt.secure}
			}
			if diff := cmp.Diff(tt.want, a.features()); diff != "" {
				t.Errorf("features (-want +got):\n%s", diff)
			}
		})
	}
}
