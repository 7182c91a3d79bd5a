package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine/docker"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/health"
)

var hours = flag.Float64("hours", 1, "how many hours the long run takes by its own clock; a week are 168")

// comeAndGo is how often a container is replaced by another in the long run: in a week some 10,000 come and go.
const comeAndGo = time.Minute

// long is all of Ballast but its listeners, on a fake daemon, by a fake clock.
type long struct {
	*fakedaemon.Daemon
	core       *proxy.Core
	reconciler *containers.Reconciler
	scaler     *autoscale.Scaler

	served atomic.Int64
	mu     sync.Mutex
	lost   []string // guarded by mu
	// came is how many containers the test has started.
	came int
	ids  []string
}

// always passes each check.
type always struct{}

func (always) Check(context.Context, netip.AddrPort, health.Check) error { return nil }

// In a long time in which containers come and go, pools scale out, in, and to zero, and the daemon is away now and then, nothing
// grows: no goroutine, no memory; and no request is lost.
func TestApp_long_run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := startLong(t)
		half := time.Duration(*hours / 2 * float64(time.Hour))
		l.live(t, half) // What is kept of the past is full some time.
		goroutines, heap := l.rest()
		l.live(t, half)
		after, grown := l.rest()
		t.Logf("in %v hours %d containers came and went, %d requests were served; in the second half goroutines %d -> %d, heap %d -> %d KB",
			*hours, l.came, l.served.Load(), goroutines, after, heap>>10, grown>>10)
		if after > goroutines+5 {
			t.Errorf("%d goroutines became %d", goroutines, after)
		}
		if grown > heap+heap/10+1<<20 {
			t.Errorf("a heap of %d KB became one of %d KB", heap>>10, grown>>10)
		}
		if n := len(l.lost); n > 0 || l.served.Load() == 0 {
			t.Errorf("%d requests were lost, %d were served: %q", n, l.served.Load(), l.lost[:min(n, 20)])
		}
	})
}

func startLong(t *testing.T) *long {
	l := &long{Daemon: fakedaemon.New(t, fakedaemon.Options{})}
	l.AddNetwork("front")
	e, err := docker.New(docker.Options{Host: "unix:///fake", Dial: l.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if _, err := e.Info(t.Context()); err != nil { // Docker's client agrees on a version under a mutex.
		t.Fatal(err)
	}
	log := zerolog.Nop()
	var fleet *containers.Fleet
	l.core = proxy.New(proxy.Options{
		Logger: log, OnHold: func(string) { l.scaler.Nudge() },
		OnReady:  func(_ string, b containers.Backend) { fleet.Ready(b.Container) },
		OnProven: func(_ string, b containers.Backend) { fleet.Proven(b.Container) },
	})
	fleet = containers.NewFleet(containers.FleetOptions{Engine: e, Traffic: l.core, Instance: "long", Prefix: "ballast", Logger: log})
	prober := health.New(always{}, func(r health.Result[containers.Identity]) { l.core.SetHealth(r.Key, r.Healthy, r.Reason) }, log)
	usage := containers.NewUsage(containers.UsageOptions{Engine: e, Logger: log})
	l.reconciler = containers.NewReconciler(containers.ReconcilerOptions{
		Engine: e, Prefix: "ballast", Instance: "long", Logger: log, Sight: l.core.SetSight,
		Publish: func(s *containers.Snapshot) {
			fleet.Apply(s)
			usage.Apply(s)
			l.core.Apply(s)
			prober.Set(l.core.Targets())
		},
	})
	l.scaler = autoscale.New(autoscale.Options{
		Source:   &readings{core: l.core, fleet: fleet, usage: usage, reconciler: l.reconciler, instance: "long"},
		Actuator: fleet, Logger: log,
		OnOutlook: func(pool string, o autoscale.Outlook) { l.core.SetOutlook(pool, proxy.Outlook(o)) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	runs := []func(context.Context) error{l.reconciler.Run, l.core.Run, prober.Run, fleet.Run, usage.Run, l.scaler.Run}
	ended := make(chan error, len(runs))
	for _, run := range runs {
		go func() { ended <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range runs {
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("a component ended with %v", err)
			}
		}
	})
	l.join(t, "zero", map[string]string{"scale.min": "0", "scale.max": "4", "scale.idle": "1m", "concurrency": "2"})
	l.join(t, "scaled", map[string]string{"scale.max": "6", "scale.warm": "1", "scale.hold-down": "30s", "concurrency": "2"})
	return l
}

// join runs a container in a pool of a name.
func (l *long) join(t *testing.T, pool string, labels map[string]string) string {
	t.Helper()
	all := map[string]string{"ballast.enable": "true", "ballast.pool": pool, "ballast.health.path": "/"}
	for k, v := range labels {
		all["ballast."+k] = v
	}
	l.came++
	id, err := l.Run(fakedaemon.Config{Name: fmt.Sprintf("%s-%d", pool, l.came), Network: "front", Labels: all})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// live lets so much time pass: each minute a container replaces another, and each ten minutes there are many requests for
// two minutes; now and then the daemon is away for a while.
func (l *long) live(t *testing.T, d time.Duration) {
	for minute := range int(d / comeAndGo) {
		l.ids = append(l.ids, l.join(t, "changing", nil))
		if len(l.ids) > 3 {
			if err := l.Stop(l.ids[0], time.Second); err != nil {
				t.Error(err)
			}
			if err := l.Remove(l.ids[0], false); err != nil {
				t.Error(err)
			}
			l.ids = l.ids[1:]
		}
		for range 30 {
			l.ask("changing", 1)
			if minute%10 < 2 {
				l.ask("scaled", 10)
				l.ask("zero", 5)
			}
			<-time.After(comeAndGo / 30)
		}
		if minute%30 == 19 { // Right before pools that sleep are asked.
			l.Cut()
			<-time.After(100 * time.Millisecond)
		}
	}
	<-time.After(2 * time.Minute)
}

// ask sends requests to a pool at once, each of which takes half a second.
func (l *long) ask(pool string, n int) {
	p := l.core.Pool(pool)
	if p == nil {
		return
	}
	for range n {
		go func() {
			x := p.Begin(time.Now())
			_, err := x.Next(&balance.Request{})
			if errors.Is(err, proxy.ErrBusy) {
				_, err = x.Hold(context.Background(), &balance.Request{})
			}
			if err != nil {
				l.mu.Lock()
				l.lost = append(l.lost, fmt.Sprintf("%s, %s: %v", time.Now().Format("2 15:04:05.000"), pool, err))
				l.mu.Unlock()
				x.Done(time.Now(), 503, proxy.CauseOf(err))
				return
			}
			<-time.After(500 * time.Millisecond)
			l.served.Add(1)
			x.Done(time.Now(), 200, proxy.CauseNone)
		}()
	}
}

// rest is how many goroutines there are, and how much memory is in use, when nothing goes on.
func (l *long) rest() (goroutines int, heap uint64) {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}
