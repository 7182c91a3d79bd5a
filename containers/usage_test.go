package containers

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

// loads is an engine that tells each second what its containers use. A container is one core's share of the second.
type loads struct {
	mu     sync.Mutex
	shares map[string]float64
	// cores, memory and limit are every container's.
	cores         float64
	memory, limit uint64
	used          map[string]time.Duration
	// broken streams end with an error at once, those of silent ones say nothing.
	broken, silent bool
	open           map[string]int
	opened         map[string]int
}

func newLoads(shares map[string]float64) *loads {
	return &loads{
		shares: shares, cores: 2, memory: 300, limit: 1000,
		used: map[string]time.Duration{}, open: map[string]int{}, opened: map[string]int{},
	}
}

// set changes the loads themselves.
func (l *loads) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// streams are the containers that have a stream open.
func (l *loads) streams() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.open, func(_ string, n int) bool { return n == 0 })
	return slices.Sorted(maps.Keys(l.open))
}

func (l *loads) openings(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened[id]
}

func (l *loads) Stats(ctx context.Context, id string) iter.Seq2[engine.Stats, error] {
	return func(yield func(engine.Stats, error) bool) {
		l.set(func() { l.open[id]++; l.opened[id]++ })
		defer l.set(func() { l.open[id]-- })
		for {
			l.mu.Lock()
			broken, silent := l.broken, l.silent
			l.used[id] += time.Duration(l.shares[id] * float64(time.Second))
			s := engine.Stats{Time: time.Now(), CPU: l.used[id], Cores: l.cores, Memory: l.memory, MemoryLimit: l.limit}
			l.mu.Unlock()
			if broken {
				yield(engine.Stats{}, engine.ErrUnavailable)
				return
			}
			if !silent && !yield(s, nil) {
				return
			}
			if !sleep(ctx, time.Second) {
				yield(engine.Stats{}, ctx.Err())
				return
			}
		}
	}
}

// scaling is a pool that scales by processor use, with backends that started long ago.
func scaling(name string, ids ...string) *Pool {
	p := &Pool{Name: name, Settings: Settings{Scale: Scale{CPU: 70}}}
	for _, id := range ids {
		p.Backends = append(p.Backends, Backend{
			Identity: Identity{Container: id, StartedAt: time.Now().Add(-time.Hour).UnixNano()}, State: StateReady,
		})
	}
	return p
}

// gauge is a running Usage.
type gauge struct {
	*Usage
	t   *testing.T
	log *strings.Builder
}

// measure runs story with a Usage that follows l, in a bubble; that all its goroutines have ended is the bubble's to say.
func measure(t *testing.T, l *loads, story func(*gauge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &strings.Builder{}
		g := &gauge{t: t, log: log, Usage: NewUsage(UsageOptions{Engine: l, Logger: zerolog.New(log)})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()
		story(g)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v after its context ended, want nil", err)
		}
		if open := l.streams(); len(open) > 0 {
			t.Errorf("streams of %q are open after Run, want none", open)
		}
	})
}

func (g *gauge) expect(pool string, cpu, memory float64, measured int) {
	g.t.Helper()
	c, m, n := g.Use(pool, time.Now())
	if math.Abs(c-cpu) > 0.01 || math.Abs(m-memory) > 0.01 || n != measured {
		g.t.Errorf("Use(%s) = %.2f %%, %.2f %%, of %d, want %.2f, %.2f, %d", pool, c, m, n, cpu, memory, measured)
	}
}

func (g *gauge) pass(d time.Duration) {
	time.Sleep(d) // By the bubble's clock.
	synctest.Wait()
}

func TestUsage_is_the_mean_of_the_limits(t *testing.T) {
	l := newLoads(map[string]float64{"a": 1.0, "b": 0.2, "other": 2.0})
	measure(t, l, func(g *gauge) {
		g.Apply(&Snapshot{Pools: []*Pool{scaling("web", "a", "b"), scaling("api", "other")}})
		g.pass(2500 * time.Millisecond)
		g.expect("web", 0, 0, 0) // Nothing yet: two samples must be 3 s apart.
		g.pass(time.Second)
		g.expect("web", 30, 30, 2)
		g.expect("api", 100, 30, 1)
		g.expect("none", 0, 0, 0)
	})
}

func TestUsage_follows_what_changes(t *testing.T) {
	l := newLoads(map[string]float64{"a": 0})
	measure(t, l, func(g *gauge) {
		g.Apply(&Snapshot{Pools: []*Pool{scaling("web", "a")}})
		g.pass(20*time.Second + time.Millisecond)
		g.expect("web", 0, 30, 1)
		l.set(func() { l.shares["a"], l.memory = 2, 900 })
		g.pass(2 * time.Second)
		g.expect("web", 40, 90, 1) // Two of the five seconds.
		g.pass(3 * time.Second)
		g.expect("web", 100, 90, 1)
	})
}

func TestUsage_leaves_out_who_has_just_started(t *testing.T) {
	l := newLoads(map[string]float64{"a": 0.4, "new": 2})
	measure(t, l, func(g *gauge) {
		p := scaling("web", "a", "new")
		p.Backends[1].StartedAt = time.Now().UnixNano()
		g.Apply(&Snapshot{Pools: []*Pool{p}})
		g.pass(9500 * time.Millisecond)
		g.expect("web", 20, 30, 1)
		g.pass(time.Second)
		g.expect("web", 60, 30, 2)
	})
}

func TestUsage_forgets_what_is_old(t *testing.T) {
	l := newLoads(map[string]float64{"a": 1})
	measure(t, l, func(g *gauge) {
		g.Apply(&Snapshot{Pools: []*Pool{scaling("web", "a")}})
		g.pass(10 * time.Second)
		l.set(func() { l.silent = true })
		g.pass(4 * time.Second)
		g.expect("web", 50, 30, 1)
		g.pass(1500 * time.Millisecond)
		g.expect("web", 0, 0, 0)
	})
}

func TestUsage_opens_what_is_broken_again(t *testing.T) {
	l := newLoads(map[string]float64{"a": 1})
	measure(t, l, func(g *gauge) {
		g.Apply(&Snapshot{Pools: []*Pool{scaling("web", "a")}})
		g.pass(5 * time.Second)
		l.set(func() { l.broken = true })
		g.pass(10 * time.Minute)
		// 0.5 s growing to 20 s, each half to one and a half of that.
		if n := l.openings("a"); n < 20 || n > 70 {
			t.Errorf("a broken stream was opened %d times in 10 minutes, want 20 to 70", n)
		}
		if n := strings.Count(g.log.String(), `"level":"warn"`); n != 1 {
			t.Errorf("the log warns %d times, want once:\n%s", n, g.log)
		}
		l.set(func() { l.broken = false })
		g.pass(time.Minute)
		g.expect("web", 50, 30, 1)
		// It has lasted, so the pause begins small again.
		before := l.openings("a")
		l.set(func() { l.broken = true })
		g.pass(2 * time.Second)
		if l.openings("a") == before {
			t.Error("a stream that had lasted was not opened again within 2 s of its end")
		}
	})
}

func TestUsage_gives_up_a_stream_that_is_silent(t *testing.T) {
	l := newLoads(map[string]float64{"a": 1})
	l.silent = true
	measure(t, l, func(g *gauge) {
		g.Apply(&Snapshot{Pools: []*Pool{scaling("web", "a")}})
		g.pass(8500 * time.Millisecond) // It speaks at 9 s.
		l.set(func() { l.silent = false; l.shares["a"] = 2 })
		g.pass(2 * time.Second)
		if n := l.openings("a"); n != 1 {
			t.Errorf("a stream that spoke after 9 s was opened %d times, want 1", n)
		}
		l.set(func() { l.silent = true })
		g.pass(15 * time.Second)
		l.set(func() { l.silent = false })
		g.pass(15 * time.Second)
		if n := l.openings("a"); n < 2 {
			t.Error("a stream was silent for 15 s and not opened again")
		}
		g.expect("web", 100, 30, 1)
	})
}

func TestUsage_has_streams_for_those_that_count(t *testing.T) {
	l := newLoads(nil)
	measure(t, l, func(g *gauge) {
		byMemory, by := scaling("memory", "m"), scaling("rps", "r")
		byMemory.Settings.Scale = Scale{Memory: 80}
		by.Settings.Scale = Scale{Max: 5}
		web := scaling("web", "a", "b", "sick")
		web.Backends[2].State = StateUnhealthy
		g.Apply(&Snapshot{Pools: []*Pool{byMemory, by, web}})
		g.pass(3 * time.Second)
		if got := l.streams(); !slices.Equal(got, []string{"a", "b", "m"}) {
			t.Errorf("streams are open for %q, want a, b, m", got)
		}
		again := scaling("web", "b", "c")
		again.Backends[0].StartedAt = web.Backends[1].StartedAt
		g.Apply(&Snapshot{Pools: []*Pool{again}})
		g.pass(time.Second)
		if got := l.streams(); !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("streams are open for %q, want b, c", got)
		}
		if n := l.openings("b"); n != 1 {
			t.Errorf("the stream of b, which stayed, was opened %d times, want 1", n)
		}
		// b's goes on, so it is known; c has told too little.
		g.expect("web", 0, 30, 1)
	})
}

// Who leaves and comes back before the streams were looked at is measured as before.
func TestUsage_follows_who_was_away_for_a_moment(t *testing.T) {
	l := newLoads(map[string]float64{"a": 1})
	measure(t, l, func(g *gauge) {
		there := &Snapshot{Pools: []*Pool{scaling("web", "a")}}
		g.Apply(there)
		g.pass(10 * time.Second)
		for range 20 { // Once of them, Run is not fast enough to see it away.
			g.Apply(&Snapshot{})
			g.Apply(there)
			g.pass(10*time.Second + time.Millisecond)
			g.expect("web", 50, 30, 1)
		}
	})
}

func TestUsage_without_numbers(t *testing.T) {
	l := newLoads(map[string]float64{"a": 0})
	l.memory, l.limit = 0, 0
	measure(t, l, func(g *gauge) {
		g.Apply(&Snapshot{Pools: []*Pool{scaling("web", "a")}})
		g.pass(10 * time.Second)
		g.expect("web", 0, 0, 0) // The embedded engine can't tell.
		l.set(func() { l.shares["a"] = 1 })
		g.pass(10 * time.Second)
		g.expect("web", 50, 0, 1) // An engine without limits of memory.
	})
}

func TestMeter_bears_any_pace(t *testing.T) {
	began := time.Unix(1_000_000, 0)
	for _, apart := range []time.Duration{50 * time.Millisecond, 700 * time.Millisecond, 1300 * time.Millisecond, 3 * time.Second} {
		m := &meter{}
		var now time.Time
		for i := range 400 {
			now = began.Add(time.Duration(i) * apart)
			m.add(now, engine.Stats{Time: now, CPU: time.Duration(i) * apart / 2, Cores: 1, MemoryLimit: 1})
		}
		if got, ok := m.read(now); !ok || math.Abs(got.cpu-50) > 0.01 {
			t.Errorf("samples %s apart: read() = %v, %v, want 50 %%", apart, got, ok)
		}
	}
}

func TestMeter_begins_anew(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	m := &meter{}
	for i := range 6 {
		m.add(at.Add(time.Duration(i)*time.Second), engine.Stats{Time: at.Add(time.Duration(i) * time.Second), CPU: time.Hour, Cores: 1})
	}
	now := at.Add(6 * time.Second)
	m.add(now, engine.Stats{Time: now, CPU: time.Second, Cores: 1})
	if got, ok := m.read(now); ok {
		t.Errorf("read() = %v just after the counter began anew, want nothing", got)
	}
}
