package certs

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/rs/zerolog"
)

// ACMEOptions says where certificates come from. Who sets them agrees to the CA's terms of service.
type ACMEOptions struct {
	// Email is the contact that the CA may write to; it may be empty.
	Email string
	// CA is the URL of the CA's directory; Let's Encrypt if empty.
	CA string
	// CAFile has the PEM roots that the CA's own HTTPS is verified with; the system's if empty.
	CAFile string
	// Storage is the directory of accounts, keys and certificates. It is created with mode 0700 and
	// must outlive the process: a CA issues few certificates a week for one name. Several Ballasts
	// may share it; they then share the work and answer each other's challenges.
	Storage string
	// DisableHTTP and DisableTLSALPN leave out a challenge whose port (80, 443) the CA can't reach.
	DisableHTTP, DisableTLSALPN bool
	// CheckEvery is how often certificates are looked at for renewal; 10 minutes if 0. A certificate is
	// renewed when the CA says so (ARI, RFC 9773), else in the last third of its life.
	CheckEvery time.Duration
	Logger     zerolog.Logger
}

// ACME obtains certificates from a CA, keeps and renews them: certmagic, with none of its globals.
// Only the names of the last Manage are served and renewed; nothing is issued on demand.
type ACME struct {
	options ACMEOptions
	roots   *x509.CertPool
	storage *storage
	// wanted is replaced, never changed; changed has room for one sign that it was.
	wanted  atomic.Pointer[map[string]struct{}]
	changed chan struct{}
	// issuing is nil unless Run runs.
	issuing atomic.Pointer[issuing]
}

// NewACME looks at the options, makes the storage directory, and starts nothing: Run does. It reports
// all that is wrong with the options at once.
func NewACME(o ACMEOptions) (*ACME, error) {
	o.CheckEvery = cmp.Or(o.CheckEvery, certmagic.DefaultRenewCheckInterval)
	roots, rootsErr := readRoots(o.CAFile)
	err := errors.Join(checkCA(o.CA), rootsErr, makeStorage(o.Storage))
	if o.DisableHTTP && o.DisableTLSALPN {
		err = errors.Join(err, errors.New("both ACME challenges are disabled: the CA needs one of them to see who owns a name"))
	}
	if err != nil {
		return nil, err
	}
	o.CA = cmp.Or(o.CA, certmagic.LetsEncryptProductionCA)
	a := &ACME{options: o, roots: roots, storage: newStorage(o.Storage), changed: make(chan struct{}, 1)}
	a.wanted.Store(&map[string]struct{}{})
	return a, nil
}

func checkCA(directory string) error {
	u, err := url.Parse(directory)
	if err == nil && directory != "" && (u.Scheme != "https" || u.Host == "") {
		err = errors.New("it must be the https URL of the CA's directory")
	}
	if err != nil {
		return fmt.Errorf("ACME CA %q: %w", directory, err)
	}
	return nil
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, readError("roots of the ACME CA", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("roots of the ACME CA %s: %w", file, errNoCert)
	}
	return roots, nil
}

func makeStorage(path string) error {
	if path == "" {
		return errors.New("ACME needs a storage directory that outlives the process")
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make ACME storage: %w", err)
	}
	return nil
}

// Manage replaces the names that have certificates. It returns at once; Run then loads, obtains and
// renews, and drops what is no longer named. Names that no challenge can prove (wildcards,
// addresses, host names of one label at Let's Encrypt) are left out and named in the error; the
// others are managed nevertheless.
func (a *ACME) Manage(domains []string) error {
	wanted := make(map[string]struct{}, len(domains))
	var errs []error
	for _, d := range domains {
		d = strings.ToLower(d)
		if err := a.provable(d); err != nil {
			errs = append(errs, err)
			continue
		}
		wanted[d] = struct{}{}
	}
	a.wanted.Store(&wanted)
	select {
	case a.changed <- struct{}{}:
	default: // Run has yet to look at the change before this one.
	}
	return errors.Join(errs...)
}

func (a *ACME) provable(name string) error {
	switch {
	case strings.Contains(name, "*"):
		return fmt.Errorf("no ACME certificate for %q: a wildcard needs the DNS challenge, which Ballast has not; give it as a file", name)
	case certmagic.SubjectIsIP(name):
		return fmt.Errorf("no ACME certificate for %q: it is an address; give its certificate as a file", name)
	case !certmagic.SubjectQualifiesForCert(name), a.public() && (!strings.Contains(name, ".") || !certmagic.SubjectQualifiesForPublicCert(name)):
		return fmt.Errorf("no ACME certificate for %q: the CA takes only names of the public DNS", name)
	}
	return nil
}

// public tells a CA that is bound to the public DNS. Others may well certify "web".
func (a *ACME) public() bool { return a.options.CA == certmagic.LetsEncryptProductionCA }

// Names returns the managed names, sorted, whether they have a certificate yet or not.
func (a *ACME) Names() []string { return slices.Sorted(maps.Keys(*a.wanted.Load())) }

// Settled says whether all certificates of the managed names that the storage has are served. It does not wait for those
// that it has not.
func (a *ACME) Settled() bool {
	i := a.issuing.Load()
	return i != nil && i.settled(*a.wanted.Load())
}

func (a *ACME) wants(name string) bool {
	_, ok := (*a.wanted.Load())[strings.ToLower(name)]
	return ok
}

// Certificate returns the certificate of the client's server name, or the answer to the CA's
// TLS-ALPN-01 challenge for it. It never waits for a CA. Its error is ErrNoCertificate while there
// is none. Names that are not managed cost a look into a map, however many strangers ask.
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	i := a.issuing.Load()
	if i == nil || !a.wants(hello.ServerName) {
		return nil, fmt.Errorf("%w for %q", ErrNoCertificate, hello.ServerName)
	}
	cert, err := i.config.GetCertificate(hello)
	if err != nil {
		return nil, fmt.Errorf("%w for %q: %w", ErrNoCertificate, hello.ServerName, err)
	}
	return cert, nil
}

// Challenge answers the CA's HTTP-01 challenge (/.well-known/acme-challenge/, RFC 8555, section 8.3)
// for managed names, and hands everything else to next: also challenges that a backend started.
func (a *ACME) Challenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i := a.issuing.Load(); i != nil && certmagic.LooksLikeHTTPChallenge(r) && a.wants(hostname(r.Host)) && i.issuer.HandleHTTPChallenge(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}
