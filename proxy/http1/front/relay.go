package front

import (
	"errors"
	"io"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

// spliceMin is how much must be left for it to be moved inside the kernel.
const spliceMin = 64 << 10

// write writes to the client.
func (c *client) write(b []byte) proxy.Cause {
	if !c.enter(phaseWrite) {
		return c.reason.cause()
	}
	began := c.f.clock.Load()
	err := c.put(b)
	c.noteLate(began)
	if err == nil {
		return proxy.CauseNone
	}
	return c.unwritten()
}

// unwritten says why the client did not take what was written.
func (c *client) unwritten() proxy.Cause {
	if c.enter(phaseWrite) {
		c.reason = reasonGone
	}
	return c.reason.cause()
}

// flush writes what has been printed.
func (c *client) flush() proxy.Cause {
	w := c.work
	cause := proxy.CauseNone
	if len(w.out) > 0 {
		cause = c.write(w.out)
		w.out = w.out[:0]
	}
	return cause
}

// bound comes before more of an answer than stood behind its head is written. A client that does not read would else have the
// kernel hold megabytes of it (tcp_wmem), and a few hundred of those as much as there may be of all connections
// (tcp_mem): then segments are thrown away, of anybody's. It can't be set on the listening socket, for subflows of
// MPTCP, which Go listens for, don't inherit it.
func (c *client) bound() {
	if !c.bounded && c.raw != nil {
		c.bounded = true
		_ = c.raw.Control(boundFD)
	}
}

// pull reads more of an answer. ended says that the backend closed the connection in good order, which is
// CauseTruncated for who waits for more.
func (c *client) pull() (ended bool, cause proxy.Cause) {
	if !c.enter(phaseRead) || c.abandoned() {
		return false, c.reason.cause()
	}
	c.bound()
	l := c.link.Load()
	n, err := c.work.back.fill(l.conn, 2*backSize)
	if n > 0 {
		return false, proxy.CauseNone
	}
	cause = c.broken(err)
	return cause == proxy.CauseTruncated && errors.Is(err, io.EOF), c.excuse(cause)
}

// excuse is the cause for which an answer breaks off that was found to be truncated: a backend that has waited long for
// the client may well be tired of it.
func (c *client) excuse(cause proxy.Cause) proxy.Cause {
	if cause == proxy.CauseTruncated && c.waitedFor() {
		return proxy.CauseClientGone
	}
	return cause
}

// broken says why no more of an answer can be read.
func (c *client) broken(err error) proxy.Cause {
	if !c.enter(phaseRead) {
		return c.reason.cause()
	}
	if cause := c.pumpCause(err); cause != proxy.CauseNone {
		return cause
	}
	return proxy.CauseTruncated
}

// passLength passes on an answer of n bytes.
func (c *client) passLength(n int64) proxy.Cause {
	w := c.work
	for {
		have := min(n, int64(w.back.w-w.back.r))
		w.out = append(w.out, w.back.b[w.back.r:w.back.r+int(have)]...)
		w.back.r += int(have)
		if cause := c.flush(); cause != proxy.CauseNone {
			return cause
		}
		n -= have
		w.sent += have
		if n > spliceMin {
			moved, cause := c.splice(n)
			if cause != proxy.CauseNone {
				return cause
			}
			n -= moved
		}
		if n == 0 {
			return proxy.CauseNone
		}
		if _, cause := c.pull(); cause != proxy.CauseNone {
			return cause
		}
	}
}

// splice passes n bytes on without looking at them. If that can't be done it does nothing.
func (c *client) splice(n int64) (moved int64, cause proxy.Cause) {
	l := c.link.Load()
	if c.raw == nil || c.secure || l.raw == nil {
		return 0, proxy.CauseNone
	}
	p := takePipe()
	if p == nil {
		return 0, proxy.CauseNone
	}
	defer p.give()
	c.bound()
	for left := n; left > 0; {
		if !c.enter(phaseRead) || c.abandoned() {
			return 0, c.reason.cause()
		}
		got, err := p.from(l.raw, left)
		if got == 0 {
			return 0, c.excuse(c.broken(err))
		}
		left -= int64(got)
		for p.held > 0 {
			if !c.enter(phaseWrite) {
				return 0, c.reason.cause()
			}
			held, began := p.held, c.f.clock.Load()
			err := p.to(c.raw, left > 0 && got >= spliceMin)
			c.noteLate(began)
			if err != nil {
				return 0, c.unwritten()
			}
			c.work.sent += int64(held - p.held)
		}
	}
	return n, proxy.CauseNone
}

// passChunks passes on a chunked answer; bare without its framing.
func (c *client) passChunks(bare bool) proxy.Cause {
	w := c.work
	w.returned.Reset()
	for {
		out, n, bad := appendChunks(w.out, &w.returned, w.back.bytes(), bare)
		w.out = out
		w.back.r += n
		w.sent = w.returned.Content()
		if cause := c.flush(); cause != proxy.CauseNone {
			return cause
		}
		switch {
		case bad != nil:
			return proxy.CauseTruncated
		case w.returned.Done():
			return proxy.CauseNone
		}
		if _, cause := c.pull(); cause != proxy.CauseNone {
			return cause
		}
	}
}

// passToEnd passes on an answer that ends with its connection; bare without framing.
func (c *client) passToEnd(bare bool) proxy.Cause {
	w := c.work
	for {
		if bare {
			w.out = append(w.out, w.back.bytes()...)
		} else {
			w.out = http1.AppendChunk(w.out, w.back.bytes())
		}
		w.sent += int64(w.back.w - w.back.r)
		w.back.r = w.back.w
		if cause := c.flush(); cause != proxy.CauseNone {
			return cause
		}
		switch ended, cause := c.pull(); {
		case ended && c.bodyRefused():
			return proxy.CauseTruncated
		case ended && bare:
			return proxy.CauseNone
		case ended:
			w.out = http1.AppendLastChunk(w.out, nil)
			return c.flush()
		case cause != proxy.CauseNone:
			return cause
		}
	}
}
