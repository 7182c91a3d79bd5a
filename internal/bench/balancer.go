package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// balancerCore is where the balancers run, one at a time under load.
const balancerCore = "0"

// otherCores are where everything else runs, as taskset and Docker write it.
func otherCores() string {
	if n := runtime.NumCPU(); n > 2 {
		return "1-" + strconv.Itoa(n-1)
	}
	return "1"
}

// balancer is a process that forwards to the backends.
type balancer struct {
	name, url string
	// ready answers 200 when it may be measured.
	ready  string
	cmd    *exec.Cmd
	output bytes.Buffer
	// cancel asks it to end; exited is closed when it did.
	cancel context.CancelFunc
	exited chan struct{}
}

// command prepares a process pinned to the balancers' core.
func (b *balancer) command(path string, args ...string) {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.exited = cancel, make(chan struct{})
	b.cmd = exec.CommandContext(ctx, "taskset", append([]string{"--cpu-list", balancerCore, path}, args...)...)
	b.cmd.Stdout, b.cmd.Stderr = &b.output, &b.output
	b.cmd.Cancel = func() error { return b.cmd.Process.Signal(syscall.SIGTERM) }
	b.cmd.WaitDelay = 10 * time.Second
	// Ctrl-C is for this program, which then ends the balancer.
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// start runs it until stop, and returns when it serves.
func (b *balancer) start(ctx context.Context) error {
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		defer close(b.exited)
		err := b.cmd.Wait()
		cancel(fmt.Errorf("it ended: %w", errors.Join(err, errors.New(b.output.String()))))
	}()
	for _, url := range []string{b.ready, b.url} {
		if err := waitFor(ctx, url); err != nil {
			b.stop()
			return fmt.Errorf("start %s: %w\n%s", b.name, errors.Join(err, context.Cause(ctx)), b.output.String())
		}
	}
	return nil
}

// stop ends the process and waits for it.
func (b *balancer) stop() {
	b.cancel()
	<-b.exited
}

// pid is the balancer's own: taskset becomes what it runs.
func (b *balancer) pid() int { return b.cmd.Process.Pid }

func newBallast(_ context.Context, s settings, _ string, o origins) (*balancer, error) {
	path, err := filepath.Abs(filepath.Join(s.binaries, "ballast"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find ballast (make build makes it): %w", err)
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b := &balancer{
		name:  "ballast",
		ready: "http://" + listen + "/health/ready",
		url:   fmt.Sprintf("http://%s/lb/bytes?n=%d", listen, s.bytes),
	}
	b.command(path, "serve", "--admin.listen", listen, "--engine", "docker", "--labels.prefix", o.prefix,
		"--instance", o.prefix, "--on-exit", "remove", "--log.level", "error")
	return b, nil
}

const haproxyConfig = `global
	maxconn 4096
	nbthread 1
defaults
	mode http
	timeout connect 2s
	timeout client 30s
	timeout server 30s
	http-reuse always
frontend in
	bind LISTEN
	default_backend out
backend out
SERVERS`

func newHAProxy(ctx context.Context, s settings, work string, o origins) (*balancer, error) {
	path, err := lookPath("haproxy")
	if err != nil {
		return nil, err
	}
	var servers strings.Builder
	for i, address := range o.addresses {
		fmt.Fprintf(&servers, "\tserver s%d %s\n", i, address)
	}
	file := filepath.Join(work, "haproxy.cfg")
	b, err := newConfigured(s, file, haproxyConfig, servers.String())
	if err != nil {
		return nil, err
	}
	b.name = "HAProxy " + versionOf(ctx, path, "-v")
	b.command(path, "-db", "-f", file)
	return b, nil
}

const nginxConfig = `daemon off;
master_process off;
worker_processes 1;
pid DIR/nginx.pid;
error_log stderr;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	upstream out {
SERVERS		keepalive 256;
		keepalive_requests 100000000;
	}
	server {
		listen LISTEN;
		location / {
			proxy_pass http://out;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`

func newNginx(ctx context.Context, s settings, work string, o origins) (*balancer, error) {
	path, err := lookPath("nginx")
	if err != nil {
		return nil, err
	}
	var servers strings.Builder
	for _, address := range o.addresses {
		fmt.Fprintf(&servers, "\t\tserver %s;\n", address)
	}
	file := filepath.Join(work, "nginx.conf")
	b, err := newConfigured(s, file, strings.ReplaceAll(nginxConfig, "DIR", work), servers.String())
	if err != nil {
		return nil, err
	}
	b.name = "nginx " + versionOf(ctx, path, "-v")
	b.command(path, "-p", work, "-c", file, "-e", "stderr")
	return b, nil
}

// newConfigured writes a configuration with its address and servers filled in.
func newConfigured(s settings, file, text, servers string) (*balancer, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	text = strings.NewReplacer("LISTEN", listen, "SERVERS", servers).Replace(text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	url := fmt.Sprintf("http://%s/bytes?n=%d", listen, s.bytes)
	return &balancer{url: url, ready: url}, nil
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

// freeAddress returns a loopback address that nobody listens on now.
func freeAddress() (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// waitFor asks url until it answers 200, for half a minute at most.
func waitFor(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := ask(ctx, url)
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", url, errors.Join(ctx.Err(), last))
		}
	}
}

func ask(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true // nothing of this client stays when the load begins
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %s", response.Status)
	}
	return errors.Join(err, response.Body.Close())
}
