package front

import "time"

// How long what a client still sends is waited for and thrown away, in all and from read to read.
const (
	lingerLimit = 5 * time.Second
	lingerPause = time.Second
)

// How often it is looked whether a client has got all, at first and at last.
const (
	settlePause     = time.Millisecond
	settlePauseMost = 32 * time.Millisecond
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

// settle waits until the client has what was answered before, for a reset takes what is still on its way. There is no
// event for that.
func (c *client) settle() {
	if !c.enter(phaseClose) {
		return
	}
	now := time.Now()
	limit, moved := now.Add(lingerLimit), now
	for left, pause := unsent(c.raw), settlePause; left > 0; pause = min(2*pause, settlePauseMost) {
		time.Sleep(pause)
		now = time.Now()
		if p, _ := unpack(c.state.Load()); p == phaseInterrupted || now.After(limit) || now.Sub(moved) > lingerPause {
			return
		}
		before := left
		if left = unsent(c.raw); left < before {
			moved = now
		}
	}
}

// close must not be called inside the wait, for that holds on to the connection.
func (c *client) close() {
	switch {
	case c.breaks && c.tcp != nil:
		if c.lingers {
			c.settle()
		}
		_ = c.tcp.SetLinger(0)
		_ = c.tcp.Close() // So that TLS does not announce an end.
	case c.lingers:
		c.linger()
	}
	c.conn.Close()
}
