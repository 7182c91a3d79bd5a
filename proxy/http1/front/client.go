package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
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
	// unsentBefore is how much was unsent when the janitor looked last, to the client and to the backend. It is the
	// janitor's.
	unsentBefore, unsentUp int
	// fd is the connection's descriptor while its goroutine is inside the wait for it, else noFD.
	fd int

	work   *work // nil between requests.
	reason reason
	// lingers says that the client may still be sending when the connection is to be closed.
	lingers bool
	// breaks says that the connection has to be reset.
	breaks bool
	// watched says that it asked for its peer's end.
	watched bool
	// after is how the connection goes on after a wait.
	after next

	// state is the phase and when it began, pumping the same of the request's body.
	state, pumping atomic.Uint64
	// patience is how long the head of an answer may take, once the request was sent.
	patience atomic.Int64
	// link is the connection to the backend, while there is one.
	link atomic.Pointer[link]
	peer peer
	// halved says that one direction of the tunnel has ended.
	halved atomic.Bool
	// last says that the request that is served was announced as the connection's last.
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
	}
	c.enter(phaseIdle)
	return c
}

// serve serves requests until the connection ends or is handed over.
func (c *client) serve() {
	defer c.f.left(c)
	defer c.contain()
	after := nextRequest
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

// close must not be called inside the wait, for that holds on to the connection.
func (c *client) close() {
	switch {
	case c.breaks && c.tcp != nil:
		_ = c.tcp.SetLinger(0)
		_ = c.tcp.Close() // So that TLS does not announce an end.
	case c.lingers:
		c.linger()
	}
	c.conn.Close()
}

// watch has it noticed at once when the client leaves, or ends its half, even together with a request. It is not worth
// a system call for connections that have one short request.
func (c *client) watch() { c.peer.watch(c.f.watcher, c.raw) }

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
		w.x.Done(time.Now(), w.answered, proxy.CauseNoAnswer)
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

// idle begins the wait for the next request. It is false if none will come, or none that came before the drain.
func (c *client) idle() bool {
	if !c.enter(phaseIdle) || c.peer.ended() {
		return false
	}
	return !c.f.draining.Load() || c.peek() == peekData
}

// wait waits for a request. If it returns nextOutside there is work for it, that has its first bytes.
func (c *client) wait() next {
	if !c.idle() {
		return nextEnd
	}
	if c.raw == nil || c.secure {
		c.work = c.f.works.Get().(*work)
		c.work.reset()
		if n, _ := c.work.in.fill(c.conn, http1.MaxHead); n == 0 {
			return nextEnd
		}
		return nextOutside
	}
	c.after = nextEnd
	if c.raw.Read(c.inWait) != nil {
		return nextEnd
	}
	return c.after
}

// serveInside is called by the wait for the connection when it begins, and then whenever there may be
// something to read. It takes work, and so a buffer, only if there is. Requests that have come whole it serves,
// for to end the wait and begin another one would cost a system call that says that there is nothing to
// read. It returns true to end the wait; c.after tells why.
func (c *client) serveInside(fd uintptr) bool {
	for {
		w := c.f.works.Get().(*work)
		w.reset()
		n, errno := recv(fd, w.in.b)
		if errno == errAgain {
			c.f.works.Put(w)
			return false
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
		if !c.watched {
			c.watched = true
			c.watch()
		}
		if c.after = nextEnd; !c.idle() {
			return true
		}
		if n < inSize { // There was no more then, and what came since has been noted by the poller.
			return false
		}
	}
}

// requests serves what has been read ahead, one request after the other.
func (c *client) requests() next {
	w := c.work
	for {
		n, err := c.head()
		if err != nil {
			return c.refuse(err)
		}
		if n == 0 {
			return nextOutside
		}
		if next := c.request(n); next != nextRequest {
			return next
		}
		w.fresh()
		if w.in.r == w.in.w {
			return nextRequest
		}
	}
}

// head reads on until the head of a request is whole, and returns its length. Inside the wait it does not read on;
// then the length is 0.
func (c *client) head() (int, error) {
	w := c.work
	if !c.enter(phaseHead) {
		return 0, net.ErrClosed
	}
	for {
		n, err := w.req.Parse(w.in.bytes())
		if n > 0 || err != nil || c.fd != noFD {
			return n, err
		}
		if _, err := w.in.fill(c.conn, http1.MaxHead); err != nil {
			return 0, err
		}
	}
}

// refuse answers a head that can't be read, unless it is for somebody else.
func (c *client) refuse(err error) next {
	bad, ok := errors.AsType[*http1.Error](err)
	switch {
	case !ok: // It broke off.
		return nextEnd
	case bad == http1.ErrHTTP2 && c.f.options.HandOff != nil:
		return nextHandOff
	}
	c.f.log.Debug().Err(err).Msg("request refused")
	c.say(refusal(bad))
	return nextEnd
}

// request serves one request, whose head has n bytes.
func (c *client) request(n int) next {
	w := c.work
	if w.req.Method == http1.MethodConnect || w.req.Method == http1.MethodTrace {
		c.say(answerTo(proxy.CauseMethod, w.req.Method))
		return nextEnd
	}
	name, strip, ok := c.f.options.Route(w.req.Host(), w.req.Path())
	switch {
	case !ok && c.f.options.HandOff != nil:
		return nextHandOff
	case !ok:
		c.say(notFound(w.req.Method))
		return nextEnd
	case c.fd != noFD && !w.whole(n):
		w.req.Reset()
		return nextOutside
	}
	w.in.r += n
	c.f.inFlight.Add(1)
	defer c.f.inFlight.Add(-1)
	pool := c.f.core.Pool(name)
	if pool == nil {
		c.say(answerTo(proxy.CauseNoBackend, w.req.Method))
		return nextEnd
	}
	if c.exchange(pool, strip) {
		return nextRequest
	}
	return nextEnd
}

// whole says that a request whose head has n bytes needs nothing more of its client.
func (w *work) whole(n int) bool {
	if w.req.WebSocket {
		return false
	}
	body := w.req.Body
	return body.Empty() || body.Kind == http1.BodyLength && body.Length <= int64(w.in.w-w.in.r-n)
}

// handOff gives the connection away, with the bytes that were read of it.
func (c *client) handOff() {
	if !c.enter(phaseNone) {
		c.release()
		c.conn.Close()
		return
	}
	read := bytes.Clone(c.work.in.bytes())
	c.release()
	c.f.options.HandOff(&handed{Conn: c.conn, read: read})
}

// handed is a connection of which some bytes were read before.
type handed struct {
	net.Conn
	read []byte
}

func (h *handed) Read(p []byte) (int, error) {
	if len(h.read) > 0 {
		n := copy(p, h.read)
		if h.read = h.read[n:]; len(h.read) == 0 {
			h.read = nil
		}
		return n, nil
	}
	return h.Conn.Read(p)
}

// CloseWrite lets whoever has it end one direction.
func (h *handed) CloseWrite() error {
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return h.Close()
}

// How long what a client still sends is waited for and thrown away, in all and from read to read.
const (
	lingerLimit = 5 * time.Second
	lingerPause = time.Second
)

// say writes an answer of our own that is the last on the connection. What the client still sends is read for
// a while, for a reset would take the answer from it.
func (c *client) say(text []byte) {
	if !c.enter(phaseWrite) && c.reason != reasonShutdown {
		return
	}
	c.lingers = c.put(text) == nil
}

// put writes to the client.
func (c *client) put(b []byte) error {
	if c.fd != noFD {
		n := send(uintptr(c.fd), b)
		if n == len(b) {
			return nil
		}
		b = b[n:]
	}
	_, err := c.conn.Write(b)
	return err
}

// linger ends our half and waits for the client's (RFC 9112 9.6).
func (c *client) linger() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || !c.enter(phaseClose) || half.CloseWrite() != nil {
		return
	}
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	for end := time.Now().Add(lingerLimit); ; {
		pause := time.Now().Add(lingerPause)
		if pause.After(end) || c.conn.SetReadDeadline(pause) != nil {
			return
		}
		if p, _ := unpack(c.state.Load()); p == phaseInterrupted {
			return
		}
		if _, err := c.conn.Read(b[:]); err != nil {
			return
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
