package nethttp

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// Handler serves a pool, whatever the method. strip is removed from the front of the path, as in
// "/lb": /lb/a?b is forwarded as /a?b, and /lb as /. It must be mounted at paths below strip.
func (f *Front) Handler(pool, strip string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.inFlight.Add(1)
		defer f.inFlight.Add(-1)
		if p := f.core.Pool(pool); p != nil {
			f.serve(w, r, p, strip)
		} else {
			answer(w, proxy.CauseNoBackend)
		}
	})
}

// exchange is one request on its way through the front.
type exchange struct {
	front    *Front
	settings *containers.Settings
	core     proxy.Exchange
	pick     balance.Request
	target   target
	strip    string
	upgrade  bool
	writer   *writer
	body     *body         // nil without one.
	response *responseBody // nil before there is one.
	backend  *proxy.Backend
	// conn is the connection of the last attempt, if there was one, and written how much had been
	// written to it before.
	conn    *conn
	written int64
	// whole says that the answer was passed on to its end; cause why it was not a backend's.
	whole bool
	cause proxy.Cause
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request, p *proxy.Pool, strip string) {
	e := &exchange{front: f, settings: p.Settings(), strip: strip, core: p.Begin(time.Now())}
	e.writer = newWriter(w, f.options.BodyIdle)
	ctx, leave := f.join(r.Context())
	defer leave()
	e.writer.ctx = ctx
	defer e.closeBody()
	// Deferred, for ReverseProxy panics with http.ErrAbortHandler when an answer breaks off.
	defer e.end(ctx)

	if cause := e.read(r); cause != proxy.CauseNone {
		e.refuse(cause)
		return
	}
	e.writer.last = len(r.TransferEncoding) > 0 // See the package comment.
	out := r.WithContext(context.WithValue(ctx, exchangeKey{}, e))
	out.Body = nil // The attempts have it from e.body, and the reverse proxy would close it too soon.
	f.forward.ServeHTTP(e.writer, out)
	e.whole = true
	if e.body != nil {
		_ = http.NewResponseController(e.writer).Flush() // For closing it may take long.
	}
}

// read takes from a request what the core and the rewriting want to know of it.
func (e *exchange) read(r *http.Request) proxy.Cause {
	if refused(r) {
		return proxy.CauseMethod
	}
	var ok bool
	if e.target, ok = targetOf(r, e.strip); !ok {
		return proxy.CauseBadRequest
	}
	e.upgrade = wantsWebSocket(r)
	e.pick = balance.Request{Method: r.Method, Host: r.Host, Path: e.target.raw, Client: client(r)}
	if e.settings.Sticky.Enabled {
		e.pick.Affinity = cookie(r.Header["Cookie"], e.settings.Sticky.Cookie)
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		e.body = newBody(r.Body, e.writer, e.front.options.BodyIdle)
		// Else the server itself reads what the backend has not read when it answers, and holds back the
		// answer meanwhile.
		_ = http.NewResponseController(e.writer).EnableFullDuplex()
	}
	return proxy.CauseNone
}

// refuse answers a request that goes no further.
func (e *exchange) refuse(cause proxy.Cause) {
	e.cause, e.whole = cause, true
	answer(e.writer, cause)
}

// end accounts for the request.
func (e *exchange) end(ctx context.Context) {
	if e.body != nil {
		e.body.limit.release()
	}
	cause := e.cause
	switch {
	case !e.whole:
		cause = e.broken(ctx)
	case e.writer.hijacked && errors.Is(context.Cause(ctx), errCut):
		cause = proxy.CauseShutdown
	}
	e.core.Done(time.Now(), e.writer.answered(), cause)
}

// closeBody ends all use of the request's body, also of a transport that still reads it: after the handler
// the server has other plans with the connection. It reads what is left of it, within the limit.
func (e *exchange) closeBody() {
	if e.body != nil {
		_ = e.body.source.Close()
		e.writer.limit.extend() // For the end of a chunked answer.
	}
}

// broken says why an answer that had begun was not passed on whole.
func (e *exchange) broken(ctx context.Context) proxy.Cause {
	switch {
	case errors.Is(context.Cause(ctx), errCut):
		return proxy.CauseShutdown
	case ctx.Err() == nil && e.response != nil && e.response.failed():
		return proxy.CauseTruncated
	default:
		return proxy.CauseClientGone
	}
}

// client is the address of the peer; the zero value if there is none.
func client(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
