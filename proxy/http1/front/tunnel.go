package front

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

const tunnelSize = 8 << 10

// tunnel passes on a 101 and what follows it, both ways, until both have ended.
func (c *client) tunnel() bool {
	w, l := c.work, c.link.Load()
	w.out = w.resp.AppendHead(w.out[:0], http1.ResponseOut{Body: w.resp.Body})
	w.out = http1.AppendEnd(c.appendAffinity(w.out))
	w.out = append(w.out, w.back.bytes()...)
	w.answered = w.resp.Status
	if cause := c.flush(); cause != proxy.CauseNone {
		return c.breakOff(cause, true)
	}
	early := bytes.Clone(w.in.bytes())
	w.in, w.back, w.out = buffer{}, buffer{}, nil // It may last.
	c.bound()
	cause := proxy.CauseNone
	if c.enter(phaseTunnel) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if c.writeUp(l, early) {
				c.passHalf(l.conn, c.conn, func(b []byte) bool { return c.writeUp(l, b) })
			} else {
				c.cutTunnel(l)
			}
		}()
		c.passHalf(c.conn, l.conn, c.writeDown)
		<-done
		c.enter(phaseClose)
	}
	switch c.reason {
	case reasonShutdown:
		cause = proxy.CauseShutdown
	case reasonGone: // It took nothing, and what was written for it is forgotten as in breakOff.
		c.breaks = true
	}
	c.drop()
	c.done(time.Now(), w.answered, cause)
	return false
}

// passHalf copies one direction to its end. When one has ended the other must not pause for long: a peer that has
// vanished must not keep an exchange in flight for ever.
func (c *client) passHalf(dst, src net.Conn, write func([]byte) bool) {
	b := make([]byte, tunnelSize)
	for {
		n, err := src.Read(b)
		if n > 0 {
			if !write(b[:n]) {
				break
			}
			if c.halved.Load() && !c.limit(src) {
				break
			}
		}
		if err == nil {
			continue
		}
		half, ok := dst.(interface{ CloseWrite() error })
		if !errors.Is(err, io.EOF) || !ok || half.CloseWrite() != nil {
			break
		}
		c.halved.Store(true)
		if !c.limit(dst) {
			break
		}
		return
	}
	c.cutTunnel(c.link.Load())
}

// writeDown passes something on to the client. It is false if that failed, or the janitor found that the client takes nothing.
func (c *client) writeDown(b []byte) bool {
	if !c.enter(phaseWrite) {
		return false
	}
	_, err := c.conn.Write(b)
	return c.enter(phaseTunnel) && err == nil
}

// writeUp is writeDown towards the backend.
func (c *client) writeUp(l *link, b []byte) bool {
	c.pumping.Store(c.stamp(phaseBodySend))
	_, err := l.conn.Write(b)
	p, _ := unpack(c.pumping.Swap(0))
	return p != phaseInterrupted && err == nil
}

// limit gives the end of a direction so long to come. It is false if the tunnel has been cut, whose deadline it
// may have replaced.
func (c *client) limit(src net.Conn) bool {
	_ = src.SetReadDeadline(time.Now().Add(time.Duration(c.pause.Load())))
	p, _ := unpack(c.state.Load())
	return p != phaseInterrupted && !c.severed.Load()
}

// cutTunnel ends both directions. It says so first, for the phase does not tell any more that it was interrupted when a
// write has found that.
func (c *client) cutTunnel(l *link) {
	c.severed.Store(true)
	_ = c.conn.SetDeadline(past)
	if l != nil {
		_ = l.conn.SetDeadline(past)
	}
}
