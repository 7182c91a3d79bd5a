package sim

import "time"

const (
	// settled is how long no held request must have been late for a step to count as over.
	settled = 10 * time.Second
	// points is how many a Curve has.
	points = 600
)

// tally is what a run is judged by.
type tally struct {
	c      *Config
	failed uint64
	late   uint64
	// all are the response times.
	all histogram

	active, warm  float64
	peak          int
	actions       int
	flaps         int
	lastAction    time.Duration
	lastDirection int

	// stepsLeft are those that have not begun; step is the one that has.
	stepsLeft []time.Duration
	step      stepTally
	recovery  time.Duration
	first     time.Duration
	stepped   bool
	acted     bool
	// zeroSince is when a request came while nothing ran; never if none did.
	zeroSince time.Duration
	wake      time.Duration
	woke      bool

	curve Curve
	width time.Duration
	took  []histogram
}

// stepTally is one step of the demand.
type stepTally struct {
	began time.Duration
	// recovering until no held request was late for a while; lastLate is when the last one was.
	recovering bool
	lastLate   time.Duration
	// waits for an action since the first request, if one came.
	waits bool
	asked time.Duration
}

func (t *tally) begin(c *Config) {
	t.c = c
	t.stepsLeft = c.Trace.Steps
	t.zeroSince = never
	t.width = max(1, (c.Trace.Duration()+points-1)/points)
	n := int((c.Trace.Duration() + t.width - 1) / t.width)
	t.curve = Curve{Width: t.width.Seconds(), Demand: make([]float64, n), Capacity: make([]float64, n), P95: make([]float64, n), Held: make([]float64, n)}
	t.took = make([]histogram, n)
}

// bucket is which point of the curve a moment belongs to; what is after the trace belongs to its last.
func (t *tally) bucket(at time.Duration) int {
	return min(int(at/t.width), len(t.took)-1)
}

// pass is told that the state of the pool lasts until a moment.
func (t *tally) pass(p *pool, at time.Duration) {
	f := p.fleet
	if until := min(at, p.end); until > p.now {
		d := (until - p.now).Seconds()
		t.active += d * float64(len(f.all))
		t.warm += d * float64(f.warm+f.warming)
		t.draw(p.now, until, float64(len(f.serving)*t.c.Slots), float64(p.queue.n))
	}
	if t.step.recovering && at >= t.step.lastLate+settled {
		t.recovered()
	}
	for len(t.stepsLeft) > 0 && at >= t.stepsLeft[0] {
		t.beginStep(p)
	}
}

// draw adds what was so from one moment to another to the curve.
func (t *tally) draw(from, until time.Duration, slots, held float64) {
	for from < until {
		b := t.bucket(from)
		to := until
		if b < len(t.took)-1 {
			to = min(until, time.Duration(b+1)*t.width)
		}
		t.curve.Capacity[b] += (to - from).Seconds() * slots
		t.curve.Held[b] = max(t.curve.Held[b], held)
		from = to
	}
}

func (t *tally) beginStep(p *pool) {
	if t.step.recovering {
		t.recovered()
	}
	at := t.stepsLeft[0]
	t.stepsLeft = t.stepsLeft[1:]
	t.stepped = true
	needs := t.c.Trace.rate(at) * t.c.Service.Seconds()
	t.step = stepTally{
		began: at, recovering: true, lastLate: at,
		// Where there is enough already, nothing has to be done.
		waits: needs > float64(p.fleet.total()*t.c.Slots) || p.fleet.total() == 0,
		asked: never,
	}
}

// recovered notes the longest recovery.
func (t *tally) recovered() {
	t.step.recovering = false
	t.recovery = max(t.recovery, t.step.lastLate-t.step.began)
}

func (t *tally) arrive(p *pool) {
	if p.now < p.end {
		t.curve.Demand[t.bucket(p.now)]++
	}
	if t.step.waits && t.step.asked == never {
		t.step.asked = p.now
	}
	if p.fleet.total() == 0 && t.zeroSince == never {
		t.zeroSince = p.now
	}
}

func (t *tally) fail(now time.Duration) {
	t.failed++
	t.step.lastLate = now
	t.took[t.bucket(now)].add(t.c.QueueTimeout)
}

func (t *tally) finish(now, took time.Duration, e execution) {
	t.all.add(took)
	t.took[t.bucket(now)].add(took)
	if took <= t.c.SLO {
		return
	}
	t.late++
	if e.request.service <= t.c.SLO {
		t.step.lastLate = now
	}
}

// bring is told what the scaler does.
func (t *tally) bring(p *pool, from, to int) {
	if to == from {
		return
	}
	t.actions++
	direction := 1
	if to < from {
		direction = -1
	}
	if t.lastDirection == -direction && p.now-t.lastAction <= t.c.HoldDown {
		t.flaps++
	}
	t.lastDirection, t.lastAction = direction, p.now
	t.peak = max(t.peak, to)
	if direction < 0 {
		return
	}
	if t.step.waits && t.step.asked != never {
		t.first, t.acted = max(t.first, p.now-t.step.asked), true
		t.step.waits = false
	}
	if t.zeroSince != never {
		t.wake, t.woke = max(t.wake, p.now-t.zeroSince), true
		t.zeroSince = never
	}
}
