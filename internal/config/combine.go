package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ballast-lb/ballast/internal/auth"
)

// given returns the keys that were set to something else than their default.
func given(keys []Key, values map[string]value) map[string]bool {
	set := make(map[string]bool)
	for _, k := range keys {
		set[k.Name] = values[k.Name].text != k.Default
	}
	return set
}

// combine joins what is wrong with values that are good one by one, and warns of those that do nothing.
// bad are the keys that did not parse: they have been told already, and count as given for others.
func combine(c *Config, given, bad map[string]bool) error {
	var errs []error
	needs := func(key, needed, remedy string) {
		if given[key] && !bad[key] && !given[needed] {
			errs = append(errs, wrong(key, "has no effect without %s: set %s %s", needed, needed, remedy))
		}
	}
	const anAddress, theHosts = "to an address such as :443", "to the hosts, or to auto"
	if given[keyTLSListen] && !bad[keyTLSListen] && !given[keyTLSCert] && !given[keyTLSKey] && !given[keyACMEDomains] {
		errs = append(errs, wrong(keyTLSListen, "needs a certificate: set %s and %s, or %s", keyTLSCert, keyTLSKey, keyACMEDomains))
	}
	needs(keyTLSCert, keyTLSListen, anAddress)
	needs(keyTLSKey, keyTLSListen, anAddress)
	needs(keyTLSRedirect, keyTLSListen, anAddress)
	needs(keyACMEDomains, keyTLSListen, anAddress)
	for _, key := range []string{keyACMEEmail, keyACMECA, keyACMECAFile, keyACMEStorage} {
		needs(key, keyACMEDomains, theHosts)
	}
	if c.TLS.Redirect && given[keyTrafficListen] && !bad[keyTrafficListen] && c.TrafficListen == "" {
		errs = append(errs, wrong(keyTLSRedirect, "has no effect while %s is off: set that to an address such as :80", keyTrafficListen))
	}
	if !bad[keyTLSCert] && !bad[keyTLSKey] {
		errs = append(errs, sidesMatch(c.TLS.Certs))
	}
	if given[keyAccessLogSample] && !bad[keyAccessLogSample] && !given[keyAccessLog] {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s has no effect without %s: set that to stdout, stderr or a file's path", keyAccessLogSample, keyAccessLog))
	}
	errs = append(errs, portsDiffer(c))
	return errors.Join(errs...)
}

func sidesMatch(pairs []CertFile) error {
	certs, keys := 0, 0
	for _, f := range pairs {
		if f.Cert != "" {
			certs++
		}
		if f.Key != "" {
			keys++
		}
	}
	if certs == keys {
		return nil
	}
	return wrong(keyTLSKey, "has %s and %s has %d: name one key for each certificate, in the same order", files(keys), keyTLSCert, certs)
}

// files is "1 file" or "2 files".
func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

func portsDiffer(c *Config) error {
	listeners := []struct{ key, address string }{
		{keyAdminListen, c.AdminListen}, {keyTrafficListen, c.TrafficListen}, {keyTLSListen, c.TLS.Listen},
	}
	var errs []error
	for i, l := range listeners {
		for _, before := range listeners[:i] {
			if samePort(before.address, l.address) {
				errs = append(errs, wrong(l.key, "%q has the port of %s: choose another", l.address, before.key))
			}
		}
	}
	return errors.Join(errs...)
}

// checkFiles joins what is wrong with the files that the configuration names.
func checkFiles(c *Config) error {
	var errs []error
	for _, f := range c.TLS.Certs {
		if f.Cert != "" && f.Key != "" {
			errs = append(errs, checkPair(f))
		}
	}
	if c.UsersFile != "" {
		errs = append(errs, checkUsers(c.UsersFile))
	}
	if c.ACME.CAFile != "" {
		pem, err := os.ReadFile(c.ACME.CAFile)
		switch {
		case err != nil:
			errs = append(errs, unreadable(keyACMECAFile, err))
		case !x509.NewCertPool().AppendCertsFromPEM(pem):
			errs = append(errs, wrong(keyACMECAFile, "%q has no certificate: name a PEM file", c.ACME.CAFile))
		}
	}
	if c.ACME.Storage != "" && (c.ACME.Auto || len(c.ACME.Domains) > 0) {
		errs = append(errs, checkStorage(c.ACME.Storage))
	}
	switch to := c.AccessLog.To; to {
	case "", AccessLogStdout, AccessLogStderr:
	default:
		if info, err := os.Stat(filepath.Dir(to)); err != nil || !info.IsDir() {
			errs = append(errs, wrong(keyAccessLog, "%q is in no directory: make %q first", to, filepath.Dir(to)))
		} else if info, err := os.Stat(to); err == nil && info.IsDir() {
			errs = append(errs, wrong(keyAccessLog, "%q is a directory: name a file in it", to))
		}
	}
	return errors.Join(errs...)
}

// checkUsers says what is wrong with the users file, a line for each problem.
func checkUsers(path string) error {
	err := auth.CheckFile(path)
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	errs := make([]error, len(lines))
	for i, line := range lines {
		errs[i] = wrong(keyUsersFile, "%s", line)
	}
	return errors.Join(errs...)
}

// checkPair says whether a certificate and its key can be read, and belong together.
func checkPair(f CertFile) error {
	cert, errCert := os.ReadFile(f.Cert)
	key, errKey := os.ReadFile(f.Key)
	if errCert != nil || errKey != nil {
		return errors.Join(unreadable(keyTLSCert, errCert), unreadable(keyTLSKey, errKey))
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		return wrong(keyTLSCert, "%q with %s %q: %w: name a PEM certificate and its own key", f.Cert, keyTLSKey, f.Key, err)
	}
	return nil
}

// unreadable is nil without an error.
func unreadable(key string, err error) error {
	if err == nil {
		return nil
	}
	return wrong(key, "%w: name a file that this process may read", err)
}
