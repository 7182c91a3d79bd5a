package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"

	"github.com/ballast-lb/ballast/engine"
)

var _ engine.Engine = (*Engine)(nil)

// Options say which Docker Engine to use. The zero value is the one that the docker command
// would use, by DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_API_VERSION, but
// docker contexts are not read.
type Options struct {
	// Host overrides DOCKER_HOST: unix:///path, tcp://host:port, or npipe:// on Windows.
	Host string
	// Dial connects to the host instead of the way that its address says, if it is set. It must be safe for
	// concurrent use.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Engine is a Docker Engine. It is safe for concurrent use.
type Engine struct {
	options Options
	limits  limits
	conn    atomic.Pointer[connection]
}

// limits are how long calls may take.
type limits struct {
	// call is for most, and for the headers of a stream; list also for removals, which
	// delete files; stop comes on top of a stop's own timeout.
	call, list, stop time.Duration
}

// connection is a client that has negotiated, or will with its first call, an API version.
type connection struct {
	*client.Client
	transport *http.Transport
}

// New returns the engine that the options name. It does not connect: an engine that is down is
// ErrUnavailable in the first call, a host that cannot be understood is an error here.
func New(options Options) (*Engine, error) {
	e := &Engine{
		options: options,
		limits:  limits{call: 10 * time.Second, list: 30 * time.Second, stop: 10 * time.Second},
	}
	if err := e.connect(); err != nil {
		return nil, err
	}
	return e, nil
}

// Close drops idle connections to the engine. Containers go on.
func (e *Engine) Close() error {
	e.conn.Load().transport.CloseIdleConnections()
	return nil
}

// connect replaces the connection by one that negotiates anew.
func (e *Engine) connect() error {
	host := e.options.Host
	if host == "" {
		host = os.Getenv(client.EnvOverrideHost)
	}
	if strings.HasPrefix(host, "ssh://") {
		return fmt.Errorf("docker host %s: ssh is not supported; forward the socket (ssh -L) and name that", host)
	}
	var next connection
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if e.options.Host != "" {
		opts = append(opts, client.WithHost(e.options.Host))
	}
	if e.options.Dial != nil {
		opts = append(opts, client.WithDialContext(e.options.Dial))
	}
	opts = append(opts, func(c *client.Client) error {
		var err error
		next.transport, err = observeHeaders(c)
		return err
	})
	var err error
	if next.Client, err = client.NewClientWithOpts(opts...); err != nil {
		return fmt.Errorf("docker host %q: %w", host, err)
	}
	if old := e.conn.Swap(&next); old != nil {
		old.transport.CloseIdleConnections()
	}
	return nil
}

// call does one call of the API within a limit. act is for the error's text.
func call[T any](ctx context.Context, limit time.Duration, act string, f func(context.Context) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, err := f(limited)
	if err != nil {
		var zero T
		return zero, wrap(ctx, act, err)
	}
	return v, nil
}

// do is call for calls that return nothing.
func do(ctx context.Context, limit time.Duration, act string, f func(context.Context) error) error {
	_, err := call(ctx, limit, act, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, f(ctx)
	})
	return err
}

// headersKey is the context key of a func() that is to be called when the successful headers of
// a request's response have come.
type headersKey struct{}

// observeHeaders puts a headerObserver under the client, and returns the transport below it. It
// must be the client's last option.
func observeHeaders(c *client.Client) (*http.Transport, error) {
	httpClient := c.HTTPClient()
	transport, ok := httpClient.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("unexpected transport %T of the docker client", httpClient.Transport)
	}
	// The client tells http from https by its transport, which it can no longer see.
	scheme := "http"
	if transport.TLSClientConfig != nil {
		scheme = "https"
	}
	httpClient.Transport = headerObserver{transport}
	return transport, errors.Join(client.WithHTTPClient(httpClient)(c), client.WithScheme(scheme)(c))
}

// headerObserver tells when a stream stands. Client.Events waits for the response headers but does
// not tell whether they or an error ended the wait.
type headerObserver struct{ http.RoundTripper }

func (o headerObserver) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK {
		if notify, ok := r.Context().Value(headersKey{}).(func()); ok {
			notify()
		}
	}
	return resp, err
}
