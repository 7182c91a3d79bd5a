// Command mock-backend is a small HTTP server to balance; package mockbackend tells what it answers.
//
// It reads MOCK_NAME, MOCK_WEIGHT, MOCK_LATENCY, MOCK_SLOTS, MOCK_BOOT_DELAY, MOCK_FAILURE_RATE,
// MOCK_LISTEN and MOCK_H2C, and ends on SIGTERM when the requests in flight have finished. "mock-backend
// healthcheck" asks the one that runs in the same container, for a HEALTHCHECK without a shell.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/internal/mockbackend"
)

const (
	// drainLimit is how long requests in flight may take to finish after SIGTERM.
	drainLimit = 10 * time.Second
	// checkLimit is how long a healthy backend may take to answer the health check.
	checkLimit = 2 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	p := program{env: os.Getenv, hostname: os.Hostname, exit: os.Exit, out: os.Stdout, drain: drainLimit}
	err := p.run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mock-backend:", err)
		os.Exit(1)
	}
}

// program is what the command needs of its process.
type program struct {
	env      func(string) string
	hostname func() (string, error)
	exit     func(code int)
	// out gets the address listened on, and why it ends.
	out io.Writer
	// drain is how long requests in flight may take to finish when ctx ends.
	drain time.Duration
}

func (p program) run(ctx context.Context, args []string) error {
	options, err := mockbackend.OptionsFromEnv(p.env)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return p.serve(ctx, options)
	case len(args) == 1 && args[0] == "healthcheck":
		return check(ctx, options.Listen)
	default:
		return fmt.Errorf("unknown arguments %q: there is only healthcheck; everything else is set by MOCK_* variables", args)
	}
}

// serve listens after the boot delay and returns when ctx ended and the requests in flight have.
func (p program) serve(ctx context.Context, options mockbackend.Options) error {
	if options.Name == "" {
		name, err := p.hostname()
		if err != nil {
			return fmt.Errorf("find the host name (%s sets one): %w", mockbackend.EnvName, err)
		}
		options.Name = name
	}
	options.Exit = p.exit

	boot := time.NewTimer(options.BootDelay)
	defer boot.Stop()
	select {
	case <-boot.C:
	case <-ctx.Done():
		return nil
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", options.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s=%q: %w", mockbackend.EnvListen, options.Listen, err)
	}
	fmt.Fprintf(p.out, "%s listens on %s\n", options.Name, listener.Addr())
	return p.serveOn(ctx, newEar(listener), options)
}

func (p program) serveOn(ctx context.Context, listener *ear, options mockbackend.Options) error {
	// Requests outlive ctx while they drain; what is still open then ends with this one, WebSockets
	// too, which Shutdown does not know.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		// Longer than a balancer keeps an idle connection, so that it is never ours that ends.
		IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	if options.H2C { // Not always: with it a server waits for as many bytes as the beginning of HTTP/2 has.
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
	}
	options.Deafen = func() {
		listener.deafen()
		server.SetKeepAlivesEnabled(false) // Or requests would go on coming by the connections that there are.
	}
	server.Handler = mockbackend.New(options)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	fmt.Fprintln(p.out, "asked to stop: finishing what is in flight")
	drain, cancel := context.WithTimeout(requests, p.drain)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests still in flight after %s were cut: %w", p.drain, err), server.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// check asks the backend that listens on address whether it is healthy.
func check(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/health"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("read %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
