package front

import (
	"errors"
	"io"
	"time"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/http1"
)

const (
	// spliceMin is how much must be left for the copying to be left to the kernel.
	spliceMin = 64 << 10
	firstStep = 128 << 10
	maxStep   = 1 << 20
	// slowStart is how much of a request's body is copied before, for who sends it may be slow.
	slowStart = 64 << 10
	slowStep  = 2 * time.Second
	fastStep  = 250 * time.Millisecond
)

// stepper says how much to leave to the kernel at once. It tells nothing of its progress, so that a step
// must not take as long as a pause may.
type stepper struct {
	after int64 // What is copied first.
	step  int64
	slow  bool
}

// next is the length of the next step; 0 if it is better to copy.
func (s *stepper) next(rest int64) int64 {
	if s.slow || s.after > 0 || rest <= spliceMin {
		return 0
	}
	if s.step == 0 {
		s.step = firstStep
	}
	return min(rest, s.step)
}

func (s *stepper) took(n int64, d time.Duration) {
	s.after -= n
	switch {
	case d > slowStep:
		s.slow = true
	case d < fastStep && s.step > 0:
		s.step = min(2*s.step, maxStep)
	}
}

// write writes to the client.
func (c *client) write(b []byte) proxy.Cause {
	if !c.enter(phaseWrite) {
		return c.reason.cause()
	}
	if c.put(b) == nil {
		return proxy.CauseNone
	}
	if !c.enter(phaseWrite) {
		return c.reason.cause()
	}
	return proxy.CauseClientGone
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

// pull reads more of an answer. ended says that the backend closed the connection in good order.
func (c *client) pull() (ended bool, cause proxy.Cause) {
	if !c.enter(phaseRead) {
		return false, c.reason.cause()
	}
	l := c.link.Load()
	n, err := c.work.back.fill(l.conn, 2*backSize)
	if n > 0 {
		return false, proxy.CauseNone
	}
	if !c.enter(phaseRead) {
		return false, c.reason.cause()
	}
	if cause := c.pumpCause(err); cause != proxy.CauseNone {
		return false, cause
	}
	if errors.Is(err, io.EOF) {
		return true, proxy.CauseNone
	}
	return false, proxy.CauseTruncated
}

// passLength passes on an answer of n bytes.
func (c *client) passLength(n int64) proxy.Cause {
	w := c.work
	var steps stepper
	for {
		have := min(n, int64(w.back.w-w.back.r))
		w.out = append(w.out, w.back.b[w.back.r:w.back.r+int(have)]...)
		w.back.r += int(have)
		if cause := c.flush(); cause != proxy.CauseNone {
			return cause
		}
		n -= have
		for c.tcp != nil && c.link.Load().tcp != nil {
			step := steps.next(n)
			if step == 0 {
				break
			}
			began := time.Now()
			if cause := c.splice(step); cause != proxy.CauseNone {
				return cause
			}
			n -= step
			steps.took(step, time.Since(began))
		}
		if n == 0 {
			return proxy.CauseNone
		}
		switch ended, cause := c.pull(); {
		case ended:
			return proxy.CauseTruncated
		case cause != proxy.CauseNone:
			return cause
		}
	}
}

// splice passes n bytes on without looking at them.
func (c *client) splice(n int64) proxy.Cause {
	if !c.enter(phaseSplice) {
		return c.reason.cause()
	}
	w, l := c.work, c.link.Load()
	w.limited = io.LimitedReader{R: l.tcp, N: n}
	sent, err := c.tcp.ReadFrom(&w.limited)
	w.limited.R = nil
	if !c.enter(phaseRead) {
		return c.reason.cause()
	}
	if sent == n {
		return proxy.CauseNone
	}
	if cause := c.pumpCause(err); cause != proxy.CauseNone {
		return cause
	}
	if err == nil || l.peek() == peekEnd {
		return proxy.CauseTruncated
	}
	return proxy.CauseClientGone
}

// passChunks passes on a chunked answer; bare without its framing.
func (c *client) passChunks(bare bool) proxy.Cause {
	w := c.work
	w.returned.Reset()
	for {
		out, n, bad := appendChunks(w.out, &w.returned, w.back.bytes(), bare)
		w.out = out
		w.back.r += n
		if cause := c.flush(); cause != proxy.CauseNone {
			return cause
		}
		switch {
		case bad != nil:
			return proxy.CauseTruncated
		case w.returned.Done():
			return proxy.CauseNone
		}
		switch ended, cause := c.pull(); {
		case ended:
			return proxy.CauseTruncated
		case cause != proxy.CauseNone:
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
		w.back.r = w.back.w
		if cause := c.flush(); cause != proxy.CauseNone {
			return cause
		}
		ended, cause := c.pull()
		switch {
		case cause != proxy.CauseNone:
			return cause
		case ended && !bare:
			w.out = http1.AppendLastChunk(w.out, nil)
			return c.flush()
		case ended:
			return proxy.CauseNone
		}
	}
}
