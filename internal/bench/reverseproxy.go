package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// reverseProxyCommand is the first argument that turns this program into the balancer that a few
// lines of the standard library make.
const reverseProxyCommand = "reverseproxy"

// reverseProxyMain serves until ctx ends. The arguments are backends as host:port.
func reverseProxyMain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(reverseProxyCommand, flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no backends")
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", *listen, err)
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	server := &http.Server{Handler: newRoundRobin(transport, flags.Args()), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// newTransport keeps enough connections to each backend: http.DefaultTransport keeps two.
func newTransport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
}

// newRoundRobin forwards to one backend after the other.
func newRoundRobin(transport http.RoundTripper, backends []string) http.Handler {
	targets := make([]*url.URL, len(backends))
	for i, address := range backends {
		targets[i] = &url.URL{Scheme: "http", Host: address}
	}
	var next atomic.Uint64
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(targets[next.Add(1)%uint64(len(targets))])
			r.SetXForwarded()
		},
	}
}
