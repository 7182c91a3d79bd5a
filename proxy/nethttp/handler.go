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
	"github.com/ballast-lb/ballast/proxy/http1"
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
			f.Answer(w, r, proxy.CauseNoBackend)
		}
	})
}

// Routed serves whatever pools have routes for, and the rest with next.
func (f *Front) Routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := rawPath(r)
		if asterisk(r) {
			path, ok = "", true
		}
		if !ok {
			f.Answer(w, r, proxy.CauseBadRequest)
			return
		}
		t, ok := f.core.Route([]byte(r.Host), []byte(path))
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		f.inFlight.Add(1)
		defer f.inFlight.Add(-1)
		f.serve(w, r, t.Pool, path[:t.Strip])
	})
}

// exchange is one request on its way through the front.
type exchange struct {
	front    *Front
	asked    *http.Request
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
	// written to it before; repeated says that some of the request went to another one before that, in the same attempt.
	conn     *conn
	written  int64
	repeated bool
	// client is who is believed to have sent it, https whether over TLS, id what it is called; wait is when it may come
	// again.
	client netip.Addr
	https  bool
	id     string
	wait   time.Duration
	began  time.Time
	// expires is when the client's own deadline passes; zero if it told none.
	expires time.Time
	pool    string
	// whole says that the answer was passed on to its end; cause why it was not a backend's.
	whole bool
	cause proxy.Cause
}

// Agent implements proxy.Asker.
func (e *exchange) Agent() string { return e.asked.UserAgent() }

// Navigates implements proxy.Asker.
func (e *exchange) Navigates() bool {
	h := e.asked.Header
	return proxy.Navigates(e.asked.Method, h.Get("Accept"), h.Get("Sec-Fetch-Mode"), h.Get("X-Requested-With"))
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request, p *proxy.Pool, strip string) {
	now := time.Now()
	e := &exchange{front: f, asked: r, settings: p.Settings(), strip: strip, began: now, pool: p.Name()}
	pause := f.pause(e.settings)
	e.writer = newWriter(w, pause)
	e.writer.head = r.Method == http.MethodHead
	e.writer.last = len(r.TransferEncoding) > 0 // See the package comment.
	ctx, leave := f.join(r.Context())
	defer leave()
	e.writer.ctx = ctx
	defer e.closeBody()
	// Deferred, for ReverseProxy panics with http.ErrAbortHandler when an answer breaks off.
	defer e.end(ctx, r)

	if cause := e.read(r, p, pause); cause != proxy.CauseNone {
		e.core = p.BeginRefused(now)
		e.refuse(r, cause)
		return
	}
	e.core = p.BeginFor(now, e)
	out := r.WithContext(context.WithValue(ctx, exchangeKey{}, e))
	out.Body = nil // The attempts have it from e.body, and the reverse proxy would close it too soon.
	f.forward.ServeHTTP(e.writer, out)
	e.whole = true
	if e.body != nil && r.ProtoMajor == 1 {
		_ = http.NewResponseController(e.writer).Flush() // For closing it may take long.
	}
}

// read takes from a request what the core and the rewriting want to know of it, and says why it is refused.
func (e *exchange) read(r *http.Request, p *proxy.Pool, pause time.Duration) proxy.Cause {
	e.identify(r)
	e.expires = proxy.Deadline(r.Header.Get("Grpc-Timeout"), e.began)
	if refused(r) {
		return proxy.CauseMethod
	}
	if fieldsOf(r) > http1.MaxFields {
		return proxy.CauseTooManyFields
	}
	if r.ProtoMajor > 1 && !e.front.strict.allows(r) {
		return proxy.CauseBadRequest
	}
	var ok bool
	if e.target, ok = targetOf(r, e.strip); !ok {
		return proxy.CauseBadRequest
	}
	e.upgrade = wantsWebSocket(r)
	e.pick = balance.Request{Method: r.Method, Host: r.Host, Path: e.target.raw, Client: e.client, Key: e.key(r)}
	if e.settings.Sticky.Enabled {
		e.pick.Affinity = cookie(r.Header["Cookie"], e.settings.Sticky.Cookie)
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		e.body = newBody(r, e.writer, pause)
		// Else the server itself reads what the backend has not read when it answers, and holds back the
		// answer meanwhile.
		_ = http.NewResponseController(e.writer).EnableFullDuplex()
	}
	if e.looped(r) {
		return proxy.CauseLoop
	}
	if e.wait, ok = p.Admit(e.began, e.client); !ok {
		return proxy.CauseRateLimited
	}
	return proxy.CauseNone
}

// fieldsOf is how many fields a request has, with Host.
func fieldsOf(r *http.Request) int {
	n := 1
	for _, lines := range r.Header {
		n += len(lines)
	}
	return n
}

// key is what the pool's policy hashes, if that is a header or a cookie.
func (e *exchange) key(r *http.Request) string {
	switch h := e.settings.Hash; h.Source {
	case containers.HashHeader:
		if h.Name == "host" { // net/http keeps it elsewhere.
			return r.Host
		}
		return r.Header.Get(h.Name)
	case containers.HashCookie:
		return cookie(r.Header["Cookie"], h.Name)
	}
	return ""
}

// refuse answers a request that goes no further.
func (e *exchange) refuse(r *http.Request, cause proxy.Cause) {
	e.cause, e.whole = cause, true
	answer(e.writer, r, cause, e.wait)
}

// end accounts for the request.
func (e *exchange) end(ctx context.Context, r *http.Request) {
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
	now := time.Now()
	e.core.Done(now, e.writer.answered(), cause)
	if l := e.front.options.Edge.Log; l != nil && l.Wants(e.writer.answered()) {
		e.log(l, r, now, cause)
	}
}

func (e *exchange) log(l proxy.AccessLog, r *http.Request, now time.Time, cause proxy.Cause) {
	entry := e.entry(r, now, cause)
	entry.Status, entry.Sent = e.writer.answered(), e.writer.sent
	if e.backend != nil {
		entry.Backend = e.backend.Name()
	}
	l.Log(&entry)
}

// entry is what is logged of a request, but for its answer and its backend.
func (e *exchange) entry(r *http.Request, now time.Time, cause proxy.Cause) proxy.Access {
	return proxy.Access{
		At: now, Took: now.Sub(e.began), Client: e.client, Peer: peer(r),
		Method: r.Method, Host: r.Host, Target: r.RequestURI, Protocol: r.Proto,
		Cause: cause, Pool: e.pool,
		ID: e.id, UserAgent: r.UserAgent(), Referrer: r.Referer(),
	}
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
	case ctx.Err() == nil && e.response != nil && e.response.failed() && !e.expired() && !e.writer.slow.counts(e.writer.limit.idle) && !e.body.waitedFor():
		return proxy.CauseTruncated
	default:
		return proxy.CauseClientGone
	}
}

// peer is the address of who is connected; the zero value if there is none.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
