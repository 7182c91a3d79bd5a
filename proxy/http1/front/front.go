package front

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
)

// Options are what a Front may be given. Zero limits mean the defaults.
type Options struct {
	Logger zerolog.Logger
	// Route says whose a request is, that came over TLS or not. What is left of the path when it was stripped must be empty or begin with a
	// slash. It must not keep its arguments.
	Route func(host, path []byte, secure bool) (proxy.Target, Whose)
	// HandOff takes a connection whose next request is another's, or for a pool that is not proxy.Pool.Plain: with backends that
	// don't speak HTTP/1.1 without TLS, or one that scales and has none yet; and one on which the client speaks HTTP/2, which
	// is told. It is for good: what follows on the connection is HandOff's as well, for whatever pool. Its Read first gives
	// what was read already; if that is nothing it is the connection that Serve accepted. HandOff owns it, and should not
	// block. Without it a request for another is answered with 404. Backends that speak otherwise are never asked, also not by
	// a request that was here before they joined; if there are no others that is 503.
	HandOff func(c net.Conn, http2 bool)
	// Edge is what is done for every request.
	Edge proxy.Edge
	// HeadTimeout is how long a request's head may take from its first byte, and a TLS handshake: 10 s.
	HeadTimeout time.Duration
	// ClientIdle is how long a client may keep a connection without a request: 120 s.
	ClientIdle time.Duration
	// BodyIdle is how long a client may take nothing of an answer, where the pool's IdleTimeout does not say: 60 s.
	BodyIdle time.Duration
	// BackendIdle is how long a connection to a backend is kept for the next request: 4 s.
	BackendIdle time.Duration
	// Dial makes connections to backends: a net.Dialer, limited by the pool's connect timeout, which ctx ends with.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// MaxIdle is how many connections are kept for a backend: 256.
	MaxIdle int
}

// Whose says whose a request is.
type Whose uint8

// Whose a request is: a pool's, which may have gone; nobody's; or somebody's who is handed the connection.
const (
	Pools Whose = iota
	Nobodys
	Anothers
)

const (
	maxTick = 500 * time.Millisecond
	minTick = 20 * time.Millisecond
	// ticks is how many times shorter than a limit the time between two looks at it is.
	ticks     = 4
	drainPoll = 10 * time.Millisecond
)

func (o *Options) setDefaults() {
	for _, d := range []struct {
		limit *time.Duration
		value time.Duration
	}{
		{&o.HeadTimeout, 10 * time.Second},
		{&o.ClientIdle, 120 * time.Second},
		{&o.BodyIdle, 60 * time.Second},
		{&o.BackendIdle, 4 * time.Second},
	} {
		if *d.limit <= 0 {
			*d.limit = d.value
		}
	}
	if o.MaxIdle <= 0 {
		o.MaxIdle = 256
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
}

// Front serves pools over HTTP/1.1. It is ready after New; Drain ends it, and must be called.
type Front struct {
	core    *proxy.Core
	log     zerolog.Logger
	options Options
	works   sync.Pool
	// upstreams are the kept connections by *proxy.Backend.
	upstreams sync.Map
	watcher   *watcher

	clock atomic.Int64 // Milliseconds that the janitor has counted at its last look.
	tick  atomic.Int64 // The time between its looks.
	poke  chan struct{}

	waiting chan *client // New connections, to goroutines that have none.
	spare   atomic.Int32 // How many of those there are.

	// shedAt is when idle clients were given up last, warnedAt when it was said that there are no descriptors.
	shedAt, warnedAt atomicTime

	inFlight atomic.Int64
	draining atomic.Bool
	retiring atomic.Bool     // It drains, and keeps connections for a while.
	base     context.Context // The front's own life: what Drain cuts ends with it.
	cut      context.CancelFunc
	janitor  sync.WaitGroup

	mu        sync.Mutex
	stopped   bool                      // guarded by mu
	conns     *list.List                // Of clients, the oldest first; guarded by mu.
	listeners map[net.Listener]struct{} // guarded by mu
	serving   sync.WaitGroup            // Add is guarded by mu, with stopped.
}

// atomicTime is a moment; nil if there was none.
type atomicTime = atomic.Pointer[time.Time]

// New returns a front of a core.
func New(core *proxy.Core, o Options) *Front {
	o.setDefaults()
	f := &Front{
		core: core, log: o.Logger, options: o,
		poke:      make(chan struct{}, 1),
		conns:     list.New(),
		listeners: make(map[net.Listener]struct{}),
		watcher:   newWatcher(),
		waiting:   make(chan *client),
	}
	f.works.New = newWork
	f.base, f.cut = context.WithCancel(context.Background())
	f.tick.Store(int64(maxTick))
	for _, limit := range []time.Duration{o.HeadTimeout, o.ClientIdle, o.BodyIdle, o.BackendIdle} {
		f.heed(limit)
	}
	core.OnGone(f.forget)
	f.janitor.Go(f.sweepAll)
	return f
}

// InFlight is how many requests are being served, upgraded connections among them.
func (f *Front) InFlight() int { return int(f.inFlight.Load()) }

// Serve accepts connections and serves them, until the listener is closed by Drain, which is no error, or by
// someone else. It can be called for several listeners.
func (f *Front) Serve(l net.Listener) error {
	f.mu.Lock()
	if f.draining.Load() {
		f.mu.Unlock()
		l.Close()
		return nil
	}
	f.listeners[l] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.listeners, l)
		f.mu.Unlock()
		l.Close()
	}()
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			f.start(conn)
		case f.draining.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		default:
			// Too many open files, most likely: it passes when some are closed.
			f.shed(err)
			pause = min(max(2*pause, minTick), maxTick)
			f.log.Warn().Err(err).Dur("pause", pause).Msg("accepting a connection failed, trying again")
			select {
			case <-time.After(pause):
			case <-f.base.Done():
				return nil
			}
		}
	}
}

func (f *Front) start(conn net.Conn) {
	c := newClient(f, conn)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		conn.Close()
		return
	}
	c.place = f.conns.PushBack(c)
	select {
	case f.waiting <- c:
	default:
		f.serving.Go(func() { f.work(c) })
	}
}

// maxSpare is how many goroutines wait for another connection when theirs has ended. They keep their stacks, which
// otherwise had to grow for each connection.
const maxSpare = 64

// work serves one connection after the other.
func (f *Front) work(c *client) {
	for {
		c.serve()
		if f.spare.Add(1) > maxSpare {
			f.spare.Add(-1)
			return
		}
		select {
		case c = <-f.waiting:
			f.spare.Add(-1)
		case <-f.base.Done():
			return
		}
	}
}

func (f *Front) left(c *client) {
	f.mu.Lock()
	f.conns.Remove(c.place)
	f.mu.Unlock()
}
