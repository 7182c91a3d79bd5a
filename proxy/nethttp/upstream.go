package nethttp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

const (
	maxIdlePerBackend     = 256
	expectContinueTimeout = time.Second
)

// upstream is the connections to one backend. No other backend ever has them, even at the same
// address.
type upstream struct {
	transport *http.Transport
	// upgrades is for requests that ask for another protocol, which HTTP/2 can't give them.
	upgrades *http.Transport
	// onlyHTTP2 says that the backend speaks nothing else, and so has no upgrades to give.
	onlyHTTP2               atomic.Bool
	connect, headers, stall time.Duration
}

// upstream returns a backend's, made for the pool's present timeouts.
func (f *Front) upstream(b *proxy.Backend, s *containers.Settings) *upstream {
	known, ok := f.upstreams.Load(b)
	if ok {
		u := known.(*upstream)
		if u.connect == s.ConnectTimeout && u.headers == s.Timeout && u.stall == f.pause(s) {
			return u
		}
		f.upstreams.CompareAndDelete(b, u)
		u.closeIdle()
	}
	made := f.newUpstream(b, s)
	if known, ok = f.upstreams.LoadOrStore(b, made); ok {
		return known.(*upstream) // Somebody else was faster.
	}
	if b.Gone() { // forget may have come before it was stored.
		f.upstreams.CompareAndDelete(b, made)
	}
	return made
}

// pause is how long a body of a pool may stand still.
func (f *Front) pause(s *containers.Settings) time.Duration {
	return cmp.Or(s.IdleTimeout, f.options.BodyIdle)
}

// protocols are what a transport may speak to a backend.
func protocols(scheme string) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(scheme != containers.SchemeH2C)
	p.SetHTTP2(scheme == containers.SchemeHTTPS)
	p.SetUnencryptedHTTP2(scheme == containers.SchemeH2C)
	return p
}

// urlScheme is what a transport knows a backend's scheme by.
func urlScheme(scheme string) string {
	if scheme == containers.SchemeHTTPS {
		return scheme
	}
	return containers.SchemeHTTP
}

// unverified is for backends: their addresses are the engine's, and their certificates seldom name those.
func unverified() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // See above.
}

func (f *Front) newUpstream(b *proxy.Backend, s *containers.Settings) *upstream {
	d := &net.Dialer{Timeout: s.ConnectTimeout}
	address := b.Address()
	stall := f.pause(s)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, &dialError{err}
		}
		if b.Gone() { // Meanwhile: its address may be somebody else's.
			c.Close()
			return nil, &dialError{errGone}
		}
		return &conn{Conn: c, stall: stall}, nil
	}
	u := &upstream{connect: s.ConnectTimeout, headers: s.Timeout, stall: stall}
	u.transport = f.newTransport(dial, s, protocols(b.Scheme()))
	u.upgrades = u.transport
	u.onlyHTTP2.Store(b.Scheme() == containers.SchemeH2C)
	if b.Scheme() == containers.SchemeHTTPS {
		u.upgrades = f.newTransport(dial, s, protocols(containers.SchemeHTTP))
	}
	return u
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

func (f *Front) newTransport(dial dialer, s *containers.Settings, protocols *http.Protocols) *http.Transport {
	offered := []string{"http/1.1"}
	if protocols.HTTP2() {
		offered = []string{"h2", "http/1.1"}
	}
	return &http.Transport{
		DialContext: dial,
		// Of our own, so that a handshake that fails is known to have sent nothing of a request.
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := dial(ctx, network, "")
			if err != nil {
				return nil, err
			}
			config := unverified()
			config.NextProtos = offered
			secured := tls.Client(c, config)
			ctx, cancel := context.WithTimeout(ctx, s.ConnectTimeout)
			defer cancel()
			if err := secured.HandshakeContext(ctx); err != nil {
				c.Close()
				return nil, &dialError{err}
			}
			return secured, nil
		},
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdlePerBackend,
		IdleConnTimeout:        f.options.BackendIdle,
		ResponseHeaderTimeout:  s.Timeout,
		ExpectContinueTimeout:  expectContinueTimeout,
		MaxResponseHeaderBytes: http1.MaxHead, // What is no answer to one protocol is none to another.
	}
}

func (u *upstream) closeIdle() {
	u.transport.CloseIdleConnections()
	u.upgrades.CloseIdleConnections()
}

// forget drops the connections to a backend that has left, as they become idle.
func (f *Front) forget(b *proxy.Backend) {
	if u, ok := f.upstreams.LoadAndDelete(b); ok {
		u.(*upstream).closeIdle()
	}
}

func (f *Front) closeIdle() {
	f.upstreams.Range(func(_, u any) bool {
		u.(*upstream).closeIdle()
		return true
	})
}

var errGone = errors.New("the backend has left")

// dialError says that a connection could not be made.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// conn is a connection to a backend that counts what was written to it, so that it is known when
// nothing was, and gives up when the backend does not read for long.
type conn struct {
	net.Conn
	stall   time.Duration
	written atomic.Int64
	// refuses says that nothing must be written to it any more.
	refuses atomic.Bool
}

var errRefuses = errors.New("kept connection is not used again")

func (c *conn) Write(p []byte) (int, error) {
	if c.refuses.Load() {
		return 0, errRefuses
	}
	_ = c.SetWriteDeadline(time.Now().Add(c.stall))
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// CloseWrite lets the half-close of an upgraded connection through.
func (c *conn) CloseWrite() error { return closeWrite(c.Conn, c.stall) }
