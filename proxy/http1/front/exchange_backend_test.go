package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// halfConn is a connection that can end in one direction only, and be reset.
type halfConn interface {
	net.Conn
	CloseWrite() error
	Reset()
}

// receipt is a request that a backend has read.
type receipt struct {
	message
	id     int
	kept   bool   // It was not the first on its connection.
	tunnel []byte // What came after the protocol was switched.
	played bool   // All that the reply says was done.
}

// cast plays the backends of a script, and notes what they get.
type cast struct {
	script *script
	wg     sync.WaitGroup

	mu       sync.Mutex
	receipts []*receipt // All of these are guarded by mu.
	strange  []string   // What must not have come.
	dropped  int        // How many connections were closed with something in them.
}

func (c *cast) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strange = append(c.strange, fmt.Sprintf(format, args...))
}

// serve plays a backend on one connection, to its end.
func (c *cast) serve(conn halfConn) {
	defer c.close(conn)
	r := bufio.NewReader(conn)
	for nth := 0; ; nth++ {
		got := &receipt{kept: nth > 0}
		got.readHead(r)
		if !got.headed {
			if errors.Is(got.err, errStrict) || got.start != "" && c.script.end == endNone {
				c.note("a backend read %q, %v", got.start, got.err)
			}
			return
		}
		a, first := c.received(got)
		if a == nil || !c.play(conn, r, got, a, first) || !c.stays(conn, r, &a.reply) {
			return
		}
	}
}

// close closes a connection, and notes whether there was something in it that nobody will read.
func (c *cast) close(conn halfConn) {
	conn.Close()
	if d, ok := conn.(interface{ Dropped() int }); ok && d.Dropped() > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dropped++
	}
}

// received finds out which request it is. It says whether it is the first of its number.
func (c *cast) received(got *receipt) (a *ask, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	words := strings.Split(got.start, " ")
	digits, _, _ := strings.Cut(strings.TrimPrefix(words[min(1, len(words)-1)], "/"), "?")
	digits, _, _ = strings.Cut(digits, "/")
	id, err := strconv.Atoi(digits)
	if err != nil || id < 0 || id >= len(c.script.asks) || len(words) != 3 {
		c.strange = append(c.strange, fmt.Sprintf("a backend got %q", got.start))
		return nil, false
	}
	got.id, first = id, true
	for _, other := range c.receipts {
		first = first && other.id != id
	}
	c.receipts = append(c.receipts, got)
	return c.script.asks[id], first
}

// play answers a request. It says whether the connection goes on.
func (c *cast) play(conn halfConn, r *bufio.Reader, got *receipt, a *ask, first bool) bool {
	p := a.reply
	if p.once && !first {
		p.fault = faultNone
	}
	switch {
	case a.expects && !c.interims(conn, a):
		return false
	case !p.hasty && !c.read(r, got):
		return false
	case !a.expects && !c.interims(conn, a):
		return false
	}
	time.Sleep(p.pause)
	switch p.fault {
	case faultQuit:
		return false
	case faultReset:
		conn.Reset()
		return false
	case faultMute:
		_, _ = io.Copy(io.Discard, r)
		return false
	}
	return c.answer(conn, r, got, &p)
}

// interims sends the answers that come before the one that counts.
func (c *cast) interims(conn halfConn, a *ask) bool {
	for _, status := range a.reply.interims {
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 %d Wait\r\nX-Interim: %d\r\nConnection: x\r\n\r\n", status, a.id); err != nil {
			return false
		}
	}
	return true
}

// read reads the rest of a request.
func (c *cast) read(r *bufio.Reader, got *receipt) bool {
	got.readBody(r, false)
	if errors.Is(got.err, errStrict) {
		c.note("request %d has %v", got.id, got.err)
	}
	return got.whole
}

func (c *cast) answer(conn halfConn, r *bufio.Reader, got *receipt, p *reply) bool {
	out := append(append([]byte(nil), p.head...), p.tail...)
	switch p.fault {
	case faultHead:
		out = out[:p.at]
	case faultCut, faultStall:
		out = out[:len(p.head)+p.at]
	}
	if p.status == 101 && p.fault != faultBad && p.fault != faultHead {
		return c.tunnel(conn, r, got, append(out, p.body...))
	}
	if !paced(conn, out, p.pace) {
		return false
	}
	switch p.fault {
	case faultHead, faultCut:
		return false
	case faultStall:
		_, _ = io.Copy(io.Discard, r)
		return false
	}
	got.played = true
	if p.hasty && (p.rude || !c.read(r, got)) {
		return false
	}
	return !p.closes && p.fault != faultBad && p.fault != faultChunk
}

// tunnel echoes.
func (c *cast) tunnel(conn halfConn, r *bufio.Reader, got *receipt, out []byte) bool {
	got.whole = true
	if _, err := conn.Write(out); err != nil {
		return false
	}
	b := make([]byte, 4096)
	for {
		n, err := r.Read(b)
		got.tunnel = append(got.tunnel, b[:n]...)
		if n > 0 {
			if _, err := conn.Write(b[:n]); err != nil {
				return false
			}
		}
		if err != nil {
			got.played = errors.Is(err, io.EOF)
			return false
		}
	}
}

// stays waits for the next request, unless the backend closes without a word before.
func (c *cast) stays(conn halfConn, r *bufio.Reader, p *reply) bool {
	if !p.quits {
		return true
	}
	_ = conn.SetReadDeadline(time.Now().Add(p.idle))
	if _, err := r.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		_ = conn.SetReadDeadline(time.Time{})
		return err == nil
	}
	return false
}

// paced writes in pieces, with pauses.
func paced(w io.Writer, out []byte, p pace) bool {
	for nth, done := 0, 0; done < len(out); nth++ {
		time.Sleep(p.pause(nth))
		n, err := w.Write(out[done:min(len(out), done+p.size(nth, done))])
		if done += n; err != nil {
			return false
		}
	}
	return true
}
