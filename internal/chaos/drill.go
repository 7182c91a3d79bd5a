package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/steady"
)

// pools are what requests are for: how many containers each has that are not clones, and its share of the requests.
var pools = []pool{
	{name: "one", size: 1, share: 0.4},
	{name: "three", size: 3, share: 0.4},
	{name: "scaled", size: 1, share: 0.2, labels: map[string]string{
		"scale.min": "1", "scale.max": "5", "scale.warm": "1", "scale.hold-down": "5s", "concurrency": "4",
	}},
}

type pool struct {
	name   string
	size   int
	share  float64
	labels map[string]string
}

// drill is a run of faults under load.
type drill struct {
	settings
	stage *stage
	out   io.Writer
	log   *ledger
	// world is held for writing by what concerns all, for reading by what needs an engine.
	world sync.RWMutex
}

func (d *drill) run(ctx context.Context) error {
	for _, p := range pools {
		for i := range p.size {
			if err := d.start(ctx, p, i); err != nil {
				return err
			}
		}
		if err := d.whole(ctx, p); err != nil {
			return err
		}
	}
	loads := make(map[string]*steady.Load, len(pools))
	for _, p := range pools {
		loads[p.name] = steady.Start(steady.Options{
			URL: "http://" + d.stage.traffic + "/", Host: p.name + ".example", PerSecond: int(p.share * float64(d.rate)), Body: 2000,
			Holds: `"container":"` + p.name + "-",
		})
	}
	over, cancel := context.WithTimeout(ctx, d.duration)
	defer cancel()
	group, running := errgroup.WithContext(ctx)
	for i, p := range pools {
		dice := rand.New(rand.NewPCG(d.seed, uint64(i)))
		group.Go(func() error { return d.trouble(running, over, p, dice) })
	}
	group.Go(func() error { return d.shake(running, over, rand.New(rand.NewPCG(d.seed, 1000))) })
	group.Go(func() error { d.progress(over, running, loads); return nil })
	err := group.Wait()
	return errors.Join(err, d.report(loads), d.check(ctx))
}

// progress tells every ten seconds that it is going on.
func (d *drill) progress(over, running context.Context, loads map[string]*steady.Load) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	began := time.Now()
	for {
		select {
		case <-over.Done():
			return
		case <-running.Done():
			return
		case <-ticker.C:
		}
		sent, failed, events := int64(0), 0, 0
		for _, l := range loads {
			r := l.Report()
			sent, failed = sent+r.Sent, failed+len(r.Failures)
		}
		for _, n := range d.log.counts() {
			events += n
		}
		fmt.Fprintf(d.out, "%4.0f s: %d requests, %d failed, %d faults\n", time.Since(began).Seconds(), sent, failed, events)
	}
}

// start runs a container of a pool.
func (d *drill) start(ctx context.Context, p pool, i int) error {
	name := fmt.Sprintf("%s-%d", p.name, i)
	args := []string{"run", "--detach", "--name", name, "--stop-timeout", "10", "--env", "MOCK_LATENCY=5ms", "--env", "MOCK_NAME=" + name}
	for _, labels := range []map[string]string{p.labels, {
		"enable": "true", "pool": p.name, "host": p.name + ".example", "health.path": "/health", "health.interval": "1s",
		"queue.size": "20000", "timeout": "10s",
	}} {
		for k, v := range labels {
			args = append(args, "--label", prefix+"."+k+"="+v)
		}
	}
	_, err := d.stage.docker(ctx, append(args, image)...)
	return err
}

// whole waits until all of a pool serves.
func (d *drill) whole(ctx context.Context, p pool) error {
	return child.Until(ctx, "pool "+p.name+" to be whole", func(ctx context.Context) error {
		n, err := d.stage.ready(ctx, p.name)
		if err == nil && n < p.size {
			err = fmt.Errorf("%d of %d are ready", n, p.size)
		}
		return err
	})
}

// fault is something done to a container.
type fault struct {
	kind    string
	excuses excuse
	do      func(ctx context.Context, d *drill, p pool, i int, name string) error
}

// cli is a fault of some commands.
func cli(commands ...[]string) func(context.Context, *drill, pool, int, string) error {
	return func(ctx context.Context, d *drill, _ pool, _ int, name string) error {
		for _, c := range commands {
			if _, err := d.stage.docker(ctx, append(slices.Clone(c), name)...); err != nil {
				return err
			}
		}
		return nil
	}
}

var faults = []fault{
	{"stop and start", closing, cli([]string{"stop"}, []string{"start"})},
	{"restart", closing, cli([]string{"restart"})},
	{"kill and start", inFlight, cli([]string{"kill"}, []string{"start"})},
	{"pause for a second", nothing, func(ctx context.Context, d *drill, _ pool, _ int, name string) error {
		return d.around(ctx, time.Second, []string{"pause", name}, []string{"unpause", name})
	}},
	{"cut off for a second", inFlight, func(ctx context.Context, d *drill, _ pool, _ int, name string) error {
		return d.around(ctx, time.Second, []string{"network", "disconnect", "--force", "bridge", name}, []string{"network", "connect", "bridge", name})
	}},
	{"replace", closing, func(ctx context.Context, d *drill, p pool, i int, name string) error {
		return errors.Join(cli([]string{"stop"}, []string{"rm"})(ctx, d, p, i, name), d.start(ctx, p, i))
	}},
	{"remove by force", inFlight, func(ctx context.Context, d *drill, p pool, i int, name string) error {
		return errors.Join(cli([]string{"rm", "--force"})(ctx, d, p, i, name), d.start(ctx, p, i))
	}},
	{"add and remove", closing, func(ctx context.Context, d *drill, p pool, _ int, _ string) error {
		const extra = 9
		if err := d.start(ctx, p, extra); err != nil {
			return err
		}
		if err := d.whole(ctx, p); err != nil {
			return err
		}
		return cli([]string{"stop"}, []string{"rm"})(ctx, d, p, extra, fmt.Sprintf("%s-%d", p.name, extra))
	}},
}

// around does one thing, and another one later, whatever happens.
func (d *drill) around(ctx context.Context, wait time.Duration, before, after []string) error {
	if _, err := d.stage.docker(ctx, before...); err != nil {
		return err
	}
	rest(ctx, wait)
	_, err := d.stage.docker(context.WithoutCancel(ctx), after...)
	return err
}

// rest is a pause. It is false if ctx ended before it did.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// trouble does one thing after the other to the containers of a pool until it is over. It is an error if something can't be
// done, or the pool is not whole again after it.
func (d *drill) trouble(ctx, over context.Context, p pool, dice *rand.Rand) error {
	for {
		if !rest(over, time.Duration(500+dice.IntN(1500))*time.Millisecond) {
			return nil
		}
		f, i := faults[dice.IntN(len(faults))], dice.IntN(p.size)
		if err := d.do(ctx, f, p, i); err != nil {
			return err
		}
	}
}

func (d *drill) do(ctx context.Context, f fault, p pool, i int) error {
	d.world.RLock()
	defer d.world.RUnlock()
	name := fmt.Sprintf("%s-%d", p.name, i)
	err := d.log.note(event{kind: f.kind, pool: p.name, excuses: f.excuses}, func() error { return f.do(ctx, d, p, i, name) })
	if err == nil {
		err = d.whole(ctx, p)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s %s: %w", f.kind, name, err)
	}
	return nil
}

// shake does what concerns everybody.
func (d *drill) shake(ctx, over context.Context, dice *rand.Rand) error {
	type shock struct {
		kind    string
		excuses excuse
		do      func(context.Context) error
	}
	shocks := []shock{
		{"restart of the engine", nothing, d.restartEngine},
		{"engine frozen for 5 s", nothing, d.freezeEngine},
		{"another Ballast takes over", nothing, d.handOver},
		{"Ballast killed", anything, d.killBallast},
	}
	for n := 0; ; n++ {
		if !rest(over, time.Duration(4000+dice.IntN(6000))*time.Millisecond) {
			return nil
		}
		s := shocks[dice.IntN(len(shocks))]
		if n < len(shocks) { // Each of them once, also in a short run.
			s = shocks[n]
		}
		if err := d.alone(ctx, func() error {
			return d.log.note(event{kind: s.kind, excuses: s.excuses}, func() error { return s.do(ctx) })
		}); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s: %w", s.kind, err)
		}
	}
}

// alone does something while nothing else is done, and waits until all is whole.
func (d *drill) alone(ctx context.Context, do func() error) error {
	d.world.Lock()
	defer d.world.Unlock()
	if err := do(); err != nil {
		return err
	}
	for _, p := range pools {
		if err := d.whole(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *drill) restartEngine(ctx context.Context) error {
	if err := d.stage.engine.end(ctx); err != nil {
		return err
	}
	return d.stage.startEngine(ctx)
}

func (d *drill) freezeEngine(ctx context.Context) error {
	if err := d.stage.engine.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	rest(ctx, 5*time.Second)
	return d.stage.engine.signal(syscall.SIGCONT)
}

func (d *drill) handOver(ctx context.Context) error {
	next, err := d.stage.startBallast(ctx)
	if err != nil {
		if next != nil {
			err = errors.Join(err, next.kill())
		}
		return err
	}
	old := d.stage.ballast
	d.stage.ballast = next
	limit, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	return old.await(limit)
}

func (d *drill) killBallast(ctx context.Context) error {
	if err := d.stage.ballast.kill(); err != nil {
		return err
	}
	next, err := d.stage.startBallast(ctx)
	d.stage.ballast = next
	return err
}

// report ends the loads and says what became of them.
func (d *drill) report(loads map[string]*steady.Load) error {
	fmt.Fprintln(d.out)
	for _, kind := range slices.Sorted(maps.Keys(d.log.counts())) {
		fmt.Fprintf(d.out, "%4d x %s\n", d.log.counts()[kind], kind)
	}
	var all []string
	for _, p := range pools {
		r := loads[p.name].Stop()
		excused, others := d.log.judge(p.name, r.Failures)
		fmt.Fprintf(d.out, "pool %-6s %d requests, %d failed that should not have, the slowest answer took %s\n",
			p.name, r.Sent, len(others), r.Slowest.Round(time.Millisecond))
		for _, kind := range slices.Sorted(maps.Keys(excused)) {
			fmt.Fprintf(d.out, "            %d excused: %s\n", excused[kind], kind)
		}
		all = append(all, others...)
	}
	for _, line := range all {
		fmt.Fprintln(d.out, line)
	}
	if len(all) > 0 {
		return fmt.Errorf("%d requests failed that should not have (seed %d)", len(all), d.seed)
	}
	return nil
}

// check looks whether anything is left that nobody asked for, when the load is over.
func (d *drill) check(ctx context.Context) error {
	want := 0
	for _, p := range pools {
		want += p.size
	}
	const warm = 1
	return child.Until(ctx, "no container but those of the pools, and one warm clone", func(ctx context.Context) error {
		ids, err := d.stage.docker(ctx, "ps", "--all", "--format", "{{.Names}}")
		if n := len(slices.Collect(lines(ids))); err == nil && n != want+warm {
			err = fmt.Errorf("%d containers, want %d: %s", n, want+warm, ids)
		}
		return err
	})
}

func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}
