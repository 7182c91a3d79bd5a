package main

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// session is a connection to an origin.
type session struct {
	o    *origin
	s    *soak
	conn *net.TCPConn
	r    reader
	h    head
	out  []byte
	// current is the request that came last, whose answer may still be on its way; dying says that the connection
	// is being reset.
	current atomic.Uint64
	dying   atomic.Bool
}

func newSession(o *origin, conn *net.TCPConn) *session {
	return &session{o: o, s: o.s, conn: conn, r: newReader(conn)}
}

// kill resets the connection, when the request that it may hit is marked.
func (c *session) kill() {
	c.dying.Store(true)
	c.s.ledger.mark(c.current.Load(), markKilled)
	reset(c.conn)
}

// serve serves requests to the end of the connection.
func (c *session) serve() {
	defer func() { _ = c.conn.Close() }()
	var idle idleFault
	for n := 0; ; n++ {
		if !c.await(idle) {
			return
		}
		p, ok := c.receive()
		if !ok || !c.exchange(&p, n > 0) {
			return
		}
		idle = p.idle
	}
}

// await waits for a request, or ends the connection in place of that.
func (c *session) await(idle idleFault) bool {
	if idle.kind == idleFine {
		return true
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Duration(idle.pause) * time.Microsecond))
	_, err := c.r.Peek(1)
	_ = c.conn.SetReadDeadline(time.Time{})
	switch {
	case err == nil:
		return true
	case !timedOut(err):
		return false
	case idle.kind == idleResets:
		c.s.resets.during(func() { reset(c.conn) })
	default:
		c.endHalf(markLate)
	}
	return false
}

// receive reads a head, and finds its plan.
func (c *session) receive() (p plan, ok bool) {
	err := c.h.read(c.r)
	if err != nil && !c.h.begun && brokeOff(err) {
		return p, false
	}
	if err != nil { // The front sends a head whole, or has none to send.
		if !brokeOff(err) || !c.dying.Load() {
			c.s.violate(c.h.id, "the origin read %q, and then: %v", excerpt(c.h.line), err)
		}
		return p, false
	}
	if c.h.id == 0 || c.h.id >= uint64(len(c.s.ledger)) {
		c.s.violate(c.h.id, "the origin got a request that nobody sent: %q", excerpt(c.h.line))
		return p, false
	}
	p = newPlan(c.s.seed, c.h.id)
	c.current.Store(p.id)
	return p, true
}

// exchange does what the plan says. It is false when the connection has ended.
func (c *session) exchange(p *plan, kept bool) bool {
	receipt := c.s.ledger.receive(p.id)
	if c.dying.Load() {
		c.s.ledger.mark(p.id, markKilled)
	}
	c.check(p, receipt)
	silent := p.origin.kind == originSilent && (receipt == 1 || !p.origin.once)
	if silent && kept {
		c.s.ledger.mark(p.id, markKept)
	}
	switch {
	case silent && p.origin.unread:
		return c.end(p.origin.end)
	case p.origin.kind == originHangs:
		return c.hang(p)
	case p.early != earlyNot:
		return c.answerEarly(p)
	}
	if p.expect && !c.send([]byte("HTTP/1.1 100 Continue\r\n\r\n"), p) {
		return false
	}
	n, ok := c.readBody(p)
	switch {
	case !ok:
		return false
	case silent:
		return c.end(p.origin.end)
	}
	return c.answer(p, n)
}

// check compares a head with what the client sent.
func (c *session) check(p *plan, receipt int) {
	h := &c.h
	want := append([]byte(p.method), ' ')
	want = append(p.appendTarget(want), " HTTP/1.1"...)
	switch {
	case !bytes.Equal(h.line, want):
		c.s.violate(p.id, "the origin got %q, want %q", excerpt(h.line), want)
	case h.framing() != p.send.framing || h.length >= 0 && h.length != int64(p.send.size):
		c.s.violate(p.id, "the origin got a body framed as %d, length %d", h.framing(), h.length)
	case h.expect != p.expect || h.close || string(h.forwarded) != "127.0.0.1":
		c.s.violate(p.id, "the origin got expect %t, close %t, forwarded for %q", h.expect, h.close, excerpt(h.forwarded))
	case !bytes.Equal(h.filler, c.s.content.filler(p.id, sideRequest, p.send.fill)):
		c.s.violate(p.id, "the origin got the filler %q", excerpt(h.filler))
	case p.client.kind == clientSmuggles || p.pool == poolNone:
		c.s.violate(p.id, "the origin got what it never must: %q", excerpt(h.line))
	case p.method == "POST" && receipt > 1 || receipt > c.s.backends+1:
		c.s.violate(p.id, "the origin got it %d times", receipt)
	case c.o.shut.Load() && p.client.kind == clientFine:
		c.s.violate(p.id, "a request came to a backend that had been drained")
	}
}

// readBody reads the request's body, which must be the client's. It is false when there will be no more.
func (c *session) readBody(p *plan) (int, bool) {
	want := c.s.content.body(p.id, sideRequest, p.send.size)
	n, err := c.r.body(p.send.framing, want, len(want), p.trailer(&p.send))
	switch {
	case err == nil && p.broken():
		c.s.violate(p.id, "the origin got a body whole that was broken")
	case err == nil:
		return n, true
	case !c.mayBreak(p) || !brokeOff(err):
		c.s.violate(p.id, "the origin got %d bytes of %d, and then: %v", n, len(want), err)
	}
	return n, false
}

// mayBreak says whether the front may break an exchange off.
func (c *session) mayBreak(p *plan) bool {
	return p.client.kind != clientFine || p.early != earlyNot || p.origin.kind == originGarbles ||
		c.dying.Load() || c.s.stopped.Load()
}

// send writes something that is not cut.
func (c *session) send(b []byte, p *plan) bool {
	d := newDice(c.s.seed, p.id, streamAnswer)
	err := write(c.conn, b, p.reply.pieces, &d)
	if err != nil && (!c.mayBreak(p) || !brokeOff(err)) {
		c.s.violate(p.id, "the origin can't answer: %v", err)
	}
	return err == nil
}

// end ends the connection by a plan's word. It is false.
func (c *session) end(how ending) bool {
	if how == endsReset {
		reset(c.conn)
		return false
	}
	return c.endHalf(0)
}

// endHalf ends the origin's half, and reads to the front's end. What comes is marked. It is false.
func (c *session) endHalf(m mark) bool {
	if c.conn.CloseWrite() != nil {
		return false
	}
	if m != 0 {
		if c.h.read(c.r) == nil && c.h.id < uint64(len(c.s.ledger)) {
			c.s.ledger.mark(c.h.id, m)
		}
	}
	_, _ = io.Copy(io.Discard, c.r)
	return false
}

// hang sends nothing, or a part of a head, and waits for the front's end.
func (c *session) hang(p *plan) bool {
	if p.origin.at%3 == 0 {
		const beginning = "HTTP/1.1 200 OK\r\n" + fieldID + ": "
		_, _ = c.conn.Write([]byte(beginning)[:part(p.origin.at, len(beginning))])
	}
	if err := c.r.end(); err != nil && !brokeOff(err) {
		c.s.violate(p.id, "behind a request without an answer: %v", err)
	}
	return false
}

// answerEarly answers before the body has been read.
func (c *session) answerEarly(p *plan) bool {
	if !c.answer(p, 0) {
		return false
	}
	switch p.early {
	case earlyAbandons:
		return false // The close that follows resets, if there is a body.
	case earlyCloses:
		return c.endHalf(0)
	}
	// An answer that ends with the connection must not wait for a body that may never come.
	if p.replyClose && c.conn.CloseWrite() != nil {
		return false
	}
	_, ok := c.readBody(p)
	return ok && !p.replyClose
}

// answer sends the answer, or what the origin makes of it. received is how much of the body came.
func (c *session) answer(p *plan, received int) bool {
	c.out = c.s.appendAnswer(c.out[:0], p, received)
	switch p.origin.kind {
	case originGarbles:
		c.out = append(c.out[:0], "HTTP/1.1 20"...)
		c.out = append(strconv.AppendUint(c.out, p.id, 10), "\x00\r\n\r\n"...)
	case originDoubles: // A whole answer to nobody.
		c.out = append(c.out, "HTTP/1.1 200 OK\r\n"+fieldID+": 0\r\nContent-Length: 0\r\n\r\n"...)
	case originCuts:
		_ = c.send(c.out[:part(p.origin.at, len(c.out))], p)
		return c.end(p.origin.end)
	}
	if !c.send(c.out, p) {
		return false
	}
	if p.replyClose && p.early == earlyNot {
		return c.endHalf(0)
	}
	return true
}

// appendAnswer appends the interim answers and the answer.
func (s *script) appendAnswer(dst []byte, p *plan, received int) []byte {
	for range p.interims {
		dst = append(dst, "HTTP/1.1 103 Early Hints\r\n"+fieldID+": "...)
		dst = append(strconv.AppendUint(dst, p.id, 10), "\r\n\r\n"...)
	}
	if p.reply10 {
		dst = append(dst, "HTTP/1.0 "...)
	} else {
		dst = append(dst, "HTTP/1.1 "...)
	}
	dst = strconv.AppendInt(dst, int64(p.status), 10)
	dst = append(dst, " Soaked\r\nX-Ballast-Error: forged\r\n"...) // The front must not let that through.
	dst = p.appendFields(dst, &p.reply)
	dst = append(dst, fieldReceived+": "...)
	dst = append(strconv.AppendInt(dst, int64(received), 10), "\r\n"...)
	dst = s.appendFiller(dst, p.id, sideAnswer, &p.reply)
	if p.replyClose && !p.reply10 {
		dst = append(dst, "Connection: close\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	if p.bodiless() {
		return dst
	}
	d := newDice(s.seed, p.id, streamAnswer)
	return s.appendBody(dst, p, sideAnswer, &p.reply, &d)
}
