package front

import (
	"bytes"
	"crypto/tls"
	"net"
)

// handOff gives the connection away, with the bytes that were read of it.
func (c *client) handOff() {
	if !c.enter(phaseNone) {
		c.release()
		c.conn.Close()
		return
	}
	if c.work == nil {
		c.f.options.HandOff(c.conn, c.http2)
		return
	}
	read := bytes.Clone(c.work.in.bytes())
	c.release()
	h := &handed{Conn: c.conn, read: read}
	if secured, ok := c.conn.(*tls.Conn); ok {
		c.f.options.HandOff(handedTLS{h, secured}, c.http2)
		return
	}
	c.f.options.HandOff(h, c.http2)
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

// handedTLS is one that speaks TLS, which net/http knows by its ConnectionState.
type handedTLS struct {
	*handed
	secured *tls.Conn
}

// ConnectionState tells of the TLS that is spoken.
func (h handedTLS) ConnectionState() tls.ConnectionState { return h.secured.ConnectionState() }

// CloseWrite lets whoever has it end one direction.
func (h *handed) CloseWrite() error {
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return h.Close()
}
