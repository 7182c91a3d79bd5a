package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
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
	tcp     *net.TCPConn    // nil if it is none.
	raw     syscall.RawConn // nil if it can't be waited for without a buffer.
	first   func(uintptr) bool
	addr    netip.Addr
	address string
	secure  bool

	work   *work // nil between requests.
	reason reason

	// state is the phase and when it began, pumping the same of the request's body.
	state, pumping atomic.Uint64
	// patience is how long the head of an answer may take, once the request was sent.
	patience atomic.Int64
	// link is the connection to the backend, while there is one.
	link atomic.Pointer[link]
}

func newClient(f *Front, conn net.Conn) *client {
	c := &client{f: f, conn: conn}
	_, c.secure = conn.(*tls.Conn)
	if c.tcp, _ = conn.(*net.TCPConn); c.tcp != nil && waits {
		if raw, err := c.tcp.SyscallConn(); err == nil {
			c.raw, c.first = raw, c.tryRead
		}
	}
	if ap, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		c.addr = ap.Addr().Unmap().WithZone("")
		c.address = c.addr.String()
	}
	c.enter(phaseIdle)
	return c
}

// serve serves requests until the connection ends or is handed over.
func (c *client) serve() {
	defer c.f.left(c)
	handed := false
	for !handed && c.wait() {
		var more bool
		more, handed = c.requests()
		if handed {
			break
		}
		c.release()
		if !more {
			break
		}
	}
	if !handed {
		c.release()
		c.conn.Close()
	}
}

func (c *client) release() {
	if c.work != nil {
		c.work.fresh()
		c.f.works.Put(c.work)
		c.work = nil
	}
}

// wait waits for the first byte of a request, and takes work for it.
func (c *client) wait() bool {
	if !c.enter(phaseIdle) || c.f.draining.Load() {
		return false
	}
	if c.raw != nil {
		if c.raw.Read(c.first) != nil {
			return false
		}
		return c.work.in.w > 0
	}
	c.work = c.f.works.Get().(*work)
	c.work.reset()
	n, _ := c.work.in.fill(c.conn, http1.MaxHead)
	return n > 0
}

// requests serves what has been read ahead, one request after the other. more says that another may come.
func (c *client) requests() (more, handed bool) {
	w := c.work
	for {
		n, err := c.head()
		if err != nil {
			return false, c.refuse(err)
		}
		switch more, handed = c.request(n); {
		case handed:
			c.handOff()
			return false, true
		case !more:
			return false, false
		}
		w.fresh()
		if w.in.r == w.in.w {
			return true, false
		}
	}
}

// head reads on until the head of a request is whole.
func (c *client) head() (int, error) {
	w := c.work
	if !c.enter(phaseHead) {
		return 0, net.ErrClosed
	}
	for {
		n, err := w.req.Parse(w.in.bytes())
		if n > 0 || err != nil {
			return n, err
		}
		if _, err := w.in.fill(c.conn, http1.MaxHead); err != nil {
			return 0, err
		}
	}
}

// refuse answers a head that can't be read. It says whether the connection was handed over instead.
func (c *client) refuse(err error) bool {
	bad, ok := errors.AsType[*http1.Error](err)
	switch {
	case !ok: // It broke off.
		return false
	case bad == http1.ErrHTTP2 && c.f.options.HandOff != nil:
		c.handOff()
		return true
	}
	c.f.log.Debug().Err(err).Msg("request refused")
	c.say(refusal(bad))
	return false
}

// request serves one request, whose head has n bytes.
func (c *client) request(n int) (more, handed bool) {
	w := c.work
	if w.req.Method == http1.MethodConnect || w.req.Method == http1.MethodTrace {
		w.req.KeepAlive = false
		c.say(answerTo(proxy.CauseMethod, w.req.Method))
		return false, false
	}
	name, strip, ok := c.f.options.Route(w.req.Host(), w.req.Path())
	if !ok && c.f.options.HandOff != nil {
		return false, true
	}
	w.in.r += n
	if !ok {
		c.say(notFound(w.req.Method))
		return false, false
	}
	c.f.inFlight.Add(1)
	defer c.f.inFlight.Add(-1)
	pool := c.f.core.Pool(name)
	if pool == nil {
		c.say(answerTo(proxy.CauseNoBackend, w.req.Method))
		return false, false
	}
	return c.exchange(pool, strip), false
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

const (
	maxLinger   = 256 << 10
	lingerLimit = time.Second
)

// say writes an answer of our own that is the last on the connection. What the client still sends is read for
// a while, for a reset would take the answer from it.
func (c *client) say(text []byte) {
	if !c.enter(phaseWrite) && c.reason != reasonShutdown {
		return
	}
	if _, err := c.conn.Write(text); err != nil {
		return
	}
	c.linger()
}

// linger ends our half and waits for the client's.
func (c *client) linger() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || !c.enter(phaseClose) || half.CloseWrite() != nil || c.conn.SetReadDeadline(time.Now().Add(lingerLimit)) != nil {
		return
	}
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	for n := 0; n < maxLinger; {
		m, err := c.conn.Read(b[:])
		if n += m; err != nil {
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

// unsent is how much the client has not taken of what was written.
func (c *client) unsent() int {
	if c.raw == nil {
		return 1
	}
	n := 0
	_ = c.raw.Control(func(fd uintptr) { n = unsentFD(fd) })
	return n
}
