package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/engine"
)

// site is an App with both traffic listeners: pool default serves www.example, shop and api do shop.example.
type site struct {
	*running
	// dir has the files of the certificate.
	dir string
}

func startSite(t *testing.T, args ...string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	writeCertificate(t, s.dir, 1)
	settings := filepath.Join(s.dir, "ballast.yaml")
	if err := os.WriteFile(settings, []byte("pools: {default: {host: www.example}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.running = start(t, append([]string{
		"--config", settings, "--traffic.listen=127.0.0.1:0", "--traffic.tls.listen=127.0.0.1:0",
		"--traffic.tls.cert", filepath.Join(s.dir, certFile), "--traffic.tls.key", filepath.Join(s.dir, keyFile),
	}, args...)...)
	s.join("shop-1", map[string]string{"pool": "shop", "host": "shop.example,*.shop.example"})
	s.join("api-1", map[string]string{"pool": "api", "host": "shop.example", "path": "/api", "strip-path": "true"})
	s.until("five backends are ready", func() bool { return s.ready() == 5 })
	return s
}

// join runs another container like those of the demo.
func (s *site) join(name string, labels map[string]string) {
	s.t.Helper()
	all := map[string]string{"ballast.enable": "true"}
	for k, v := range labels {
		all["ballast."+k] = v
	}
	id, err := s.app.engine.Create(s.t.Context(), engine.Spec{Name: name, Template: "web-a", Labels: all})
	if err == nil {
		err = s.app.engine.Start(s.t.Context(), id)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// speaker is a client that comes to the traffic listeners whatever host it asks for.
type speaker struct {
	name, scheme, proto string
	*http.Client
}

// speakers are a client for each way to speak to the traffic listeners.
func (s *site) speakers() []speaker {
	out := []speaker{
		{name: "http1", scheme: "http", proto: "HTTP/1.1"},
		{name: "https", scheme: "https", proto: "HTTP/1.1"},
		{name: "http2", scheme: "https", proto: "HTTP/2.0"},
		{name: "h2c_prior_knowledge", scheme: "http", proto: "HTTP/2.0"},
	}
	roots := roots(s.t, s.dir)
	for i := range out {
		o := &out[i]
		protocols := new(http.Protocols)
		switch {
		case o.proto == "HTTP/1.1":
			protocols.SetHTTP1(true)
		case o.scheme == "https":
			protocols.SetHTTP2(true)
		default:
			protocols.SetUnencryptedHTTP2(true)
		}
		addr := s.app.TrafficAddr()
		if o.scheme == "https" {
			addr = s.app.SecureAddr()
		}
		transport := &http.Transport{
			Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", addr.String())
			},
		}
		o.Client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
		s.t.Cleanup(transport.CloseIdleConnections)
	}
	return out
}

func (p speaker) get(t *testing.T, hostAndPath string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.scheme+"://"+hostAndPath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.Do(req)
	if err != nil {
		t.Fatalf("GET %s: %v", req.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", req.URL, err)
	}
	return resp, string(body)
}

// heard is what a backend says of the request that it got.
type heard struct {
	Container, Path, Query string
	Headers                http.Header
}

func TestTraffic_routes(t *testing.T) {
	s := startSite(t)
	tests := []struct {
		target    string
		container string // Without its number; empty if the answer is not found.
		path      string
		query     string
	}{
		{"www.example/echo", "web", "/echo", ""},
		{"WWW.Example:8443/echo", "web", "/echo", ""},
		{"www.example/metrics", "web", "/metrics", ""}, // A path like any other here.
		{"shop.example/echo?a=1;b=%zz", "shop", "/echo", "a=1;b=%zz"},
		{"a.shop.example/a%2fb", "shop", "/a%2fb", ""},
		{"shop.example/api", "api", "/", ""},
		{"shop.example/api/echo?q", "api", "/echo", "q"},
		{"shop.example/apix", "shop", "/apix", ""},
		{"a.shop.example/api", "shop", "/api", ""},
		{"other.example/", "", "", ""},
		{"other.example/metrics", "", "", ""},
	}
	for _, p := range s.speakers() {
		for _, tt := range tests {
			t.Run(p.name+"/"+tt.target, func(t *testing.T) {
				resp, body := p.get(t, tt.target)
				if resp.Proto != p.proto {
					t.Errorf("GET %s was answered in %s, want %s", tt.target, resp.Proto, p.proto)
				}
				if tt.container == "" {
					if slug := resp.Header.Get("X-Ballast-Error"); resp.StatusCode != http.StatusNotFound || slug != "not-found" {
						t.Errorf("GET %s = %s, %q, want 404, not-found", tt.target, resp.Status, slug)
					}
					return
				}
				var got heard
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Fatalf("GET %s = %s: %v\n%.300s", tt.target, resp.Status, err, body)
				}
				if proto := got.Headers.Get("X-Forwarded-Proto"); got.Headers != nil && proto != p.scheme {
					t.Errorf("GET %s came with X-Forwarded-Proto %q, want %q", tt.target, proto, p.scheme)
				}
				got.Headers = nil
				got.Container, _, _ = strings.Cut(got.Container, "-")
				if diff := cmp.Diff(heard{Container: tt.container, Path: tt.path, Query: tt.query}, got); diff != "" {
					t.Errorf("GET %s came to another backend or path (-want +got):\n%s", tt.target, diff)
				}
			})
		}
	}
}

// The admin listener knows one pool, whatever the host: what a route hides there stays hidden.
func TestTraffic_admin_does_not_route(t *testing.T) {
	s := startSite(t)
	for path, want := range map[string]string{"/lb/echo": `"container":"web-`, "/health": `"status":"ok"`, "/api": "not-found"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "shop.example"
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("GET %s of shop.example at the admin listener = %s, %v, want %q in it:\n%.200s", path, resp.Status, err, want, body)
		}
	}
}

// A connection may ask for one host after the other.
func TestTraffic_one_connection_for_all_hosts(t *testing.T) {
	s := startSite(t)
	conn, err := net.Dial("tcp", s.app.TrafficAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, want := range []struct{ host, path, container string }{
		{"www.example", "/", "web-"},
		{"shop.example", "/", "shop-1"},
		{"shop.example", "/api", "api-1"},
		{"x.shop.example", "/", "shop-1"},
		{"www.example", "/", "web-"},
	} {
		if _, err := io.WriteString(conn, "GET "+want.path+" HTTP/1.1\r\nHost: "+want.host+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("GET %s%s: %v", want.host, want.path, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(body), `"container":"`+want.container) {
			t.Errorf("GET %s%s = %s, %v, want an answer of %s:\n%.200s", want.host, want.path, resp.Status, err, want.container, body)
		}
	}
}

func TestTraffic_without_routes_the_default_pool_serves_all(t *testing.T) {
	r := start(t, "--traffic.listen=127.0.0.1:0")
	s := &site{running: r, dir: t.TempDir()}
	writeCertificate(t, s.dir, 1)
	for _, p := range s.speakers() {
		if p.scheme == "https" {
			continue
		}
		if resp, body := p.get(t, "any.example/echo"); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"container":"web-`) {
			t.Errorf("%s: GET any.example/echo = %s, want an answer of the default pool:\n%.200s", p.name, resp.Status, body)
		}
	}
}
