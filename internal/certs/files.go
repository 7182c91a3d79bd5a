package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// FilesOptions says which certificates to serve.
type FilesOptions struct {
	// Pairs has the default certificate first; at least one.
	Pairs  []Pair
	Logger zerolog.Logger
}

// Files serves certificates from PEM files and reloads them when they change. Handshakes read one
// immutable index; Run is its only writer.
type Files struct {
	log     zerolog.Logger
	sources []*source
	index   atomic.Pointer[index]
}

// source is a pair and the last good certificate of its files. After NewFiles it is Run's alone.
type source struct {
	Pair
	cert *tls.Certificate
	sum  [sha256.Size]byte
	// failure is what is wrong with the files now, so that it is logged once.
	failure string
}

// NewFiles loads all pairs. If one can't be loaded, it returns an error that says so of each of
// them, with the file and the remedy. It logs the certificates that expire soon.
func NewFiles(o FilesOptions) (*Files, error) {
	if len(o.Pairs) == 0 {
		return nil, errors.New("no certificate files: name at least one certificate and its key")
	}
	f := &Files{log: o.Logger}
	var errs []error
	for _, p := range o.Pairs {
		s := &source{Pair: p}
		_, err := s.load()
		errs = append(errs, err)
		f.sources = append(f.sources, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	f.publish()
	f.warnExpiring(time.Now())
	return f, nil
}

// Certificate returns the certificate with the client's server name: the exact name, else a
// wildcard, else the first pair's. Of several, the first that the client supports (ECDSA or RSA).
// It is a tls.Config.GetCertificate and never fails.
func (f *Files) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.index.Load().find(hello), nil
}

// Names returns the host names of all certificates, sorted, for people to read.
func (f *Files) Names() []string {
	var names []string
	for _, certs := range f.index.Load().exact {
		names = append(names, certs[0].Leaf.DNSNames...)
	}
	for _, certs := range f.index.Load().wildcard {
		names = append(names, certs[0].Leaf.DNSNames...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// load reads the pair. A pair that can't be used leaves the certificate before as it is.
func (s *source) load() (changed bool, err error) {
	c, err := s.read()
	if err != nil {
		return false, err
	}
	sum := c.sum()
	if sum == s.sum {
		return false, nil
	}
	cert, err := s.parse(c)
	if err != nil {
		return false, err
	}
	s.cert, s.sum = cert, sum
	return true, nil
}

func (f *Files) publish() {
	certs := make([]*tls.Certificate, len(f.sources))
	for i, s := range f.sources {
		certs[i] = s.cert
	}
	f.index.Store(newIndex(certs))
}

// reload looks at every pair. What can't be used is logged when it appears, not at every look.
func (f *Files) reload(now time.Time) {
	var changed []*source
	for _, s := range f.sources {
		isNew, err := s.load()
		switch {
		case err == nil:
			s.failure = ""
		case err.Error() != s.failure:
			s.failure = err.Error()
			f.log.Warn().Err(err).Str("cert", s.Cert).Msg("certificate not reloaded, serving the one before")
		}
		if isNew {
			changed = append(changed, s)
		}
	}
	if len(changed) == 0 {
		return
	}
	f.publish()
	for _, s := range changed {
		f.log.Info().Str("cert", s.Cert).Strs("names", s.cert.Leaf.DNSNames).Time("not_after", s.cert.Leaf.NotAfter).Msg("certificate reloaded")
		s.warnExpiring(&f.log, now)
	}
}

// expiryNotice is how long before its end a certificate is worth a warning.
const expiryNotice = 7 * 24 * time.Hour

func (f *Files) warnExpiring(now time.Time) {
	for _, s := range f.sources {
		s.warnExpiring(&f.log, now)
	}
}

func (s *source) warnExpiring(log *zerolog.Logger, now time.Time) {
	left := s.cert.Leaf.NotAfter.Sub(now)
	if left >= expiryNotice {
		return
	}
	level, message := zerolog.WarnLevel, "certificate expires soon: renew it, it is reloaded when its files change"
	if left < 0 {
		level, message = zerolog.ErrorLevel, "certificate has expired: renew it, it is reloaded when its files change"
	}
	log.WithLevel(level).Str("cert", s.Cert).Strs("names", s.cert.Leaf.DNSNames).Time("not_after", s.cert.Leaf.NotAfter).Msg(message)
}
