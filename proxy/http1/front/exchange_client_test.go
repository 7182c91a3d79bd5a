package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// heard is what came for one request.
type heard struct {
	message
	status   int
	interims []int
	last     bool   // It says that the connection ends.
	tunnel   []byte // What came after the protocol was switched.
	late     bool   // It was waited for in vain.
}

// progress is how much of a request was sent.
type progress uint8

const (
	sentNothing progress = iota
	sentPart             // Of its head,
	sentHead             // and of what follows it.
	sentAll
	sentInVain // It could not be sent on: the connection had ended.
)

// talker plays the client of a script.
type talker struct {
	script *script
	conn   halfConn
	drain  func()        // Begins to drain the front.
	busy   func() int    // How many requests the front has in flight.
	stuck  time.Duration // Longer than anything takes that ends at all.

	left     int // How much may be sent until the client leaves.
	sent     []progress
	withheld bool     // It kept a body to itself, for it was answered without.
	through  int      // How much it sent when the protocol was switched.
	hears    []*heard // One for each request; the first listened were waited for.
	listened int
	finals   []atomic.Int32 // The statuses of the answers that count, as soon as they are known.
	leftBusy int            // What was in flight when it had read nothing for long.
	rest     []byte         // What came when nothing was due any more,
	restErr  error          // and how that ended.

	// These are closed by who reads: when a request may be sent on, and when it was answered.
	goOn, done []chan struct{}
	written    chan struct{} // Closed by who writes when nothing more will come.
}

// talk plays the client to its end.
func (c *talker) talk() {
	n := len(c.script.asks)
	c.sent = make([]progress, n)
	c.written, c.finals = make(chan struct{}), make([]atomic.Int32, n)
	for range n {
		c.hears = append(c.hears, &heard{})
		c.goOn, c.done = append(c.goOn, make(chan struct{})), append(c.done, make(chan struct{}))
	}
	if c.left = 1 << 30; c.script.end != endNone && c.script.end != endDeaf {
		c.left = c.script.endAt
	}
	var wg sync.WaitGroup
	wg.Go(c.listen)
	for i, a := range c.script.asks {
		if !c.ask(i, a) {
			break
		}
	}
	close(c.written)
	wg.Wait()
	c.conn.Close()
}

// ask sends one request. It says whether another may follow.
func (c *talker) ask(i int, a *ask) bool {
	if i > 0 && !a.pipelined {
		<-c.done[i-1]
	}
	time.Sleep(a.pause)
	if !c.send(i, a.head, sentPart, c.script.pace) {
		return false
	}
	c.sent[i] = sentHead
	if a.waits {
		limit := time.NewTimer(c.stuck / 300)
		defer limit.Stop()
		select {
		case <-limit.C:
		case <-c.goOn[i]:
		}
		if c.finals[i].Load() != 0 {
			c.withheld = true
			<-c.done[i] // Until then, an end of the request would be one of the answer too.
			c.conn.CloseWrite()
			return false
		}
	}
	if !c.send(i, a.tail, sentHead, pace{sizes: c.script.pace.sizes}) {
		return false
	}
	c.sent[i] = sentAll
	if prior := max(0, i-1); a.early != nil || a.upgrade && i == len(c.script.asks)-1 {
		if a.early == nil {
			prior = i
		}
		return c.switched(prior)
	}
	return true
}

// switched goes on after an upgrade.
func (c *talker) switched(i int) bool {
	<-c.goOn[i]
	if c.finals[i].Load() != 101 {
		return true
	}
	a := c.script.asks[i]
	c.through, _ = c.conn.Write(a.tunnelled)
	if a.tunnelEnd == endClose {
		c.conn.Close()
	} else {
		c.conn.CloseWrite()
	}
	return false
}

// send sends bytes until the client is to leave.
func (c *talker) send(i int, b []byte, begun progress, p pace) bool {
	for nth, done := 0, 0; done < len(b); nth++ {
		time.Sleep(p.pause(nth))
		n, err := c.conn.Write(b[done:min(len(b), done+p.size(nth, done), done+c.left)])
		if n > 0 {
			c.sent[i] = begun
		}
		done += n
		c.left -= n
		if err != nil {
			c.sent[i] = sentInVain
			return false
		}
		if c.left == 0 {
			if done == len(b) && begun == sentHead {
				c.sent[i] = sentAll
			} else if done == len(b) {
				c.sent[i] = sentHead
				if len(c.script.asks[i].tail) == 0 {
					c.sent[i] = sentAll
				}
			}
			c.leave()
			return false
		}
	}
	return true
}

func (c *talker) leave() {
	switch c.script.end {
	case endHalf:
		c.conn.CloseWrite()
	case endClose:
		c.conn.Close()
	case endReset:
		c.conn.Reset()
	}
}

// deaf reads so many bytes and then waits, longer than anyone should wait for it.
type deaf struct {
	io.Reader
	left int
	wait time.Duration
}

var errDeaf = errors.New("the client reads no more")

func (d *deaf) Read(b []byte) (int, error) {
	if d.left == 0 {
		time.Sleep(d.wait)
		return 0, errDeaf
	}
	n, err := d.Reader.Read(b[:min(len(b), d.left)])
	d.left -= n
	return n, err
}

// listen reads the answers, and then what may come behind them, which is nothing.
func (c *talker) listen() {
	in := io.Reader(c.conn)
	if c.script.end == endDeaf {
		in = &deaf{Reader: in, left: c.script.endAt, wait: c.stuck}
	}
	r := bufio.NewReader(in)
	ended := false
	for i, a := range c.script.asks {
		if ended {
			break
		}
		if i == c.script.drainAfter {
			c.drain()
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(c.stuck))
		h := c.hears[i]
		c.listened++
		c.hear(r, h, a, i)
		signal(c.goOn[i])
		signal(c.done[i])
		ended = !h.whole || h.last || h.status == 101
	}
	for i := range c.done {
		signal(c.goOn[i])
		signal(c.done[i])
	}
	if !ended {
		<-c.written
		c.conn.CloseWrite()
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.stuck))
	c.rest, c.restErr = io.ReadAll(r)
	if c.script.end == endDeaf {
		c.leftBusy = c.busy()
	}
	c.conn.Close()
}

func (c *talker) late(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// signal closes a channel, unless it was closed before.
func signal(ch chan struct{}) {
	select {
	case <-ch:
	default:
		close(ch)
	}
}

// hear reads one answer, with those before it.
func (c *talker) hear(r *bufio.Reader, h *heard, a *ask, i int) {
	defer func() { h.late = c.late(h.err) }()
	for {
		h.readHead(r)
		if !h.headed {
			return
		}
		words := strings.SplitN(h.start, " ", 3)
		h.status, _ = strconv.Atoi(words[min(1, len(words)-1)])
		if words[0] != "HTTP/1.1" || h.status < 100 {
			h.err = fmt.Errorf("%w status line %q", errStrict, h.start)
			h.headed = false
			return
		}
		if h.status >= 200 || h.status == 101 {
			break
		}
		h.interims = append(h.interims, h.status)
		if h.status == 100 && a.expects {
			signal(c.goOn[i])
		}
		if x := h.value("x-interim"); x != strconv.Itoa(a.id) {
			h.interims = append(h.interims, -1) // It is not from there.
		}
	}
	c.finals[i].Store(int32(h.status))
	signal(c.goOn[i])
	connection := strings.ToLower(h.value("connection"))
	h.last = connection == "close" || a.http10 && connection != "keep-alive"
	switch {
	case h.status == 101:
		h.tunnel, h.err = io.ReadAll(r)
		h.whole = h.err == nil
	case a.method == "HEAD" || h.status == 204 || h.status == 304:
		h.whole = true
	default:
		h.readBody(r, h.last)
	}
}
