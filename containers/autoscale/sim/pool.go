package sim

import (
	"context"
	"math"
	"time"
)

// pool is one simulation: the requests, the replicas that serve them, and the policy that scales these.
type pool struct {
	c      *Config
	now    time.Duration
	end    time.Duration
	fleet  *fleet
	scaler scaler
	queue  queue
	// running are the requests that backends are serving, by when they end.
	running heap[execution]
	// turn is which of the serving replicas is asked next.
	turn int
	// nextLook is when the scaler looks by its own clock, extraLook when it asked to besides; never if 0.
	nextLook, extraLook time.Duration

	// Counters and integrals since the beginning.
	requests, served uint64
	service          float64
	executing        int
	// busy is of requests that are served, load of those that are held too, slots of what ready replicas could serve.
	busy, load, slots float64
	recent            recent
	tally             tally
}

// execution is a request that a replica is serving.
type execution struct {
	request request
	replica *replica
	began   time.Duration
}

// never is later than all that happens.
const never = time.Duration(math.MaxInt64)

// Run simulates a configuration. It returns early, with the context's error, only when that ends.
func Run(ctx context.Context, c Config) (*Result, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Policy != "ballast" {
		c.Warm = 0
	}
	p := &pool{c: &c, end: c.Trace.Duration(), scaler: policies[c.Policy](&c)}
	p.fleet = newFleet(&c, max(c.Min, 1), c.Warm)
	p.nextLook = p.scaler.every()
	p.tally.begin(&c)
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	return p.result(), nil
}

// run does one event after another until the trace is over and every request has ended.
func (p *pool) run(ctx context.Context) error {
	arrivals := newArrivals(p.c.Trace, p.c.Service, p.c.Seed)
	next, more := arrivals.next()
	for events := 0; more || p.now < p.end || p.queue.n > 0 || len(p.running) > 0; events++ {
		if events%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		arrives := p.end
		if more {
			arrives = next.arrived
		} else if p.now >= p.end {
			arrives = never
		}
		at, what := p.first(arrives)
		p.pass(at)
		switch what {
		case ends:
			p.finish(p.running.pop().what)
		case fleetMoment:
			if p.fleet.happen() {
				p.release()
			}
		case arrival:
			if more {
				p.arrive(next)
				next, more = arrivals.next()
			}
		case expiry:
			p.queue.pop()
			p.tally.fail(p.now)
		case look:
			p.look()
		}
	}
	return nil
}

// event is a kind of what happens; of several at the same moment the lowest goes first.
type event int

const (
	ends event = iota
	fleetMoment
	arrival
	expiry
	look
)

// first finds what happens next. An arrival after the last one is the end of the trace.
func (p *pool) first(arrives time.Duration) (at time.Duration, what event) {
	at, what = never, look
	soonest := func(t time.Duration, e event) {
		if t < at {
			at, what = t, e
		}
	}
	if len(p.running) > 0 {
		soonest(p.running[0].at, ends)
	}
	if len(p.fleet.moments) > 0 {
		soonest(p.fleet.moments[0].at, fleetMoment)
	}
	soonest(arrives, arrival)
	if p.queue.n > 0 {
		soonest(p.queue.first().arrived+p.c.QueueTimeout, expiry)
	}
	soonest(p.nextLook, look)
	if p.extraLook > 0 {
		soonest(p.extraLook, look)
	}
	return at, what
}

// pass lets the time go by until a moment.
func (p *pool) pass(at time.Duration) {
	d := (at - p.now).Seconds()
	p.busy += d * float64(p.executing)
	p.load += d * float64(p.executing+p.queue.n)
	p.slots += d * float64(len(p.fleet.serving)*p.c.Slots)
	p.tally.pass(p, at)
	p.now, p.fleet.now = at, at
}

func (p *pool) arrive(r request) {
	p.requests++
	p.tally.arrive(p)
	if b := p.free(); b != nil {
		p.begin(r, b)
		return
	}
	if p.c.QueueSize > 0 && p.queue.n >= p.c.QueueSize {
		p.tally.fail(p.now)
		return
	}
	p.queue.push(r)
	p.scaler.held(p)
}

// free is the next ready replica that has a free slot; nil if none has.
func (p *pool) free() *replica {
	serving := p.fleet.serving
	if p.queue.n > 0 || p.executing >= len(serving)*p.c.Slots && p.fleet.nDraining == 0 {
		return nil
	}
	for range serving {
		if p.turn++; p.turn >= len(serving) {
			p.turn = 0
		}
		if r := serving[p.turn]; r.inFlight < p.c.Slots {
			return r
		}
	}
	return nil
}

func (p *pool) begin(r request, b *replica) {
	b.inFlight++
	p.executing++
	p.running.push(p.now+r.service, execution{r, b, p.now})
}

func (p *pool) finish(e execution) {
	e.replica.inFlight--
	p.executing--
	p.served++
	p.service += e.request.service.Seconds()
	took := p.now - e.request.arrived
	p.recent.add(p.now, took)
	p.tally.finish(p.now, took, e)
	if e.replica.state == draining {
		p.fleet.drained(e.replica)
		return
	}
	if p.queue.n > 0 {
		p.begin(p.queue.pop(), e.replica)
	}
}

// release lets those begin that are held, as far as there are free slots.
func (p *pool) release() {
	for _, b := range p.fleet.serving {
		for p.queue.n > 0 && b.inFlight < p.c.Slots {
			p.begin(p.queue.pop(), b)
		}
	}
}

func (p *pool) look() {
	if p.extraLook > 0 && p.extraLook <= p.now {
		p.extraLook = 0
	}
	if p.nextLook <= p.now {
		p.nextLook = p.now + p.scaler.every()
	}
	p.scaler.look(p)
}

// lookAt makes the scaler look at a moment besides.
func (p *pool) lookAt(at time.Duration) {
	if p.extraLook == 0 {
		p.extraLook = at
	}
}

// bring scales the pool to n replicas.
func (p *pool) bring(n int, victims []string) {
	from := p.fleet.total()
	p.tally.bring(p, from, n)
	p.fleet.bring(n, victims)
	if n > from {
		p.release() // What was taken back serves at once.
	}
}
