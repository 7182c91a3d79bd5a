package nethttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
)

// Options are what a Front may be given. Zero durations mean the defaults.
type Options struct {
	Logger zerolog.Logger
	// Edge is what is done for every request.
	Edge proxy.Edge
	// BackendIdle is how long a connection to a backend is kept for the next request: 4 s, less
	// than what servers keep it by default, for one that closes it first may lose a POST.
	BackendIdle time.Duration
	// BodyIdle is how long a client may send nothing of a body, and a backend take nothing of it, where the pool's
	// IdleTimeout does not say: 60 s. What a backend sends may pause for longer, for that is what streams do.
	BodyIdle time.Duration
}

const (
	defaultBackendIdle = 4 * time.Second
	defaultBodyIdle    = 60 * time.Second
	readHeaderTimeout  = 10 * time.Second
	clientIdle         = 120 * time.Second
	maxHeaderBytes     = 64 << 10
	maxStreams         = 100 // Of one HTTP/2 connection.
	drainPoll          = 10 * time.Millisecond
)

// errCut is the cause of requests that were cut at the drain limit.
var errCut = errors.New("cut at the drain limit")

// Front serves pools over HTTP/1.1 and HTTP/2. It is ready after New and started by whoever serves
// its handlers; Drain ends it.
type Front struct {
	core    *proxy.Core
	log     zerolog.Logger
	options Options
	forward *httputil.ReverseProxy
	strict  strict

	// upstreams are the transports by *proxy.Backend.
	upstreams sync.Map
	inFlight  atomic.Int64

	// base is the front's own life, the parent of the requests it serves; cut ends it.
	base context.Context // Kept, for it is the base context of servers, made before them.
	cut  context.CancelCauseFunc
	// quiet is closed when events are not sent any more.
	quiet     chan struct{}
	quietOnce sync.Once
}

// frontKey is where a request's context names the front whose base it comes from.
type frontKey struct{}

// New returns a front of a core.
func New(core *proxy.Core, o Options) *Front {
	if o.BackendIdle == 0 {
		o.BackendIdle = defaultBackendIdle
	}
	if o.BodyIdle == 0 {
		o.BodyIdle = defaultBodyIdle
	}
	f := &Front{core: core, log: o.Logger, options: o, quiet: make(chan struct{})}
	base, cut := context.WithCancelCause(context.Background())
	f.base, f.cut = context.WithValue(base, frontKey{}, f), cut
	f.forward = &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      attempts{f},
		FlushInterval:  -1, // A balancer must not hold back what a backend has sent.
		BufferPool:     &buffers{},
		ModifyResponse: modifyResponse,
		ErrorHandler:   answerError,
		ErrorLog:       f.errorLog(),
	}
	core.OnGone(f.forget)
	return f
}

// Server returns a server for a handler that leads to this front's, with limits for slow and greedy
// clients. It has no ReadTimeout and WriteTimeout on purpose: bodies are limited by their pauses.
func (f *Front) Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           f.guard(f.limitBodies(h)),
		BaseContext:       f.BaseContext,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       clientIdle,
		MaxHeaderBytes:    maxHeaderBytes,
		// OPTIONS * is for a pool, as any other request.
		DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			// A client that takes nothing at all is not told either that its streams were given up.
			WriteByteTimeout: f.options.BodyIdle,
		},
		ErrorLog: f.errorLog(),
	}
}

// limitBodies limits how long a client may take to begin with the body that it announced. The server waits
// for it before it answers, if next does not read it. Handlers of pools move the limit on as the
// body comes; others have to read all of it before it passes.
func (f *Front) limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			readDeadline(w, f.options.BodyIdle).extend()
		}
		next.ServeHTTP(w, r)
	})
}

// BaseContext is for servers that lead to this front's handlers: it lets Drain cut what they serve
// without a register of requests. Without it requests are cut all the same, at some cost for each.
func (f *Front) BaseContext(net.Listener) context.Context { return f.base }

// InFlight is how many requests are being served, upgraded connections among them.
func (f *Front) InFlight() int { return int(f.inFlight.Load()) }

// Quiet ends the streams of events that Waits serves, of which none would end by itself. It is for the beginning of a
// shutdown.
func (f *Front) Quiet() { f.quietOnce.Do(func() { close(f.quiet) }) }

// Drain returns when no request is in flight. If ctx ends before, it cuts those that are left,
// upgraded connections among them, and returns an error that says how many. Either way idle
// connections to backends are closed. No new requests should come: close the listeners first.
func (f *Front) Drain(ctx context.Context) error {
	defer f.closeIdle()
	ticker := time.NewTicker(drainPoll)
	defer ticker.Stop()
	for f.inFlight.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			left := f.inFlight.Load()
			f.cut(errCut)
			return fmt.Errorf("drain: %d requests cut: %w", left, ctx.Err())
		}
	}
	return nil
}

// join makes a request's context end when the front is cut. Usually it does so by itself.
func (f *Front) join(ctx context.Context) (context.Context, func()) {
	if ctx.Value(frontKey{}) == f {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(f.base, func() { cancel(errCut) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// errorLog takes what net/http has to say, which is mostly of clients that misbehave.
func (f *Front) errorLog() *log.Logger { return log.New(debugLog{f.log}, "", 0) }

type debugLog struct{ log zerolog.Logger }

func (d debugLog) Write(p []byte) (int, error) {
	d.log.Debug().Bytes("text", bytes.TrimSpace(p)).Msg("net/http reports")
	return len(p), nil
}

// buffers are for copying bodies.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
