package main

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	// maxBurst is how many requests a client sends before it reads their answers.
	maxBurst = 8
	// inline is how much is written before anything is read: sockets hold it whatever the other side does.
	inline = 32 << 10
	// patience is how long anything may take. Only what hangs takes that long, at the front answerLimit.
	patience    = time.Minute
	answerLimit = 10 * time.Second
	drainLimit  = 30 * time.Second
)

// order is a request that is being made: its bytes are out[from:end], of which its head ends at head.
type order struct {
	plan            plan
	from, head, end int
}

// client makes requests on a connection of its own, and on another one when that has ended. It belongs to one
// goroutine.
type client struct {
	s     *soak
	conn  *net.TCPConn // nil if there is none.
	r     reader
	h     head
	out   []byte
	burst []order
	// held was drawn for a burst that it can't be in.
	held *plan
	// before is the last request that was answered on the connection, 0 if there was none.
	before uint64
	// patientTo is the deadline that is set.
	patientTo time.Time
	writing   sync.WaitGroup
}

// run makes requests until there are no more.
func (c *client) run(ctx context.Context) {
	defer c.hangUp(endsClosed)
	for !c.s.stopped.Load() && c.collect() {
		if err := c.connect(ctx); err != nil {
			c.s.fail("a client can't connect: %v", err)
			return
		}
		c.converse()
	}
}

// collect composes what is sent at once.
func (c *client) collect() bool {
	c.burst, c.out = c.burst[:0], c.out[:0]
	for len(c.burst) < maxBurst && len(c.out) < inline/2 {
		p, ok := c.take()
		if !ok {
			break
		}
		if p.alone() && len(c.burst) > 0 {
			c.held = &p
			break
		}
		o := order{plan: p, from: len(c.out)}
		c.out, o.head, o.end = c.s.appendRequest(c.out, &p)
		c.burst = append(c.burst, o)
		if p.last() || !p.follows {
			break
		}
	}
	return len(c.burst) > 0
}

func (c *client) take() (p plan, ok bool) {
	if c.held != nil {
		p, c.held = *c.held, nil
		return p, true
	}
	id := c.s.next.Add(1)
	if id >= uint64(len(c.s.ledger)) {
		return p, false
	}
	return newPlan(c.s.seed, id), true
}

func (c *client) connect(ctx context.Context) error {
	now := time.Now()
	if c.conn == nil {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", c.s.front)
		if err != nil {
			return err
		}
		c.conn, c.before, c.patientTo = conn.(*net.TCPConn), 0, time.Time{}
		c.r.Reset(c.conn)
	}
	if c.patientTo.Sub(now) < c.s.patience { // Not each time, for it takes a while.
		c.patientTo = now.Add(2 * c.s.patience)
		return c.conn.SetDeadline(c.patientTo)
	}
	return nil
}

// hangUp ends the connection.
func (c *client) hangUp(how ending) {
	if c.conn == nil {
		return
	}
	if how == endsReset {
		_ = c.conn.SetLinger(0)
	}
	_ = c.conn.Close()
	c.writing.Wait()
	c.conn = nil
}

// converse sends the burst and reads its answers.
func (c *client) converse() {
	m := c.s.now()
	first := &c.burst[0]
	waits := first.plan.expect && !first.plan.eager && first.end >= first.head
	if waits {
		c.send(c.out[:first.head], &first.plan)
	} else {
		c.send(c.out[:c.burst[len(c.burst)-1].end], &first.plan)
	}
	if c.leave(first) {
		c.s.judge(&first.plan, outcome{kind: outcomeLeft}, m)
		return
	}
	open := true
	for i := range c.burst {
		o := &c.burst[i]
		if !open {
			c.s.judge(&o.plan, outcome{kind: outcomeUnsent}, m)
			continue
		}
		result := c.answer(o, waits)
		c.s.judge(&o.plan, result, m)
		if open = result.open; open {
			c.before = o.plan.id
		}
	}
	if !open {
		c.hangUp(c.burst[len(c.burst)-1].plan.client.end)
		return
	}
	c.writing.Wait()
}

// send writes, beside the reading if it is long. That it fails is for the answer to explain.
func (c *client) send(b []byte, p *plan) {
	d := newDice(c.s.seed, p.id, streamRequest)
	if len(b) <= inline {
		_ = write(c.conn, b, p.send.pieces, &d)
		return
	}
	conn := c.conn
	c.writing.Go(func() { _ = write(conn, b, p.send.pieces, &d) })
}

// leave ends a connection as planned, after a part of a request. It is true if nothing more can be read.
func (c *client) leave(o *order) bool {
	f := &o.plan.client
	if f.kind != clientCuts {
		return false
	}
	c.writing.Wait()
	if o.plan.expect && !o.plan.eager && o.end >= o.head {
		return false // The rest comes when it is asked for.
	}
	if f.end == endsHalf {
		_ = c.conn.CloseWrite()
		return false
	}
	c.hangUp(f.end)
	return true
}

// resume sends the body that a 100 was awaited for.
func (c *client) resume(o *order) {
	c.send(c.out[o.head:o.end], &o.plan)
	if o.plan.client.kind == clientCuts {
		c.writing.Wait()
		if o.plan.client.end == endsHalf {
			_ = c.conn.CloseWrite()
		} else {
			c.hangUp(o.plan.client.end)
		}
	}
}
