package app

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/containers/autoscale"
	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// What starts and never passes a check is no capacity, however long ago the container began: Ballast may be younger.
func TestSample_who_never_passes_a_check(t *testing.T) {
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	b := containers.Backend{
		Identity: containers.Identity{Container: "a", StartedAt: 1, Address: netip.MustParseAddrPort("10.0.0.1:80")},
		Name:     "web-a", Weight: 1, Scheme: "http", State: containers.StateReady,
	}
	core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{Name: "web", Settings: containers.DefaultSettings(), Backends: []containers.Backend{b}}}})
	r := &readings{core: core}
	began := time.Now()
	for _, tt := range []struct {
		after               time.Duration
		starting, unhealthy int
	}{{0, 1, 0}, {containers.ReadyWithin - time.Second, 1, 0}, {containers.ReadyWithin, 0, 1}, {time.Hour, 0, 1}} {
		r.starting.begin()
		s := r.sample(core.Pool("web"), containers.FleetStatus{}, nil, began.Add(tt.after))
		if s.Starting != tt.starting || s.Unhealthy != tt.unhealthy || s.Originals != 1 {
			t.Errorf("after %s: %d starting, %d unhealthy, %d originals, want %d, %d, 1", tt.after, s.Starting, s.Unhealthy, s.Originals, tt.starting, tt.unhealthy)
		}
	}
	core.SetHealth(b.Identity, true, "")
	r.starting.begin()
	if s := r.sample(core.Pool("web"), containers.FleetStatus{}, nil, began.Add(2*time.Hour)); s.Ready != 1 || s.Unhealthy != 0 {
		t.Errorf("%d ready, %d unhealthy when it has passed one, want 1, 0", s.Ready, s.Unhealthy)
	}
}

func TestUnstarted(t *testing.T) {
	entry := func(pool string, state engine.State, clone *containers.Clone) containers.Entry {
		return containers.Entry{Pool: pool, Clone: clone, Container: engine.Container{Summary: engine.Summary{State: state}}}
	}
	tests := []struct {
		name     string
		backends int
		entries  []containers.Entry
		want     bool
	}{
		{"created, not started", 0, []containers.Entry{entry("web", engine.StateCreated, nil)}, true},
		{"another pool's runs", 0, []containers.Entry{entry("web", engine.StateCreated, nil), entry("api", engine.StateRunning, nil)}, true},
		{"one of two is a backend", 1, []containers.Entry{entry("web", engine.StateCreated, nil), entry("web", engine.StateRunning, nil)}, false},
		{"stopped, as from zero", 0, []containers.Entry{entry("web", engine.StateExited, nil)}, false},
		{"a clone is coming", 0, []containers.Entry{entry("web", engine.StateCreated, nil), entry("web", engine.StateCreated, &containers.Clone{})}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &containers.Pool{Name: "web", Backends: make([]containers.Backend, tt.backends)}
			if got := unstarted(&containers.Snapshot{Entries: tt.entries}, p); got != tt.want {
				t.Errorf("unstarted() = %v, want %v", got, tt.want)
			}
		})
	}
}

// lone is a core whose pool "web" has one backend.
func lone(t *testing.T, s containers.Settings) *proxy.Pool {
	t.Helper()
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	b := containers.Backend{
		Identity: containers.Identity{Container: "id", StartedAt: 1, Network: "net", Address: netip.MustParseAddrPort("10.0.0.1:80")},
		Name:     "web-1", Weight: 1, Scheme: containers.SchemeHTTP, State: containers.StateReady,
	}
	core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{Name: "web", Settings: s, Backends: []containers.Backend{b}}}})
	core.SetHealth(b.Identity, true, "")
	return core.Pool("web")
}

// ask does a whole request, which a backend takes so long for.
func ask(t *testing.T, p *proxy.Pool, took time.Duration) {
	x := p.Begin(time.Now())
	_, err := x.Next(&balance.Request{})
	if errors.Is(err, proxy.ErrBusy) {
		_, err = x.Hold(t.Context(), &balance.Request{})
	}
	if err != nil {
		cause := proxy.CauseOf(err)
		x.Done(time.Now(), cause.Problem().Status, cause)
		return
	}
	time.Sleep(took)
	x.Done(time.Now(), 200, proxy.CauseNone)
}

// The simulator has the same story.
func TestReadings_a_small_queue_hides_no_demand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := containers.Settings{Policy: balance.PolicyWeighted, Concurrency: 10, Queue: containers.Queue{Size: 10, Timeout: 30 * time.Second}}
		s.Scale = containers.Scale{Min: 1, Max: 50, HoldDown: time.Minute}
		p := lone(t, s)
		r := &readings{}
		var h autoscale.History
		var out autoscale.Outcome
		for range 10 * time.Second / autoscale.Tick {
			for range 50 { // 1000/s; the backend can do 100/s.
				go ask(t, p, 100*time.Millisecond)
			}
			time.Sleep(autoscale.Tick)
			synctest.Wait()
			now := time.Now()
			r.starting.begin()
			out = autoscale.Decide(now, policy(s), &h, r.sample(p, containers.FleetStatus{Blocked: "no image"}, nil, now))
		}
		// 100 slots would be busy, 10 are headroom, and 90 for what waits until there are more.
		if out.Desired != 20 {
			t.Errorf("Desired = %d, want 20", out.Desired)
		}
		time.Sleep(time.Minute)
	})
}

// What people have set outlasts a deploy: also one whose containers are away for a moment, or created and not started yet.
func TestReadings_of_a_pool_that_is_made_anew(t *testing.T) {
	r, _ := acting(t)
	r.done(pause, `{"enabled":false}`)
	for _, c := range r.app.reconciler.Snapshot().Entries {
		if err := r.app.engine.Remove(t.Context(), c.Container.ID, true); err != nil {
			t.Fatal(err)
		}
	}
	r.until("no container is left", func() bool { return len(r.app.reconciler.Snapshot().Pools) == 0 })
	source := &readings{core: r.app.core, fleet: r.app.fleet, usage: r.app.usage, reconciler: r.app.reconciler}
	want := []autoscale.Reading{{Pool: "default", Awaited: true}}
	if diff := cmp.Diff(want, source.Readings(time.Now())); diff != "" {
		t.Errorf("Readings() while requests wait for it (-want +got):\n%s", diff)
	}
	r.until("the scaler awaits it", func() bool { return r.app.scaler.Desired("default") == 0 })
	if r.app.scaler.Override("default").Paused == nil {
		t.Error("the pause is forgotten")
	}
}

func TestReadings_await_the_first_container(t *testing.T) {
	s := &containers.Snapshot{Entries: []containers.Entry{
		{Pool: "web", Container: engine.Container{Summary: engine.Summary{State: engine.StateCreated}}},
	}}
	for _, tt := range []struct {
		name  string
		min   int
		after time.Duration
		want  bool
	}{
		{"just created", 0, 0, true},
		{"not for long", 0, 9 * time.Second, true},
		{"created and left", 0, 10 * time.Second, false},
		{"there is to be one", 1, time.Hour, true}, // What it waits for, a request need not start.
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &containers.Pool{Name: "web", Settings: containers.Settings{Scale: containers.Scale{Min: tt.min, Max: 3}}}
			r, began := &readings{}, time.Now()
			for _, now := range []time.Time{began, began.Add(tt.after)} {
				r.unstarted.begin()
				if got, want := r.awaits(s, p, now), tt.want || now.Equal(began); got != want {
					t.Errorf("awaits() = %v after %s, want %v", got, now.Sub(began), want)
				}
			}
		})
	}
}
