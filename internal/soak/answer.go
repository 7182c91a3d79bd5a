package main

import (
	"bytes"
	"fmt"
)

// outcomeKind is how a request ended for its client.
type outcomeKind uint8

const (
	outcomeWhole  outcomeKind = iota // The origin's answer, byte for byte.
	outcomeError                     // An answer of the front's own.
	outcomeBroken                    // The connection ended before the answer did.
	outcomeLeft                      // The client did not wait.
	outcomeUnsent                    // A request before it ended the connection.
	outcomeWrong                     // What must not be.
)

// outcome is what came of a request.
type outcome struct {
	kind   outcomeKind
	status int
	slug   string
	err    error
	// open says that the connection can be used for the next request.
	open bool
	// begun says that some of the answer came, headed that its head did.
	begun, headed bool
	// behind is the request that was answered before it on its connection, 0 if it was the first.
	behind uint64
}

func broken(err error) outcome {
	if brokeOff(err) {
		return outcome{kind: outcomeBroken, err: err}
	}
	return outcome{kind: outcomeWrong, err: err}
}

// answer reads the answer to a request. waits says that the client waits for a 100 before it sends the body.
func (c *client) answer(o *order, waits bool) outcome {
	p := &o.plan
	interims, continued := 0, false
	for {
		err := c.h.read(c.r)
		if err == nil {
			err = c.h.statusLine()
		}
		if err != nil {
			out := broken(err)
			out.begun = c.h.begun || interims > 0
			out.behind = c.before
			return out
		}
		if c.h.status >= 200 {
			break
		}
		if err := c.interim(p, &interims, &continued); err != nil {
			return outcome{kind: outcomeWrong, err: err}
		}
		if c.h.status == 100 && waits {
			if c.resume(o); c.conn == nil {
				return outcome{kind: outcomeLeft}
			}
		}
	}
	if len(c.h.slug) > 0 {
		return c.ownAnswer(p)
	}
	if interims != p.interimsSeen() {
		return outcome{kind: outcomeWrong, err: violated("%d interim answers, want %d", interims, p.interimsSeen())}
	}
	return c.originAnswer(p)
}

// interim checks an answer that another one follows.
func (c *client) interim(p *plan, interims *int, continued *bool) error {
	switch {
	case p.http10:
		return violated("%d for a client of HTTP/1.0", c.h.status)
	case c.h.status == 100 && p.expect && p.early == earlyNot && !*continued:
		*continued = true
		return nil
	case c.h.status != 103 || c.h.id != p.id:
		return violated("interim answer %q to request %d", excerpt(c.h.line), c.h.id)
	}
	*interims++
	return nil
}

func (p *plan) interimsSeen() int {
	if p.http10 {
		return 0
	}
	return p.interims
}

// ownAnswer reads an answer of the front's own.
func (c *client) ownAnswer(p *plan) outcome {
	h := &c.h
	out := outcome{kind: outcomeError, status: h.status, slug: string(h.slug), begun: true, headed: true, open: !h.close && !p.http10}
	if !h.problem || h.length <= 0 || h.length > 4<<10 || h.chunked {
		return outcome{kind: outcomeWrong, err: violated("answer %q, problem %t, length %d", excerpt(h.line), h.problem, h.length)}
	}
	if p.method != "HEAD" || p.client.kind == clientSmuggles {
		b, err := c.r.Peek(int(h.length))
		if err != nil {
			return broken(notEnd(err))
		}
		want := fmt.Sprintf(`{"type":"urn:ballast:error:%s",`, h.slug)
		if !bytes.HasPrefix(b, []byte(want)) || b[len(b)-1] != '}' {
			return outcome{kind: outcomeWrong, err: violated("problem %q", excerpt(b))}
		}
		_, _ = c.r.Discard(len(b)) // They are there.
	}
	if !out.open && p.client.kind != clientGarbles {
		if err := c.r.end(); err != nil && !brokeOff(err) {
			return outcome{kind: outcomeWrong, err: err}
		}
	}
	return out
}

// originAnswer compares an answer with the origin's.
func (c *client) originAnswer(p *plan) outcome {
	if err := c.checkHead(p); err != nil {
		return outcome{kind: outcomeWrong, err: err}
	}
	h := &c.h
	out := outcome{kind: outcomeWhole, status: h.status, begun: true, headed: true}
	want := c.s.content.body(p.id, sideAnswer, p.reply.size)
	if p.bodiless() {
		want = nil
	}
	limit := len(want)
	if p.client.kind == clientLeaves {
		limit = part(p.client.at, limit)
	}
	trailer := ""
	if !p.http10 {
		trailer = p.trailer(&p.reply)
	}
	f := p.delivered()
	if p.bodiless() {
		f = framedNot
	}
	if n, err := c.r.body(f, want, limit, trailer); err != nil {
		out = broken(notEnd(err))
		out.begun, out.headed = true, true
		if out.kind == outcomeWrong {
			out.err = violated("%d of %d bytes, and then: %v", n, len(want), err)
		}
		return out
	}
	if p.client.kind == clientLeaves {
		return outcome{kind: outcomeLeft}
	}
	out.open = c.stays(p)
	if !out.open && p.early == earlyNot && p.client.kind == clientFine && f != framedEnd {
		if err := c.r.end(); err != nil {
			return outcome{kind: outcomeWrong, err: violated("behind the last answer: %v", err)}
		}
	}
	return out
}

// checkHead compares an answer's head with the origin's.
func (c *client) checkHead(p *plan) error {
	h := &c.h
	received := int64(p.send.size)
	if p.early != earlyNot {
		received = 0
	}
	length := int64(-1)
	if p.delivered() == framedLength {
		length = int64(p.reply.size)
	}
	switch {
	case h.id != p.id:
		return violated("the answer to request %d: %q", h.id, excerpt(h.line))
	case h.status != p.status || h.received != received:
		return violated("status %d, %d bytes received, want %d and %d", h.status, h.received, p.status, received)
	case h.length != length || h.chunked != (p.delivered() == framedChunks):
		return violated("length %d, chunked %t, want %d and %t", h.length, h.chunked, length, p.delivered() == framedChunks)
	case !bytes.Equal(h.filler, c.s.content.filler(p.id, sideAnswer, p.reply.fill)):
		return violated("the filler is %q", excerpt(h.filler))
	case p.early != earlyNot || p.client.kind != clientFine: // Either may be right.
		return nil
	case h.close == p.stays() && !p.http10 || h.keep != p.stays() && p.http10:
		return violated("close %t, keep-alive %t, want it to stay: %t", h.close, h.keep, p.stays())
	}
	return nil
}

// stays says whether the front must keep the client's connection after the answer.
func (p *plan) stays() bool { return p.keep && (p.delivered() != framedEnd || p.bodiless()) }

// stays says whether the client goes on with its connection. It can't know what becomes of one whose request was
// answered early, unless all of that was read.
func (c *client) stays(p *plan) bool {
	if p.early != earlyNot && (p.early != earlyReads || p.expect) || p.client.kind != clientFine {
		return false
	}
	return p.stays() && !c.h.close
}
