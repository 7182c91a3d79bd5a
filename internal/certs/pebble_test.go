package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// pebble is Let's Encrypt's ACME server for tests, in this process. It validates for real: over the
// loopback interface, to which its resolver sends every name.
type pebble struct {
	directory string
	// caFile has the root of Pebble's own HTTPS.
	caFile string
	// roots has the root of the certificates it issues.
	roots  *x509.CertPool
	orders atomic.Int32
}

// newPebble starts one that looks for challenges at two ports, and whose certificates live for so
// many seconds; 0 is 90 days.
func newPebble(t *testing.T, site *site, lifetime uint64) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: lifetime}})
	validator := va.New(quiet, port(site.http), port(site.https), false, resolver(t), store)
	front := wfe.New(quiet, store, validator, authority, []string{"pebble.test"}, false, false, 0, 0)

	p := &pebble{roots: x509.NewCertPool()}
	handler := front.Handler()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			p.orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)

	p.directory = server.URL + wfe.DirectoryPath
	p.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p.roots.AppendCertsFromPEM(authority.GetRootCert(0).PEM())
	return p
}

// resolver is a DNS server that has 127.0.0.1 for every name.
func resolver(t *testing.T) (addr string) {
	t.Helper()
	ln := listen(t)
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
				A:   net.IPv4(127, 0, 0, 1),
			}}
		}
		w.WriteMsg(answer)
	})}
	started, done := make(chan struct{}), make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() {
		defer close(done)
		server.ActivateAndServe()
	}()
	<-started
	t.Cleanup(func() {
		server.Shutdown()
		<-done
	})
	return ln.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func port(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// site is a traffic listener: HTTP and HTTPS, with the certificates of the ACME that it has now.
type site struct {
	http, https net.Listener
	acme        atomic.Pointer[ACME]
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{http: listen(t), https: listen(t)}
	quiet := log.New(io.Discard, "", 0)
	// The backend has a challenge of its own under way.
	backend := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "backend "+r.URL.Path) })
	plain := &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.acme.Load().Challenge(backend).ServeHTTP(w, r)
	})}
	secure := &http.Server{ErrorLog: quiet, Handler: backend, TLSConfig: Config(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return Combined(nil, s.acme.Load())(hello)
	}, "http/1.1", ACMEProto)}
	for _, serve := range []func() error{
		func() error { return plain.Serve(s.http) },
		func() error { return secure.ServeTLS(s.https, "", "") },
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			serve()
		}()
		t.Cleanup(func() { <-done })
	}
	t.Cleanup(func() {
		plain.Close()
		secure.Close()
	})
	return s
}

// start runs an ACME for names behind the site.
func (s *site) start(t *testing.T, o ACMEOptions, names ...string) (a *ACME, log *journal, stop func()) {
	t.Helper()
	log = newJournal()
	o.Logger = log.logger()
	a, err := NewACME(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Manage(names); err != nil {
		t.Fatal(err)
	}
	s.acme.Store(a)
	return a, log, run(t, a.Run)
}

// visit makes a connection, verified with roots, and returns the certificate that it got. That a
// certificate of seconds may have expired by now is not held against it.
func (s *site) visit(ctx context.Context, name string, roots *x509.CertPool) (*x509.Certificate, error) {
	config := anyone(name)
	config.VerifyConnection = func(c tls.ConnectionState) error {
		_, err := c.PeerCertificates[0].Verify(x509.VerifyOptions{
			DNSName: name, Roots: roots, Intermediates: pool(c.PeerCertificates[1:]), CurrentTime: c.PeerCertificates[0].NotBefore.Add(time.Second),
		})
		return err
	}
	d := tls.Dialer{Config: config}
	c, err := d.DialContext(ctx, "tcp", s.https.Addr().String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// ask makes a plain request as the CA does.
func (s *site) ask(t *testing.T, host, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.http.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}
