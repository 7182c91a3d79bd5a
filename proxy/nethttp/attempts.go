package nethttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// attempts is the http.RoundTripper under the reverse proxy: it asks the core for a backend, sends
// the request there, and asks for another one if nothing of it could be sent.
type attempts struct{ front *Front }

// RoundTrip implements http.RoundTripper.
func (a attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	e := exchangeOf(r.Context())
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: e.gotConn}))
	var failed error
	for retries := e.settings.Retries; ; retries-- {
		b, err := e.core.Next(&e.pick)
		if err != nil {
			if failed != nil {
				err = failed // What went wrong where it could be tried tells more.
			}
			return nil, err
		}
		e.backend = b
		response, err := a.try(e, r, b)
		if err == nil {
			return response, nil
		}
		if retries <= 0 || !e.sentNothing(err) || r.Context().Err() != nil {
			return nil, err
		}
		a.front.log.Debug().Err(err).Str("backend", b.Name()).Msg("attempt failed, trying another backend")
		e.core.Failed(time.Now())
		failed = err
	}
}

// try sends the request to one backend. Each attempt has a request of its own, for a transport may
// hold on to it for a while.
func (a attempts) try(e *exchange, r *http.Request, b *proxy.Backend) (*http.Response, error) {
	e.conn, e.written = nil, 0
	out := *r
	out.URL = new(url.URL)
	*out.URL = *r.URL
	out.URL.Scheme, out.URL.Host = urlScheme(b.Scheme()), b.Address()
	if e.body != nil {
		out.Body = e.body.attempt()
		// The transport may find a kept connection closed before it wrote to it.
		out.GetBody = func() (io.ReadCloser, error) {
			if !e.body.replayable() {
				return nil, errStale
			}
			return e.body.attempt(), nil
		}
	}
	return a.front.upstream(b, e.settings).transport.RoundTrip(&out)
}

func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	under := info.Conn
	if secured, ok := under.(*tls.Conn); ok {
		under = secured.NetConn()
	}
	if c, ok := under.(*conn); ok {
		e.conn, e.written = c, c.written.Load()
	}
}

// sentNothing says whether the last attempt, which ended with err, sent no byte of the request, so
// that another backend may get it, whatever it is.
func (e *exchange) sentNothing(err error) bool {
	if e.body.failed() || !e.body.replayable() {
		return false
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		return true
	}
	return e.conn != nil && e.conn.written.Load() == e.written
}

// errUpgrade is an answer to an upgrade that can't be passed on, errStatus one with a status below 100.
var (
	errUpgrade = errors.New("upgrade that was not asked for")
	errStatus  = errors.New("status out of range")
)

// classify says why there is no answer of a backend to pass on.
func (e *exchange) classify(ctx context.Context, err error) proxy.Cause {
	_, dial := errors.AsType[*dialError](err)
	network, _ := errors.AsType[net.Error](err)
	_, op := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(context.Cause(ctx), errCut):
		return proxy.CauseShutdown
	case e.body.stalled(): // For which the server cancels the request as if the client had left.
		return proxy.CauseBadRequest
	case ctx.Err() != nil:
		return proxy.CauseClientGone
	case e.body.failed():
		return proxy.CauseBadRequest
	case dial:
		return proxy.CauseConnectFailed
	case errors.Is(err, proxy.ErrNoBackend):
		return proxy.CauseNoBackend
	case errors.Is(err, errUpgrade), errors.Is(err, errStatus):
		return proxy.CauseBadResponse
	case network != nil && network.Timeout():
		return proxy.CauseTimeout
	case op, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errStale):
		return proxy.CauseNoAnswer
	default:
		// What the transport says of an answer that it can't read has no type.
		return proxy.CauseBadResponse
	}
}
