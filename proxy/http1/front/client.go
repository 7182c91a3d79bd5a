package front

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/proxy"
)

// client is a client's connection. What is not atomic belongs to its goroutine.
type client struct {
	f       *Front
	conn    net.Conn
	tcp     *net.TCPConn    // nil if it is none; what is under TLS if that is.
	raw     syscall.RawConn // The same; nil on systems that we know too little of.
	inWait  func(uintptr) bool
	addr    netip.Addr
	address string
	secure  bool
	// trusted says that the peer is a proxy whose word on its clients is taken, http2 what the client speaks.
	trusted, http2 bool
	// unsentBefore is how much was unsent when the janitor looked last, to the client and to the backend. It is the
	// janitor's.
	unsentBefore, unsentUp int
	place                  *list.Element // Among those of the front; guarded by its mu.
	// fd is the connection's descriptor while its goroutine is inside the wait for it, else noFD.
	fd int

	work   *work // nil between requests.
	first  [1]byte
	reason reason
	// lingers says that the client may still be sending when the connection is to be closed.
	lingers bool
	// breaks says that the connection has to be reset.
	breaks bool
	// watched says that it asked for its peer's end.
	watched bool
	// bounded says that its socket takes little of what can't be sent yet.
	bounded bool
	// after is how the connection goes on after a wait.
	after next

	// state is the phase and when it began, pumping the same of the request's body.
	state, pumping atomic.Uint64
	// patience is how long the head of an answer may take, once the request was sent; pause how long a body may
	// stand still. Both are the pool's.
	patience, pause atomic.Int64
	// lateAt is when the client last kept the exchange waiting for long, by the front's clock; 0 if it has not.
	lateAt atomic.Int64
	// link is the connection to the backend, while there is one.
	link atomic.Pointer[link]
	// dialing ends the attempt to connect to one.
	dialing atomic.Pointer[context.CancelFunc]
	peer    peer
	// halved says that one direction of the tunnel has ended.
	halved atomic.Bool
	// severed says that both have been ended, or will be at once.
	severed atomic.Bool
	// last says that the client may have ended its half on purpose: it announced the request that is served as its last,
	// or has sent another.
	last atomic.Bool
}

// noFD is what client.fd is outside of the wait.
const noFD = -1

// next says how a connection goes on after a request.
type next uint8

const (
	nextRequest next = iota // Another request may come.
	nextEnd                 // None will.
	nextHandOff             // Somebody else serves it, from the request on that was just read.
	nextOutside             // It needs more from the client, which can't be read inside the wait.
)

func newClient(f *Front, conn net.Conn) *client {
	c := &client{f: f, conn: conn, fd: noFD}
	c.peer.client = c
	under := conn
	if secured, ok := conn.(*tls.Conn); ok {
		c.secure, under = true, secured.NetConn()
	}
	if c.tcp, _ = under.(*net.TCPConn); c.tcp != nil && waits {
		if raw, err := c.tcp.SyscallConn(); err == nil {
			c.raw, c.inWait = raw, c.serveInside
		}
	}
	switch remote := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		c.addr = remote.AddrPort().Addr()
	default:
		ap, _ := netip.ParseAddrPort(remote.String())
		c.addr = ap.Addr()
	}
	if c.addr.IsValid() {
		c.addr = c.addr.Unmap().WithZone("")
		c.address = c.addr.String()
		c.trusted = f.options.Edge.Trust.Contains(c.addr)
	}
	c.pause.Store(int64(f.options.BodyIdle))
	c.enter(phaseIdle)
	return c
}

// serve serves requests until the connection ends or is handed over.
func (c *client) serve() {
	defer c.f.left(c)
	defer c.contain()
	after := c.handshake()
	for after == nextRequest {
		if after = c.wait(); after == nextOutside {
			after = c.requests()
		}
		if after != nextHandOff {
			c.release()
		}
	}
	c.peer.forget(c.f.watcher, c.raw, after == nextHandOff)
	if after == nextHandOff {
		c.handOff()
		return
	}
	c.close()
}

// handshake brings TLS up, if that is what the connection speaks, and with it what is spoken over it (ALPN).
func (c *client) handshake() next {
	secured, ok := c.conn.(*tls.Conn)
	if !ok {
		return nextRequest
	}
	c.enter(phaseHead)
	if err := secured.HandshakeContext(c.f.base); err != nil {
		c.f.log.Debug().Err(err).Msg("tls handshake failed")
		return nextEnd
	}
	switch secured.ConnectionState().NegotiatedProtocol {
	case "", "http/1.1":
	case "h2":
		if c.f.options.HandOff == nil {
			c.f.log.Warn().Msg("a client was offered http/2, which nobody here speaks")
			return nextEnd
		}
		c.http2 = true
		return nextHandOff
	default: // All that a CA wants to see is the handshake (RFC 8737).
		return nextEnd
	}
	return nextRequest
}

// watch has it noticed at once when the client leaves, or ends its half, even together with a request. It is not worth
// a system call for connections that have one short request.
func (c *client) watch() { c.peer.watch(c.f.watcher, c.raw) }

// watchOnce is watch without a lock, for the connection's own goroutine.
func (c *client) watchOnce() {
	if !c.watched {
		c.watched = true
		c.watch()
	}
}

// contain keeps a panic from ending more than its connection, as net/http does. What the request held is let go,
// but for its buffers, which may be in use.
func (c *client) contain() {
	what := recover()
	if what == nil {
		return
	}
	c.f.log.Error().Interface("panic", what).Bytes("stack", debug.Stack()).Msg("serving a connection panicked: please report this")
	c.drop()
	c.conn.Close()
	if w := c.work; w != nil {
		c.stopPump()
		c.done(time.Now(), w.answered, proxy.CauseNoAnswer)
	}
	c.peer.forget(c.f.watcher, c.raw, false)
}

func (c *client) release() {
	if c.work != nil {
		c.work.fresh()
		c.f.works.Put(c.work)
		c.work = nil
	}
}

// idle begins the wait for the next request. It is false if none will come, or none that came before the drain; a front that
// retires still waits, for its client may not know that it does.
func (c *client) idle() bool {
	if !c.enter(phaseIdle) {
		return false
	}
	// Who has ended its half may have sent its last request before.
	return !c.peer.ended() && (!c.f.draining.Load() || c.f.retiring.Load()) || c.peek() == peekData
}

// wait waits for a request. If it returns nextOutside there is work for it, that has its first bytes.
func (c *client) wait() next {
	if !c.idle() {
		return nextEnd
	}
	if c.raw == nil || c.secure {
		return c.waitForFirst()
	}
	c.after = nextEnd
	if c.raw.Read(c.inWait) != nil {
		return nextEnd
	}
	return c.after
}

// waitForFirst waits without a buffer where that can't be done inside the wait for the socket: with TLS, which has read
// the rest of the record when there is a first byte.
func (c *client) waitForFirst() next {
	if n, _ := c.conn.Read(c.first[:]); n == 0 {
		return nextEnd
	}
	w := c.f.works.Get().(*work)
	w.reset()
	w.in.b[0], w.in.w = c.first[0], 1
	c.work = w
	return nextOutside
}

// serveInside is called by the wait for the connection when it begins, and then whenever there may be
// something to read. It takes work, and so a buffer, only if there is. Requests that have come whole it serves,
// for to end the wait and begin another one would cost a system call that says that there is nothing to
// read. It returns true to end the wait; c.after tells why.
func (c *client) serveInside(fd uintptr) bool {
	for {
		if !c.enter(phaseHead) { // First, so that nobody takes it for idle when its request has been read.
			return true
		}
		w := c.f.works.Get().(*work)
		w.reset()
		n, errno := recv(fd, w.in.b)
		if errno == errAgain {
			c.f.works.Put(w)
			return !c.enter(phaseIdle)
		}
		c.work = w
		if n <= 0 {
			return true
		}
		w.in.w = n
		c.fd = int(fd)
		c.after = c.requests()
		c.fd = noFD
		if c.after != nextRequest {
			return true
		}
		c.release()
		c.watchOnce()
		if c.after = nextEnd; !c.idle() {
			return true
		}
		if n < inSize { // There was no more then, and what came since has been noted by the poller.
			return false
		}
	}
}

// peek looks whether the client has sent anything, or has left.
func (c *client) peek() peeked {
	if c.raw == nil {
		return peekNothing
	}
	found := peekEnd
	_ = c.raw.Control(func(fd uintptr) { found = peekFD(fd) })
	return found
}

// unsent is how much of what was written is not confirmed by the peer; -1 if that is not known.
func unsent(raw syscall.RawConn) int {
	n := -1
	if raw != nil {
		_ = raw.Control(func(fd uintptr) { n = unsentFD(fd) })
	}
	return n
}
