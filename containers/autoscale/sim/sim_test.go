package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// constant is a trace of so many requests per second.
func constant(rate float64, d time.Duration) *Trace {
	return perSecond(d, func(int) float64 { return rate })
}

func simulate(t *testing.T, c Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun_is_deterministic(t *testing.T) {
	for _, policy := range Policies() {
		c := Default()
		c.Policy, c.Trace, c.Warm = policy, step(0), 2
		c.Trace.Requests = c.Trace.Requests[:180]
		one, two := simulate(t, c), simulate(t, c)
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("%s: two runs with one seed differ:\n%s", policy, diff)
		}
		c.Seed = 2
		if other := simulate(t, c); other.Requests == one.Requests && other.ActiveSeconds == one.ActiveSeconds {
			t.Errorf("%s: two seeds did the same", policy)
		}
	}
}

// Every request is counted once, whatever the policy does, and the pool's books balance.
func TestRun_loses_nothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 40 {
		c := Default()
		c.Policy = Policies()[i%len(Policies())]
		c.Slots, c.Max, c.Warm = 1+r.IntN(8), 1+r.IntN(12), r.IntN(4)
		c.Min = r.IntN(c.Max + 1)
		c.Boot = time.Duration(r.IntN(5000)) * time.Millisecond
		c.Idle, c.HoldDown = 5*time.Second, time.Duration(r.IntN(30))*time.Second
		c.QueueTimeout = time.Duration(1+r.IntN(20)) * time.Second
		c.QueueSize = r.IntN(2) * 50
		rates := [3]float64{0, float64(r.IntN(100)), float64(r.IntN(400))}
		turn := 10 + r.IntN(60)
		c.Trace = perSecond(4*time.Minute, func(s int) float64 { return rates[s/turn%3] })
		c.Seed = uint64(i)
		t.Run(fmt.Sprintf("%s_%d", c.Policy, i), func(t *testing.T) {
			came := uint64(0)
			a := newArrivals(c.Trace, c.Service, c.Seed)
			for _, ok := a.next(); ok; _, ok = a.next() {
				came++
			}
			p := &pool{c: &c, end: c.Trace.Duration(), scaler: policies[c.Policy](&c)}
			p.fleet = newFleet(&c, max(c.Min, 1), c.Warm)
			p.nextLook = p.scaler.every()
			p.tally.begin(&c)
			if err := p.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p.requests != came || p.served+p.tally.failed != came || p.queue.n != 0 || p.executing != 0 {
				t.Errorf("%d came: counted %d, served %d, failed %d, held %d, running %d", came, p.requests, p.served, p.tally.failed, p.queue.n, p.executing)
			}
			if math.Abs(p.busy-p.service) > 1e-3+1e-6*p.service {
				t.Errorf("busy for %v request-seconds, and took %v", p.busy, p.service)
			}
			var starting, ready, drains int
			for _, b := range p.fleet.all {
				switch b.state {
				case starting_:
					starting++
				case ready_:
					ready++
				case draining:
					drains++
				}
				if b.inFlight != 0 {
					t.Errorf("replica %q has %d in flight after the end", b.name, b.inFlight)
				}
			}
			f := p.fleet
			if starting != f.nStarting || ready != len(f.serving) || drains != f.nDraining || f.total() > c.Max || f.warm+f.warming > c.Warm || f.warm < 0 {
				t.Errorf("fleet: %d starting (%d), %d ready (%d), %d draining (%d), %d of at most %d; %d warm, %d to be, of %d",
					starting, f.nStarting, ready, len(f.serving), drains, f.nDraining, f.total(), c.Max, f.warm, f.warming, c.Warm)
			}
		})
	}
}

// starting and ready are names of counts there.
const starting_, ready_ = starting, ready

func TestRun_ends_with_the_context(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := Default()
	c.Trace = step(0)
	if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want context.Canceled", err)
	}
}

func TestRun_says_all_that_is_wrong(t *testing.T) {
	c := Default()
	c.Policy, c.Min, c.Slots, c.Boot = "vpa", 60, 0, -time.Second
	_, err := Run(t.Context(), c)
	for _, want := range []string{"trace is empty", `policy "vpa"`, "min 60", "slots 0", "boot -1s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run() = %v, want an error with %q", err, want)
		}
	}
}

// bruteOracle looks at every moment at which anything changes.
func bruteOracle(t *Trace, slots, least int, service time.Duration, seed uint64) float64 {
	type change struct {
		at time.Duration
		by int
	}
	changes := []change{{0, 0}, {t.Duration(), 0}}
	a := newArrivals(t, service, seed)
	for r, ok := a.next(); ok; r, ok = a.next() {
		changes = append(changes, change{r.arrived, 1}, change{r.arrived + r.service, -1})
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].at < changes[j].at })
	total, n := 0.0, 0
	for i, c := range changes {
		n += c.by
		if c.at >= t.Duration() {
			break
		}
		until := min(changes[i+1].at, t.Duration())
		total += (until - c.at).Seconds() * max(math.Ceil(float64(n)/float64(slots)), float64(least))
	}
	return total
}

func TestOracle(t *testing.T) {
	for seed := range uint64(5) {
		trace := constant(80, 20*time.Second)
		trace.Requests[7], trace.Requests[19] = 0, 400
		for least := range 3 {
			got := oracle(trace, 3, least, 100*time.Millisecond, seed)
			want := bruteOracle(trace, 3, least, 100*time.Millisecond, seed)
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("seed %d, at least %d: oracle() = %v, want %v", seed, least, got, want)
			}
		}
	}
}

// One server with room to wait is M/G/1, whose mean wait is known (Pollaczek and Khinchine).
func TestRun_waits_as_queueing_theory_says(t *testing.T) {
	const rate, service = 7.0, 0.1
	c := Default()
	c.Policy, c.Slots, c.Max, c.Trace = "classic", 1, 1, constant(rate, 4*time.Hour)
	p := &pool{c: &c, end: c.Trace.Duration(), scaler: policies[c.Policy](&c)}
	p.fleet = newFleet(&c, 1, 0)
	p.nextLook = p.scaler.every()
	p.tally.begin(&c)
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	waited := (p.load - p.busy) / float64(p.requests)
	rho := rate * service
	want := rho * service * (1 + variation*variation) / (2 * (1 - rho))
	// 100,000 requests, which are far from independent.
	if math.Abs(waited-want) > 0.1*want {
		t.Errorf("seed 1: held for %.4f s on average, want %.4f", waited, want)
	}
}

func TestEngine_lines(t *testing.T) {
	start := line{first: startFirst, next: startNext}
	wake := line{first: wakeFirst, next: wakeNext}
	var last, woken time.Duration
	at := map[int]time.Duration{}
	for i := 1; i <= 8; i++ {
		last = start.done(0)
		at[i] = last
		if i <= 4 {
			woken = wake.done(0)
		}
	}
	if at[1] != 340*time.Millisecond || at[4] != 1090*time.Millisecond || at[8] != 2090*time.Millisecond || woken != 61*time.Millisecond {
		t.Errorf("started after %s, four after %s, eight after %s, four woken after %s; measured were 0.34, 1.1, 2.0 s and 61 ms", at[1], at[4], at[8], woken)
	}
}

func testFleet(c Config, n int) *fleet {
	f := newFleet(&c, n, c.Warm)
	return f
}

// until lets a fleet's moments pass.
func (f *fleet) until(at time.Duration) {
	for len(f.moments) > 0 && f.moments[0].at <= at {
		f.now = f.moments[0].at
		f.happen()
	}
	f.now = at
}

func TestFleet_takes_back_wakes_and_starts_in_this_order(t *testing.T) {
	f := testFleet(Config{Warm: 1, Boot: 2 * time.Second}, 3)
	f.serving[1].inFlight = 1
	f.bring(1, []string{"clone-1"})
	if len(f.serving) != 1 || !f.serving[0].original || f.nDraining != 1 {
		t.Fatalf("brought to 1: %d serve, %d drain", len(f.serving), f.nDraining)
	}
	f.bring(4, nil)
	if len(f.serving) != 2 || f.nDraining != 0 || f.nStarting != 2 || f.warm != 0 {
		t.Fatalf("brought to 4: %d serve, %d drain, %d start, %d warm", len(f.serving), f.nDraining, f.nStarting, f.warm)
	}
	f.until(22 * time.Millisecond)
	if len(f.serving) != 3 {
		t.Errorf("%d serve after 22 ms, want the woken one too", len(f.serving))
	}
	f.until(2340 * time.Millisecond)
	if len(f.serving) != 4 || f.wakeTakes != 22*time.Millisecond || f.startTakes != 2340*time.Millisecond {
		t.Errorf("%d serve after 2.34 s; waking takes %s, starting %s", len(f.serving), f.wakeTakes, f.startTakes)
	}
	f.until(6 * time.Second)
	if f.warm != 1 {
		t.Errorf("%d warm after the one used was to be replaced, want 1", f.warm)
	}
}

func TestFleet_victims_become_warm_if_it_is_short(t *testing.T) {
	f := testFleet(Config{Warm: 1}, 3)
	f.warm = 0
	f.bring(1, nil)
	if f.warm != 1 || f.total() != 1 || len(f.all) != 2 {
		t.Errorf("%d warm, %d serve, %d in all, want one of two victims warm and the other about to stop", f.warm, f.total(), len(f.all))
	}
	f.until(stopFirst)
	if f.warm != 1 || len(f.all) != 1 {
		t.Errorf("%d warm, %d in all, want the other one gone", f.warm, len(f.all))
	}
}

func TestFleet_stops_one_after_another(t *testing.T) {
	f := testFleet(Config{}, 4)
	f.bring(1, nil)
	for i, at := range []time.Duration{stopFirst, stopFirst + stopNext, stopFirst + 2*stopNext} {
		f.until(at - 1)
		if got, want := len(f.all), 4-i; got != want {
			t.Errorf("%d right before %s, want %d", got, at, want)
		}
		f.until(at)
		if got, want := len(f.all), 3-i; got != want {
			t.Errorf("%d at %s, want %d", got, at, want)
		}
	}
}

func TestFleet_gives_the_original_up_only_for_zero(t *testing.T) {
	f := testFleet(Config{Boot: time.Second}, 2)
	f.bring(1, nil)
	if !f.serving[0].original {
		t.Error("the original went before the clone")
	}
	f.bring(0, nil)
	f.bring(1, nil)
	f.until(2 * time.Second)
	if f.total() != 1 || !f.serving[0].original {
		t.Error("from zero something else than the original was started")
	}
}

func TestBallast_sample(t *testing.T) {
	c := Default()
	c.Trace, c.Warm = constant(1, time.Second), 1
	p := &pool{c: &c, fleet: newFleet(&c, 3, 1)}
	p.tally.begin(&c)
	p.fleet.serving[1].inFlight = 2
	p.bring(2, []string{"clone-1"})
	p.bring(5, nil)
	p.queue.push(request{})
	p.executing = 4
	s := newBallast(&c).(*ballast).sample(p)
	if s.Ready != 3 || s.Starting != 2 || s.Originals != 1 || len(s.Clones) != 4 || s.Warm != 0 || s.Draining != 0 || s.InFlight != 5 || s.Queued != 1 {
		t.Errorf("sample() = %+v", s)
	}
}

func TestHistogram_quantile(t *testing.T) {
	var h histogram
	for i := range 100 {
		h.add(time.Duration(i+1) * 10 * time.Millisecond)
	}
	if got := h.quantile(0.95); got < 950*time.Millisecond || got > 1150*time.Millisecond {
		t.Errorf("quantile(0.95) of 10 ms to 1 s = %s, want 0.95 s to a bucket more", got)
	}
	if got := (&histogram{}).quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing = %s", got)
	}
}
