package containers

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
)

var (
	sequences = flag.Int("sequences", 300, "how many sequences of faults are tried on the fake daemon")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first sequence; each one after it has the next")
)

// Whatever happens to containers and to a Docker daemon, and whatever becomes of its events, no container is
// routed to of whose end the Reconciler was told, and after a resync its snapshot is what a fresh start would build.
func TestReconciler_survives_a_faulty_daemon(t *testing.T) {
	for i := range *sequences {
		seed := *firstSeed + uint64(i)
		ok := true
		synctest.Test(t, func(t *testing.T) {
			ok = newOrdeal(t, seed).run(t)
		})
		if !ok {
			t.Fatalf("seed %d failed: go test ./containers -run %s -sequences 1 -seed %d", seed, t.Name(), seed)
		}
	}
}

// life is one run of a container.
type life struct {
	id        string
	startedAt int64
}

// ordeal is one sequence: a daemon, the Reconciler that follows it through engine/docker, and what it was told.
type ordeal struct {
	engine.Engine
	*fakedaemon.Daemon
	random *rand.Rand
	r      *Reconciler
	// ids are of the containers that exist, by name.
	ids map[string]string
	log []string

	mu sync.Mutex
	// disturbed is how many in ten events are.
	disturbed int
	// current is the present or last life of a container, ends which one a die is of.
	current map[string]int64
	ends    map[engine.Event]life
	// told are the lives of whose end the Reconciler was told, settled those of them that it had time to act on.
	told, settled map[life]bool
	wrong         []string
}

func newOrdeal(t *testing.T, seed uint64) *ordeal {
	o := &ordeal{
		Daemon: fakedaemon.New(t, fakedaemon.Options{}), random: rand.New(rand.NewPCG(seed, 0)), ids: make(map[string]string),
		current: make(map[string]int64), ends: make(map[engine.Event]life), told: make(map[life]bool), settled: make(map[life]bool),
	}
	o.AddNetwork("front")
	o.Disturb(o.event)
	e, err := docker.New(docker.Options{Host: "unix:///fake", Dial: o.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	// Docker's client agrees on a version under a mutex, which keeps a bubble's time from passing while that is slow.
	if _, err := e.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Engine = e
	o.r = NewReconciler(ReconcilerOptions{Engine: o, Prefix: "ballast", Logger: zerolog.Nop(), Publish: o.check})
	return o
}

// run says whether all went well.
func (o *ordeal) run(t *testing.T) bool {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.r.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	for range 5 + o.random.IntN(40) {
		if o.random.IntN(3) == 0 {
			o.hurt()
		} else {
			o.live()
		}
		pass(time.Duration([]int{0, 0, 0, 1, 1, 30, 60, 100, 1000, 5_000, 20_000, 40_000}[o.random.IntN(12)]) * time.Millisecond)
		o.settle()
	}
	o.calm()
	// The last event that is late, the longest backoff, and the resync after it.
	// And the longest mark: a late end, told by a clock that was set back since, outlasts a new start.
	pass(latest + 30*time.Second + markFor + resync + time.Second)
	o.settle()
	o.truth(t)
	for _, what := range o.wrong {
		t.Error(what)
	}
	if t.Failed() {
		for _, line := range o.log {
			t.Log(line)
		}
	}
	return !t.Failed()
}

// latest is how late an event may be.
const latest = 3 * time.Second

// event decides what becomes of an event, and notes which life a die ends.
func (o *ordeal) event(e fakedaemon.Event) []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.Action == "die" {
		o.ends[engine.Event{ID: e.Container, Time: e.Time.Round(0).UTC()}] = life{e.Container, o.current[e.Container]}
	}
	if o.random.IntN(10) >= o.disturbed {
		return []time.Duration{0}
	}
	late := time.Duration(o.random.Int64N(int64([]time.Duration{10 * time.Millisecond, 100 * time.Millisecond, latest}[o.random.IntN(3)])))
	return [][]time.Duration{nil, {late}, {0, 0}, {0, late}}[o.random.IntN(4)]
}

// Watch notes what the Reconciler is told.
func (o *ordeal) Watch(ctx context.Context, since time.Time) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for e, err := range o.Engine.Watch(ctx, since) {
			if err == nil && e.Action == engine.ActionDie {
				o.mu.Lock()
				// By a clock that was set back an end may look like one of a former life.
				if l, ok := o.ends[engine.Event{ID: e.ID, Time: e.Time.UTC()}]; ok && e.Time.UnixNano() >= l.startedAt {
					o.told[l] = true
				}
				o.mu.Unlock()
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// settle says that the Reconciler had time to act on what it was told.
func (o *ordeal) settle() {
	o.mu.Lock()
	for l := range o.told {
		o.settled[l] = true
	}
	o.mu.Unlock()
	o.check(o.r.Snapshot())
}

// check looks for backends that get requests though the Reconciler was told of their end.
func (o *ordeal) check(s *Snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	started := make(map[string]int64)
	for _, e := range s.Entries {
		started[e.Container.ID] = e.Container.StartedAt.UnixNano()
	}
	for _, p := range s.Pools {
		for _, b := range p.Backends {
			if b.State == StateReady && o.settled[life{b.Container, started[b.Container]}] {
				o.wrong = append(o.wrong, fmt.Sprintf("after %d steps %s gets requests, of whose end the Reconciler was told", len(o.log), b.Name))
			}
		}
	}
}

// truth compares with what a fresh start would build.
func (o *ordeal) truth(t *testing.T) {
	summaries, err := o.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []engine.Container
	for _, s := range summaries {
		c, err := o.Inspect(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	want, have := Build(input(all...)), plain(o.r.Snapshot())
	if !Equal(want, have) {
		t.Errorf("snapshot is\n%v\nwant\n%v", picture(have), picture(want))
	}
	if status := o.r.Status(); !status.Connected {
		t.Errorf("Status() = %+v, want connected", status)
	}
}

// live lets something happen to one of five containers. What its state does not allow does not happen.
func (o *ordeal) live() {
	n := o.random.IntN(5)
	name := fmt.Sprintf("c%d", n)
	id, exists := o.ids[name]
	act := []string{"start", "start", "stop", "stop", "crash", "kill", "signal", "pause", "unpause", "remove", "replace", "rename", "health", "move"}[o.random.IntN(14)]
	if !exists {
		act = "run"
	}
	o.log = append(o.log, fmt.Sprint(time.Now().Format("04:05.000"), " ", act, " ", name))
	switch act {
	case "run":
		o.create(name)
	case "start":
		_ = o.Daemon.Start(id)
	case "stop":
		_ = o.Daemon.Stop(id, 0)
	case "crash":
		_ = o.Crash(id)
	case "kill":
		_ = o.Kill(id, signalKill)
	case "signal":
		_ = o.Kill(id, signalTerm)
	case "pause":
		_ = o.Daemon.Pause(id)
	case "unpause":
		_ = o.Daemon.Unpause(id)
	case "remove", "replace":
		_ = o.Daemon.Remove(id, true)
		delete(o.ids, name)
		if act == "replace" {
			o.create(name)
		}
	case "rename":
		_ = o.Rename(id, fmt.Sprintf("%s-%d", name, len(o.log)))
	case "health":
		_ = o.SetHealth(id, []string{"starting", "healthy", "unhealthy"}[o.random.IntN(3)])
	case "move":
		if o.Connect("front", id) == nil {
			_ = o.Disconnect("bridge", id)
		} else if o.Connect("bridge", id) == nil {
			_ = o.Disconnect("front", id)
		}
	}
	o.note(o.ids[name])
}

func (o *ordeal) create(name string) {
	n := o.random.IntN(4)
	o.ids[name], _ = o.Daemon.Run(fakedaemon.Config{
		Name: fmt.Sprintf("%s-%d", name, len(o.log)), IgnoreStop: n == 0,
		Labels: map[string]string{"ballast.enable": "true", "ballast.pool": fmt.Sprintf("p%d", n%2)},
	})
	o.note(o.ids[name])
}

// note keeps up with the life of a container.
func (o *ordeal) note(id string) {
	if at, ok := o.Running(id); ok {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.current[id] = at.UnixNano()
	}
}

// hurt does something to the daemon.
func (o *ordeal) hurt() {
	faults := []struct {
		name string
		do   func()
	}{
		{"disturb", func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.disturbed = 1 + o.random.IntN(9)
		}},
		{"cut", o.Cut},
		{"silence", o.Silence},
		{"gone", o.Gone},
		{"slow", func() { o.Slow(time.Duration(o.random.IntN(3000)) * time.Millisecond) }},
		{"clock", func() { o.StepClock(time.Duration(o.random.IntN(7200)-3600) * time.Second) }},
		{"calls", func() {
			ops := []fakedaemon.Op{fakedaemon.OpList, fakedaemon.OpInspect, fakedaemon.OpEvents, fakedaemon.OpInfo}
			o.Fail(ops[o.random.IntN(len(ops))], []fakedaemon.Fault{
				fakedaemon.DiskFull,
				{Drop: true},
				{Delay: 12 * time.Second},
				{Times: 1, Drop: true},
				{Times: 2, Status: http.StatusServiceUnavailable, Message: "try again"},
			}[o.random.IntN(5)])
		}},
		{"calm", o.calm},
		{"calm", o.calm},
	}
	fault := faults[o.random.IntN(len(faults))]
	o.log = append(o.log, time.Now().Format("04:05.000 ")+fault.name)
	fault.do()
}

// calm ends all faults but silence.
func (o *ordeal) calm() {
	o.Heal()
	o.Disturb(o.event)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.disturbed = 0
}
