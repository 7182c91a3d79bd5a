package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ballast-lb/ballast/internal/child"
)

// site is what a balancer is prepared from.
type site struct {
	settings settings
	origins  origins
	// work is a directory for files, which the caller removes.
	work string
	// certificate is a file with a certificate and its key where the balancer shall serve HTTPS, empty for HTTP.
	certificate string
}

// kind is a sort of balancer. What prepare returns is not started yet; its error wraps
// exec.ErrNotFound where the balancer is not installed.
type kind struct {
	name    string
	prepare func(context.Context, site) (*balancer, error)
}

// make is prepare, with the name.
func (k kind) make(ctx context.Context, s site) (*balancer, error) {
	b, err := k.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	b.name = k.name
	return b, nil
}

// balancers are all kinds, in the order of starting.
var balancers = []kind{
	{ballast, newBallast},
	{ballastBare, planned(barePlan())},
	{ballastFull, planned(fullPlan("peak-ewma"))},
	{ballastTrusting, planned(trustingPlan())},
	{ballastLeast, planned(fullPlan("least-request"))},
	{ballastPeakEWMA, planned(policyPlan("peak-ewma"))},
	{ballastWeighted, planned(policyPlan("weighted"))},
	{haproxy, newHAProxy},
	{haproxySplice, newSplicingHAProxy},
	{nginx, newNginx},
	{reverseProxy, newReverseProxy},
}

// HAProxy reckons with two files per connection and would not start where those do not fit, though
// idle connections need one.
const haproxyConfig = `global
	maxconn 16000
	nbthread 1
	stats socket DIR/admin
	no strict-limits
defaults
	mode http
	timeout connect 2s
	timeout client 120s
	timeout server 30s
	http-reuse always
OPTIONS
frontend in
	bind LISTENSECURE
	default_backend out
backend out
SERVERS`

func newHAProxy(ctx context.Context, s site) (*balancer, error) { return configuredHAProxy(ctx, s, "") }

func newSplicingHAProxy(ctx context.Context, s site) (*balancer, error) {
	return configuredHAProxy(ctx, s, "\toption splice-response")
}

func configuredHAProxy(ctx context.Context, s site, options string) (*balancer, error) {
	path, err := lookPath("haproxy")
	if err != nil {
		return nil, err
	}
	var servers strings.Builder
	for i, address := range s.origins.addresses {
		fmt.Fprintf(&servers, "\tserver s%d %s\n", i, address)
	}
	secure := ""
	if s.certificate != "" {
		secure = " ssl alpn h2,http/1.1 ciphersuites " + cipherSuite + " crt " + s.certificate
	}
	b, file, err := newConfigured(s, haproxyConfig, "OPTIONS", options, "SERVERS", servers.String(), "SECURE", secure)
	if err != nil {
		return nil, err
	}
	b.version = versionOf(ctx, path, "-v")
	b.admin = filepath.Join(filepath.Dir(file), "admin")
	b.command(path, "-db", "-f", file)
	return b, nil
}

const nginxConfig = `daemon off;
master_process off;
worker_processes 1;
pid DIR/nginx.pid;
error_log stderr;
events { worker_connections 16000; }
http {
	access_log off;
	keepalive_timeout 120s;
	keepalive_requests 100000000;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	upstream out {
SERVERS		keepalive 1024;
		keepalive_requests 100000000;
	}
	server {
		listen LISTENSECURE
		location / {
			proxy_pass http://out;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`

const nginxSecure = ` ssl http2;
		ssl_certificate FILE;
		ssl_certificate_key FILE;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_conf_command Ciphersuites ` + cipherSuite + `;`

func newNginx(ctx context.Context, s site) (*balancer, error) {
	path, err := lookPath("nginx")
	if err != nil {
		return nil, err
	}
	var servers strings.Builder
	for _, address := range s.origins.addresses {
		fmt.Fprintf(&servers, "\t\tserver %s;\n", address)
	}
	secure := ";"
	if s.certificate != "" {
		secure = strings.ReplaceAll(nginxSecure, "FILE", s.certificate)
	}
	b, file, err := newConfigured(s, nginxConfig, "SERVERS", servers.String(), "SECURE", secure)
	if err != nil {
		return nil, err
	}
	b.version = versionOf(ctx, path, "-v")
	b.command(path, "-p", filepath.Dir(file), "-c", file, "-e", "stderr")
	return b, nil
}

func newReverseProxy(_ context.Context, s site) (*balancer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	listen, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	b := &balancer{base: "http://" + listen, ready: "http://" + listen}
	b.command(self, append([]string{reverseProxyCommand, "-listen", listen}, s.origins.addresses...)...)
	return b, nil
}

// newConfigured writes a configuration in a directory of its own, with DIR, LISTEN and the pairs of
// words and texts filled in.
func newConfigured(s site, text string, pairs ...string) (b *balancer, file string, err error) {
	listen, err := child.FreeAddress()
	if err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp(s.work, "balancer-")
	if err != nil {
		return nil, "", fmt.Errorf("make a balancer's directory: %w", err)
	}
	file = filepath.Join(dir, "config")
	text = strings.NewReplacer(append(pairs, "DIR", dir, "LISTEN", listen)...).Replace(text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, "", fmt.Errorf("write %s: %w", file, err)
	}
	base := "http://" + listen
	if s.certificate != "" {
		base = "https://" + listen
	}
	return &balancer{base: base, ready: base}, file, nil
}

// lookPath finds servers also where only root's PATH leads.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if path, sbinErr := exec.LookPath("/usr/sbin/" + name); sbinErr == nil {
		return path, nil
	}
	return "", err
}

// versionOf returns the first word of the first line that looks like a version, empty if none does.
func versionOf(ctx context.Context, path, flag string) string {
	out, _ := exec.CommandContext(ctx, path, flag).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	for word := range strings.FieldsSeq(line) {
		word = strings.TrimPrefix(word, "nginx/")
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}
