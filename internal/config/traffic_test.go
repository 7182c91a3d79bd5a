package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// load is Load of flags written as "key=value", which looks at no file.
func load(flags ...string) (Config, error) {
	s := Sources{WithoutFiles: true}
	for _, f := range flags {
		s.Args = append(s.Args, "--"+f)
	}
	return Load(s)
}

// traffic is what Load makes of the keys of requests.
type traffic struct {
	Listen    string
	TLS       TLS
	ACME      ACME
	Trusted   []netip.Prefix
	AccessLog AccessLog
	RequestID bool
}

func trafficOf(c Config) traffic {
	return traffic{c.TrafficListen, c.TLS, c.ACME, c.TrustedProxies, c.AccessLog, c.RequestID}
}

func TestLoad_traffic(t *testing.T) {
	path := write(t, `
traffic:
  listen: off
  tls:
    listen: ":8443"
    cert: [a.pem, b.pem]
    key: [a.key, b.key]
  acme:
    domains: [Shop.example., api.example, auto, shop.example]
    email: admin@shop.example
    ca: https://ca.internal/directory
    ca-file: ca.pem
    storage: ./acme
trusted-proxies: [10.0.0.0/8, 192.0.2.7, "2001:db8::/32", "::1", "::ffff:10.1.0.0/112", "::ffff:192.0.2.8"]
access-log: stdout
access-log.sample: 0.25
request-id: false
`)
	got, err := Load(Sources{Args: []string{"--config", path}, WithoutFiles: true})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	var trusted []netip.Prefix
	for _, p := range []string{"10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128", "10.1.0.0/16", "192.0.2.8/32"} {
		trusted = append(trusted, netip.MustParsePrefix(p))
	}
	want := traffic{
		TLS: TLS{Listen: ":8443", Certs: []CertFile{{"a.pem", "a.key"}, {"b.pem", "b.key"}}},
		ACME: ACME{
			Email: "admin@shop.example", CA: "https://ca.internal/directory", CAFile: "ca.pem", Storage: "./acme",
			Domains: []string{"shop.example", "api.example"}, Auto: true,
		},
		Trusted: trusted, AccessLog: AccessLog{To: AccessLogStdout, Sample: 0.25},
	}
	if diff := cmp.Diff(want, trafficOf(got), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
}

func TestLoad_traffic_from_environment(t *testing.T) {
	got, err := Load(Sources{WithoutFiles: true, Environ: []string{
		"BALLAST_TRAFFIC_LISTEN=:80", "BALLAST_TRAFFIC_TLS_LISTEN=:443", "BALLAST_TRAFFIC_TLS_CERT=a.pem, b.pem", "BALLAST_TRAFFIC_TLS_KEY=a.key,b.key",
		"BALLAST_TRAFFIC_TLS_REDIRECT=true", "BALLAST_TRAFFIC_ACME_DOMAINS=auto", "BALLAST_TRAFFIC_ACME_CA_FILE=ca.pem", "BALLAST_TRUSTED_PROXIES=::1",
		"BALLAST_ACCESS_LOG=./a.log", "BALLAST_ACCESS_LOG_SAMPLE=0", "BALLAST_REQUEST_ID=false",
	}})
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	want := traffic{
		Listen:  ":80",
		TLS:     TLS{Listen: ":443", Certs: []CertFile{{"a.pem", "a.key"}, {"b.pem", "b.key"}}, Redirect: true},
		ACME:    ACME{CAFile: "ca.pem", Storage: "/var/lib/ballast/acme", Auto: true},
		Trusted: []netip.Prefix{netip.MustParsePrefix("::1/128")}, AccessLog: AccessLog{To: "./a.log"},
	}
	if diff := cmp.Diff(want, trafficOf(got), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
	if len(got.Warnings) > 0 {
		t.Errorf("Warnings = %q, want none", got.Warnings)
	}
}

func TestLoad_bad_traffic_values(t *testing.T) {
	const tls = "traffic.tls.listen=:443"
	tests := []struct {
		flag, want string
		with       []string
	}{
		{"traffic.listen=8000", `must be an address and port such as ":8080" or "127.0.0.1:8080"; or off`, nil},
		{"traffic.listen=", `must be an address and port`, nil},
		{"traffic.tls.cert=a.pem,", "must not have an empty element: remove the comma", []string{tls, "traffic.tls.key=a.key,b.key"}},
		{"traffic.tls.redirect=yes", "must be true, false or a port from 1 to 65535", []string{tls, "traffic.acme.domains=auto"}},
		{"traffic.acme.email=admin", "must be an address such as admin@shop.example", []string{tls, "traffic.acme.domains=auto"}},
		{"traffic.acme.email=A <a@b.example>", "must be an address such as admin@shop.example", []string{tls, "traffic.acme.domains=auto"}},
		{"traffic.acme.domains=*.shop.example", `"*.shop.example": a wildcard can't be proven by HTTP or TLS: name the hosts, or use traffic.tls.cert`, []string{tls}},
		{"traffic.acme.domains=a.example,10.0.0.1", `"10.0.0.1" must be a host such as shop.example`, []string{tls}},
		{"traffic.acme.domains=a.example:443", `"a.example:443" must be a host such as shop.example`, []string{tls}},
		{"traffic.acme.domains=-a.example", `"-a.example" must be a host such as shop.example`, []string{tls}},
		{"traffic.acme.ca=http://ca.internal/dir", "must be a URL such as https://ca.internal/acme/directory", []string{tls, "traffic.acme.domains=auto"}},
		{"traffic.acme.storage=", "must be a directory", []string{tls, "traffic.acme.domains=auto"}},
		{"trusted-proxies=private", `"private" must be an address or a CIDR such as 10.0.0.0/8 or 2001:db8::/32`, nil},
		{"trusted-proxies=10.0.0.1/8", `"10.0.0.1/8" has bits behind its mask: write 10.0.0.0/8 or 10.0.0.1`, nil},
		{"trusted-proxies=10.0.0.0/33", `"10.0.0.0/33" must be an address or a CIDR`, nil},
		{"trusted-proxies=fe80::1%eth0", `"fe80::1%eth0" must be an address or a CIDR`, nil},
		{
			"trusted-proxies=private,::1,10.0.0.1/8",
			`"private" must be an address or a CIDR such as 10.0.0.0/8 or 2001:db8::/32; "10.0.0.1/8" has bits behind its mask: write 10.0.0.0/8 or 10.0.0.1`, nil,
		},
		{"trusted-proxies=::1,,::2", "must not have an empty element: remove the comma", nil},
		{"access-log=on", "must be off, stdout, stderr or the path of a file", nil},
		{"access-log=", "must be off, stdout, stderr or the path of a file", nil},
		{"access-log.sample=1.5", "must be a number from 0 to 1 such as 0.01", nil},
		{"access-log.sample=NaN", "must be a number from 0 to 1 such as 0.01", nil},
		{"access-log.sample=10%", "must be a number from 0 to 1 such as 0.01", nil},
		{"request-id=1", "must be true or false", nil},
	}
	for _, tt := range tests {
		t.Run(tt.flag, func(t *testing.T) {
			_, err := load(append(tt.with, tt.flag)...)
			key, _, _ := strings.Cut(tt.flag, "=")
			if err == nil || !strings.HasPrefix(err.Error(), key+": ") || !strings.Contains(err.Error(), "(--"+key+") "+tt.want) {
				t.Fatalf("Load() = %v, want %s: … %s", err, key, tt.want)
			}
		})
	}
}

// TestLoad_documented_example reads the YAML of the page that people copy from.
func TestLoad_documented_example(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/configuration.md has no YAML")
	}
	if _, err := Load(Sources{Args: []string{"--config", write(t, example)}, WithoutFiles: true}); err != nil {
		t.Errorf("Load() of the example = %v", err)
	}
}

// TestKeys_examples takes every example, with what it depends on.
func TestKeys_examples(t *testing.T) {
	for _, k := range Keys() {
		t.Run(k.Name, func(t *testing.T) {
			if k.Example == k.Default || strings.Contains(k.Meaning+k.Example, "|") {
				t.Errorf("example %q shows nothing, or breaks the table of its page", k.Example)
			}
			var c Config
			if err := k.set(&c, k.Example); err != nil {
				t.Errorf("%s=%s: %v", k.Name, k.Example, err)
			}
		})
	}
}

// FuzzLoad_flag sets one key to anything: what is taken keeps the promises of Config.
func FuzzLoad_flag(f *testing.F) {
	keys := Keys()
	for i, k := range keys {
		f.Add(i, k.Default)
		f.Add(i, k.Example)
		for _, v := range []string{"", "off", ",", "a,b", "-1", "NaN", "\x00", "*.a", "10.0.0.1/8", "::ffff:0:0/95", "[::1]:0", "A.example."} {
			f.Add(i, v)
		}
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		key := keys[uint(i)%uint(len(keys))].Name
		c, err := load(key + "=" + value)
		if err != nil {
			if !strings.Contains(err.Error(), key) {
				t.Errorf("%s=%q: error without its key: %v", key, value, err)
			}
			return
		}
		if c.AccessLog.Sample < 0 || c.AccessLog.Sample > 1 || c.TrafficListen == off || c.TLS.Listen != "" || c.AccessLog.To == off {
			t.Errorf("%s=%q gives %+v", key, value, c)
		}
		for _, p := range c.TrustedProxies {
			if !p.IsValid() || p != p.Masked() || p.Addr().Zone() != "" {
				t.Errorf("%s=%q trusts %v", key, value, p)
			}
		}
	})
}
