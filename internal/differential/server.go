package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a balancer with some lanes through it.
type server struct {
	name, version string
	lanes         []*lane
	// hides is the host that it names to backends whatever the client said, if it does that.
	hides string
	// stop ends it and its backends.
	stop func() error
}

// settings are what a server is started with.
type settings struct {
	work  string // A directory for its files.
	lanes int
}

// newBackends starts a backend for each lane. What it returns closes them.
func newBackends(ctx context.Context, n int) ([]*lane, func(), error) {
	var lanes []*lane
	closeAll := func() {
		for _, l := range lanes {
			l.backend.close()
		}
	}
	for range n {
		b, err := newBackend(ctx)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		lanes = append(lanes, &lane{backend: b})
	}
	return lanes, closeAll, nil
}

const haproxyGlobal = `global
	nbthread 1
defaults
	mode http
	timeout connect 2s
	timeout client 30s
	timeout server 30s
	http-reuse always
`

const haproxyLane = `listen laneNUMBER
	bind LISTEN
	server backend BACKEND
`

func startHAProxy(ctx context.Context, s settings) (*server, error) {
	path, err := lookPath("haproxy")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.work, "haproxy.cfg")
	server := &server{name: "haproxy", version: versionOf(ctx, path)}
	config := func(lanes string) string { return haproxyGlobal + lanes }
	return server, server.start(ctx, s, file, haproxyLane, config, path, "-db", "-f", file)
}

const nginxGlobal = `daemon off;
master_process off;
worker_processes 1;
pid DIR/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	proxy_http_version 1.1;
	proxy_set_header Connection "";
LANES}
`

const nginxLane = `	upstream laneNUMBER {
		server BACKEND;
		keepalive 16;
	}
	server {
		listen LISTEN;
		location / { proxy_pass http://laneNUMBER; }
	}
`

func startNginx(ctx context.Context, s settings) (*server, error) {
	path, err := lookPath("nginx")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.work, "nginx.conf")
	server := &server{name: "nginx", version: versionOf(ctx, path), hides: "lane"}
	config := func(lanes string) string {
		return strings.NewReplacer("DIR", s.work, "LANES", lanes).Replace(nginxGlobal)
	}
	return server, server.start(ctx, s, file, nginxLane, config, path, "-p", s.work, "-c", file, "-e", "stderr")
}

// start writes the configuration and runs the command until stop. It returns when all lanes serve.
func (s *server) start(ctx context.Context, set settings, file, each string, config func(string) string, command ...string) error {
	lanes, closeAll, err := newBackends(ctx, set.lanes)
	if err != nil {
		return err
	}
	addresses, err := freeAddresses(ctx, len(lanes))
	if err != nil {
		closeAll()
		return err
	}
	var text strings.Builder
	for i, l := range lanes {
		l.addr = addresses[i]
		r := strings.NewReplacer("NUMBER", strconv.Itoa(i), "LISTEN", l.addr, "BACKEND", l.backend.addr())
		text.WriteString(r.Replace(each))
	}
	if err := os.WriteFile(file, []byte(config(text.String())), 0o600); err != nil {
		closeAll()
		return fmt.Errorf("write the configuration of %s: %w", s.name, err)
	}
	end, err := runUntil(ctx, lanes, command)
	s.lanes = lanes
	s.stop = func() error {
		err := end()
		closeAll()
		return err
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, errors.Join(err, s.stop()))
	}
	return nil
}

// runUntil runs a command until the function that it returns is called, and waits for the lanes to serve.
func runUntil(ctx context.Context, lanes []*lane, command []string) (func() error, error) {
	var output bytes.Buffer
	running, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(running, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return func() error { return nil }, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // What it said tells more than its status, which is that of a signal.
		cancel()
	}()
	stop := func() error {
		cancel()
		<-ended
		return nil
	}
	for _, l := range lanes {
		if err := l.serves(running); err != nil {
			_ = stop()
			return stop, errors.Join(err, errors.New(strings.TrimSpace(output.String())))
		}
	}
	return stop, nil
}

// serves waits until the server answers on this lane.
func (l *lane) serves(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := l.ask(limit, &observed{})
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit.Done():
			return fmt.Errorf("wait for %s: %w", l.addr, err)
		}
	}
}

// freeAddresses returns loopback addresses that nobody listens on now.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	var config net.ListenConfig
	var addresses []string
	for range n {
		l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // When all are known, so that none is found twice.
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
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

// versionOf returns the first word that looks like a version, empty if none does.
func versionOf(ctx context.Context, path string) string {
	out, _ := exec.CommandContext(ctx, path, "-v").CombinedOutput()
	for word := range strings.FieldsSeq(string(out)) {
		if word = strings.TrimPrefix(word, "nginx/"); word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}
