package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// off is the word that turns off what has no address or file.
const off = "off"

// Names of the keys that depend on each other.
const (
	keyAdminListen     = "admin.listen"
	keyUsersFile       = "admin.auth.users-file"
	keyTrafficListen   = "traffic.listen"
	keyTLSListen       = "traffic.tls.listen"
	keyTLSCert         = "traffic.tls.cert"
	keyTLSKey          = "traffic.tls.key"
	keyTLSRedirect     = "traffic.tls.redirect"
	keyACMEEmail       = "traffic.acme.email"
	keyACMEDomains     = "traffic.acme.domains"
	keyACMECA          = "traffic.acme.ca"
	keyACMECAFile      = "traffic.acme.ca-file"
	keyACMEStorage     = "traffic.acme.storage"
	keyHandover        = "handover.socket"
	keyAccessLog       = "access-log"
	keyAccessLogSample = "access-log.sample"
)

func trafficKeys() []Key {
	return []Key{
		{keyTrafficListen, ":8000", ":80", "address that serves the pools, by host and path; off: none", orOff(
			func(c *Config) *string { return &c.TrafficListen }, listen)},
		{keyTLSListen, off, ":443", "address that does the same by HTTPS, HTTP/2 included; needs certificates; off: none", orOff(
			func(c *Config) *string { return &c.TLS.Listen }, listen)},
		{keyTLSCert, "", "/etc/ballast/shop.pem", "certificates: PEM files, separated by commas; the first is for clients that name no host", pairs(
			func(f *CertFile) *string { return &f.Cert })},
		{keyTLSKey, "", "/etc/ballast/shop.key", "their keys: PEM files, as many and in the same order", pairs(
			func(f *CertFile) *string { return &f.Key })},
		{keyTLSRedirect, "false", "true", "true answers plain HTTP with a redirect to HTTPS; so does a port, where clients reach HTTPS at another than ours", setRedirect},
	}
}

func acmeKeys() []Key {
	return []Key{
		{keyACMEDomains, "", "auto", "hosts to get certificates for by ACME, separated by commas; auto: every exact host that a route names", setDomains},
		{keyACMEEmail, "", "admin@shop.example", "address that the CA may write to", setEmail},
		{keyACMECA, "", "https://ca.internal/acme/directory", "URL of the CA's directory; empty is Let's Encrypt", setCA},
		{keyACMECAFile, "", "/etc/ballast/ca.pem", "PEM file with the roots to check that CA's own certificate with; empty are the system's", func(c *Config, value string) error {
			c.ACME.CAFile = value
			return nil
		}},
		{keyACMEStorage, "/var/lib/ballast/acme", "/data/acme", "directory where the account and the certificates are kept; it must outlive the container", setStorage},
	}
}

func requestKeys() []Key {
	return []Key{
		{"trusted-proxies", "", "10.0.0.0/8,192.0.2.7", "addresses and CIDRs, separated by commas, whose word about clients (X-Forwarded-For, Forwarded, …) is believed", setTrusted},
		{keyAccessLog, off, AccessLogStdout, "where a line per request goes: off, stdout, stderr or a file's path", setAccessLog},
		{keyAccessLogSample, "1", "0.01", "share of the requests, 0 to 1, that are logged; a status of 500 or above always is", setSample},
		{"request-id", "true", "false", "true gives every request an X-Request-Id of its own, unless a trusted proxy has given one", yesNo(
			func(c *Config) *bool { return &c.RequestID })},
	}
}

func setRedirect(c *Config, value string) error {
	if value == "true" || value == "false" {
		c.TLS.Redirect = value == "true"
		return nil
	}
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		return errors.New("must be true, false or a port from 1 to 65535")
	}
	c.TLS.Redirect, c.TLS.RedirectPort = true, int(port)
	return nil
}

// orOff leaves the field empty for "off".
func orOff(field func(*Config) *string, parse func(func(*Config) *string) func(*Config, string) error) func(*Config, string) error {
	return func(c *Config, value string) error {
		if value == off {
			*field(c) = ""
			return nil
		}
		if err := parse(field)(c, value); err != nil {
			return fmt.Errorf("%w; or off", err)
		}
		return nil
	}
}

func yesNo(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, value string) error {
		if value != "true" && value != "false" {
			return errors.New("must be true or false")
		}
		*field(c) = value == "true"
		return nil
	}
}

// list splits at commas; an empty value is an empty list.
func list(value string) ([]string, error) {
	if value == "" {
		return nil, nil
	}
	elements := strings.Split(value, ",")
	for i, e := range elements {
		if elements[i] = strings.TrimSpace(e); elements[i] == "" {
			return nil, errors.New("must not have an empty element: remove the comma")
		}
	}
	return elements, nil
}

// pairs sets one side of the certificates' files. What has no other side is found by combine.
func pairs(side func(*CertFile) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		files, err := list(value)
		if err != nil {
			return err
		}
		for i, name := range files {
			if i == len(c.TLS.Certs) {
				c.TLS.Certs = append(c.TLS.Certs, CertFile{})
			}
			*side(&c.TLS.Certs[i]) = name
		}
		return nil
	}
}

func setEmail(c *Config, value string) error {
	if a, err := mail.ParseAddress(value); value != "" && (err != nil || a.Address != value) {
		return errors.New("must be an address such as admin@shop.example")
	}
	c.ACME.Email = value
	return nil
}

// A name that a CA can write into a certificate.
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func setDomains(c *Config, value string) error {
	domains, err := list(value)
	if err != nil {
		return err
	}
	for _, d := range domains {
		name := strings.TrimSuffix(strings.ToLower(d), ".")
		switch {
		case name == "auto":
			c.ACME.Auto = true
			continue
		case strings.HasPrefix(name, "*."):
			return fmt.Errorf("%q: a wildcard can't be proven by HTTP or TLS: name the hosts, or use %s", d, keyTLSCert)
		case !domainName.MatchString(name) || len(name) > 253:
			return fmt.Errorf("%q must be a host such as shop.example, in ASCII and without a port, or auto", d)
		}
		if !slices.Contains(c.ACME.Domains, name) {
			c.ACME.Domains = append(c.ACME.Domains, name)
		}
	}
	return nil
}

func setCA(c *Config, value string) error {
	// RFC 8555, section 6.1: ACME is spoken over HTTPS only.
	if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return errors.New("must be a URL such as https://ca.internal/acme/directory")
	}
	c.ACME.CA = value
	return nil
}

func setStorage(c *Config, value string) error {
	if value == "" {
		return errors.New("must be a directory")
	}
	c.ACME.Storage = value
	return nil
}

func setTrusted(c *Config, value string) error {
	elements, err := list(value)
	if err != nil {
		return err
	}
	var bad []string // Not joined as errors are: a problem is told on one line.
	for _, e := range elements {
		p, err := prefix(e)
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		c.TrustedProxies = append(c.TrustedProxies, p)
	}
	if len(bad) > 0 {
		return errors.New(strings.Join(bad, "; "))
	}
	return nil
}

// prefix reads "10.0.0.0/8", or an address as the prefix of just that. IPv4 written as IPv6 is IPv4.
func prefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q must be an address or a CIDR such as 10.0.0.0/8 or 2001:db8::/32", text)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its mask: write %s or %s", text, p.Masked(), p.Addr())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, nil
}

func setAccessLog(c *Config, value string) error {
	switch {
	case value == off:
		c.AccessLog.To = ""
	case value == AccessLogStdout, value == AccessLogStderr, strings.Contains(value, "/"):
		c.AccessLog.To = value
	default:
		return errors.New("must be off, stdout, stderr or the path of a file such as /var/log/ballast.log or ./access.log")
	}
	return nil
}

func setSample(c *Config, value string) error {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1 {
		return errors.New("must be a number from 0 to 1 such as 0.01")
	}
	c.AccessLog.Sample = f
	return nil
}

// samePort says whether only one of two listeners can have its port.
func samePort(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB))
}

// everywhere says whether a listener at host takes all addresses of its port, as one without a host does: for
// 0.0.0.0 and for :: Go listens by IPv4 and by IPv6.
func everywhere(host string) bool {
	return host == "" || net.ParseIP(host).IsUnspecified()
}
