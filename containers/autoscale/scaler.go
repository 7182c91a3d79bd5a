package autoscale

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Tick is how often a Scaler looks by itself.
const Tick = 50 * time.Millisecond

// nudgeEvery is the shortest time between two looks that nudges bring about.
const nudgeEvery = 20 * time.Millisecond

// Kept is how many decisions of each pool a Scaler remembers.
const Kept = 1000

// Source tells what a Scaler is to look at.
type Source interface {
	// Readings returns the pools that exist now, each once. A pool that is left out is forgotten,
	// its decisions too, and what people have set for it.
	Readings(now time.Time) []Reading
}

// Reading is one pool at one moment.
type Reading struct {
	Pool string
	// Awaited says that its first container is about to start: nothing is to be decided yet.
	Awaited bool
	Policy  Policy
	Sample  Sample
}

// Options are what a Scaler is made of.
type Options struct {
	Source   Source
	Actuator Actuator
	Logger   zerolog.Logger
	// OnDecision is told of every decision, one at a time; it may be nil.
	OnDecision func(Decision)
	// OnOutlook is told with every look what who waits for a pool can expect; it may be nil.
	OnOutlook func(pool string, o Outlook)
}

// Scaler decides for every pool, twenty times a second and when it is nudged, and hands the decisions to the Actuator.
type Scaler struct {
	o      Options
	nudged chan struct{}

	// turn lets looks and what people do take turns; it comes before mu. running says that Run does.
	turn    sync.Mutex
	running bool

	mu    sync.Mutex
	pools map[string]*scaled
}

// scaled is what a Scaler remembers of one pool. History, asked and rules are for whose turn it is.
type scaled struct {
	history History
	// asked is how many replicas the Actuator was last asked for; 0 is nothing yet. rules is how many the rules want.
	asked, rules int
	desired      int
	decisions    ring
	// override is what people set.
	override Override
}

// New makes a Scaler; Run starts it.
func New(o Options) *Scaler {
	return &Scaler{o: o, nudged: make(chan struct{}, 1), pools: map[string]*scaled{}}
}

// Run decides until ctx ends, and returns nil then.
func (s *Scaler) Run(ctx context.Context) error {
	s.runs(true)
	defer s.runs(false)
	var last time.Time // When a nudge last brought a look about.
	for {
		s.tick(ctx)
		nudged, ok := wait(ctx, Tick, s.nudged)
		if nudged && ok {
			_, ok = wait(ctx, nudgeEvery-time.Since(last), nil)
			last = time.Now()
		}
		if !ok {
			return nil
		}
	}
}

func (s *Scaler) runs(running bool) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.running = running
}

// wait returns after d, or when early yields; it is not ok when ctx ended.
func wait(ctx context.Context, d time.Duration, early <-chan struct{}) (isEarly, ok bool) {
	if d <= 0 {
		return false, true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-early:
		return true, true
	case <-timer.C:
		return false, true
	}
}

// Nudge asks for a look at once, as when a request begins to wait. It never blocks.
func (s *Scaler) Nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// Desired is how many replicas the demand asks for in the pool at present; 0 if it is not known.
func (s *Scaler) Desired(pool string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pools[pool]; p != nil {
		return p.desired
	}
	return 0
}

// Decisions returns the last decisions of a pool, the newest first; those of all pools if pool is "".
func (s *Scaler) Decisions(pool string) []Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pool != "" {
		if p := s.pools[pool]; p != nil {
			return p.decisions.newestFirst(nil)
		}
		return nil
	}
	var all []Decision
	for _, p := range s.pools {
		all = p.decisions.newestFirst(all)
	}
	slices.SortStableFunc(all, func(a, b Decision) int { return b.Time.Compare(a.Time) })
	return all
}

// tick looks at every pool once.
func (s *Scaler) tick(ctx context.Context) {
	s.turn.Lock()
	defer s.turn.Unlock()
	now := time.Now()
	readings := s.o.Source.Readings(now)
	s.forget(readings)
	for _, r := range readings {
		s.look(ctx, now, r)
	}
}

// forget drops the pools that are not among the readings.
func (s *Scaler) forget(readings []Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.pools {
		if !slices.ContainsFunc(readings, func(r Reading) bool { return r.Pool == name }) {
			delete(s.pools, name)
		}
	}
}

// look decides for one pool and acts. Of one that is paused it only keeps what is known.
func (s *Scaler) look(ctx context.Context, now time.Time, r Reading) {
	p := s.pool(r.Pool)
	s.mu.Lock()
	p.override.expire(now)
	o := p.override.within(r.Policy)
	if r.Awaited {
		p.history, p.asked, p.rules, p.desired = History{}, 0, 0, 0 // What comes is another pool for the rules.
	}
	s.mu.Unlock()
	if r.Awaited {
		return
	}
	out := Decide(now, o.apply(r.Policy), &p.history, r.Sample)
	out.Decision.Pool = r.Pool
	p.rules = out.Rules
	if o.Paused != nil {
		out.Decided, out.Desired = false, out.Enough
		if o.Replicas != nil {
			out.Desired = o.Replicas.N
		}
	}
	s.mu.Lock()
	p.desired = out.Desired
	s.mu.Unlock()

	if s.o.OnOutlook != nil {
		s.o.OnOutlook(r.Pool, out.Outlook)
	}
	if out.Decided {
		s.tell(p, out.Decision)
	}
	switch d := out.Decision; {
	case o.Paused != nil: // What was asked for stands.
	case out.Decided && d.Action != ActionRefuse && !d.DryRun:
		p.asked = d.To
		s.o.Actuator.Bring(ctx, r.Pool, d.To, d.Victims)
	case p.asked > out.Enough && !r.Sample.Stale:
		// What was asked for could not be made all the while, and is not needed any more.
		// Nothing that runs is given up, so this is no decision.
		p.asked = out.Enough
		s.o.Actuator.Bring(ctx, r.Pool, p.asked, nil)
	}
}

// tell keeps a decision, and tells it to whoever wants to know.
func (s *Scaler) tell(p *scaled, d Decision) {
	s.mu.Lock()
	p.decisions.add(d)
	s.mu.Unlock()
	s.log(d)
	if s.o.OnDecision != nil {
		s.o.OnDecision(d)
	}
}

func (s *Scaler) pool(name string) *scaled {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pools[name]
	if p == nil {
		p = &scaled{}
		s.pools[name] = p
	}
	return p
}

func (s *Scaler) log(d Decision) {
	by := func(e *zerolog.Event) {
		if d.By != "" {
			e.Str("by", d.By)
		}
	}
	s.o.Logger.Info().Str("pool", d.Pool).Int("from", d.From).Int("to", d.To).Func(by).
		Str("reason", d.Reason).Msg(message(d))
}

// message says what became of a decision.
func message(d Decision) string {
	switch {
	case d.Action == ActionRefuse:
		return "refused to scale"
	case d.Action == ActionSet:
		return "set by hand"
	case d.DryRun && d.Action == ActionScaleOut:
		return "would scale out"
	case d.DryRun:
		return "would scale in"
	case d.Action == ActionScaleOut:
		return "scaled out"
	default:
		return "scaled in"
	}
}

// ring keeps the last Kept decisions.
type ring struct {
	kept []Decision
	next int
}

func (r *ring) add(d Decision) {
	if len(r.kept) < Kept {
		r.kept = append(r.kept, d)
		return
	}
	r.kept[r.next] = d
	r.next = (r.next + 1) % Kept
}

// newestFirst appends the decisions to list.
func (r *ring) newestFirst(list []Decision) []Decision {
	for i := range r.kept {
		list = append(list, r.kept[(r.next+len(r.kept)-1-i)%len(r.kept)])
	}
	return list
}
