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

	"github.com/ballast-lb/ballast/containers"
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
	for {
		b, err := e.core.Next(&e.pick)
		if errors.Is(err, proxy.ErrBusy) {
			b, err = e.hold(r.Context())
		}
		if err != nil {
			if failed != nil {
				err = failed // What went wrong where it could be tried tells more.
			}
			return nil, err
		}
		e.backend = b
		response, err := a.try(e, r, b)
		if err == nil {
			if response.StatusCode < http.StatusInternalServerError || !e.expired() { // Else it may tell of the deadline alone.
				e.core.Answered(response.StatusCode)
			}
			return response, nil
		}
		if r.Context().Err() != nil || !e.repeatable(r, err) || !e.core.Again(time.Now(), e.classify(r.Context(), err)) {
			return nil, err
		}
		a.front.log.Debug().Err(err).Str("backend", b.Name()).Msg("attempt failed, trying another backend")
		failed = err
	}
}

// hold waits until a backend is free. Meanwhile nobody reads the body, which is not the client's fault.
func (e *exchange) hold(ctx context.Context) (*proxy.Backend, error) {
	if e.body != nil {
		e.body.limit.clear()
		defer e.body.limit.extend()
	}
	return e.core.Hold(ctx, &e.pick)
}

// try sends the request to one backend. Each attempt has a request of its own, for a transport may
// hold on to it for a while.
func (a attempts) try(e *exchange, r *http.Request, b *proxy.Backend) (*http.Response, error) {
	e.conn, e.written, e.repeated = nil, 0, false
	out := *r
	out.URL = new(url.URL)
	*out.URL = *r.URL
	out.URL.Scheme, out.URL.Host = urlScheme(b.Scheme()), b.Address()
	if e.body != nil {
		body := e.body.attempt()
		out.Body, out.Trailer = body, body.trailers.to
		// The transport may find a kept connection closed before it wrote to it.
		out.GetBody = func() (io.ReadCloser, error) {
			if !e.body.replayable() {
				return nil, errStale
			}
			again := e.body.attempt()
			again.trailers = body.trailers // Of the same request, as the transport sees it.
			return again, nil
		}
	}
	u := a.front.upstream(b, e.settings)
	switch {
	case !e.upgrade:
		return u.transport.RoundTrip(&out)
	case !u.onlyHTTP2.Load():
		response, err := u.upgrades.RoundTrip(&out)
		if err == nil || !refusesHTTP1(err) {
			return response, err
		}
		u.onlyHTTP2.Store(true)
	}
	// HTTP/2 has no upgrades; who can't have one goes on without (RFC 9110 7.8).
	out.Header = out.Header.Clone()
	out.Header.Del("Connection")
	out.Header.Del("Upgrade")
	return u.transport.RoundTrip(&out)
}

// gotConn is told of each connection that the transport is about to use for an attempt. It repeats by itself what may be
// repeated as long as kept connections end; but what has been sent once by one of these goes out again on a new one only.
func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	under, http2 := info.Conn, e.backend.Scheme() == containers.SchemeH2C
	if secured, ok := under.(*tls.Conn); ok {
		under, http2 = secured.NetConn(), secured.ConnectionState().NegotiatedProtocol == "h2"
	}
	c, ok := under.(*conn)
	if !ok {
		return
	}
	e.repeated = e.repeated || e.conn != nil && e.conn.written.Load() != e.written
	if e.repeated && info.Reused && !http2 { // A connection of HTTP/2 is not ours alone, and it repeats only what was not processed.
		c.refuses.Store(true)
	}
	e.conn, e.written = c, c.written.Load()
}

// repeatable says whether another backend may get the request after an attempt that ended with err: if nothing of it was
// sent, or if it may be processed twice (RFC 9110 9.2.2) and there was no answer.
func (e *exchange) repeatable(r *http.Request, err error) bool {
	if e.sentNothing(err) {
		return true
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return !e.body.failed() && e.body.replayable() && !e.upgrade && e.classify(r.Context(), err) == proxy.CauseNoAnswer
	}
	return false
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

// expired says that the client's deadline has passed.
func (e *exchange) expired() bool { return !e.expires.IsZero() && !time.Now().Before(e.expires) }

// errUpgrade is an answer to an upgrade that can't be passed on, errStatus one with a status that means nothing (RFC 9110 15),
// errFields one with more fields than are read.
var (
	errUpgrade = errors.New("upgrade that was not asked for")
	errStatus  = errors.New("status out of range")
	errFields  = errors.New("too many fields")
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
	case ctx.Err() != nil, e.expired():
		return proxy.CauseClientGone
	case e.body.failed():
		return proxy.CauseBadRequest
	case dial && proxy.Exhausted(err):
		return proxy.CauseOverloaded
	case dial:
		return proxy.CauseConnectFailed
	case tooLong(err):
		return proxy.CauseTooManyFields
	case refused2(err):
		return proxy.CauseRefused
	case errors.Is(err, proxy.ErrNoBackend), errors.Is(err, proxy.ErrQueueFull), errors.Is(err, proxy.ErrQueueTimeout),
		errors.Is(err, proxy.ErrNotComing), errors.Is(err, proxy.ErrWaitPage):
		return proxy.CauseOf(err)
	case errors.Is(err, errUpgrade), errors.Is(err, errStatus), errors.Is(err, errFields):
		return proxy.CauseBadResponse
	case network != nil && network.Timeout():
		return proxy.CauseTimeout
	case e.body.waitedFor():
		return proxy.CauseBadRequest
	case op, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errStale):
		return proxy.CauseNoAnswer
	default:
		// What the transport says of an answer that it can't read has no type.
		return proxy.CauseBadResponse
	}
}
