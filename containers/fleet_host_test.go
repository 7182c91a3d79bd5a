package containers_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/engine"
)

// host is an engine without real containers that also does what surrounds a Fleet: it publishes
// snapshots a little after each change, reports readiness and drains. It belongs to one bubble.
type host struct {
	t    *testing.T
	lag  time.Duration // from a change to its snapshot
	took time.Duration // by a creation, and by a start
	boot time.Duration // from a start to readiness

	mu         sync.Mutex
	containers map[string]*engine.Container
	made       int
	// calls are the changes that were asked for, as "create ballast-web-1", and when.
	calls []string
	times []time.Time
	// making and most count creations at the same time.
	making, most int
	fleets       []*containers.Fleet
	// fail is asked before each change; an error is the answer.
	fail func(call string) error
	// crashAfter, if not 0, ends each container so long after its start.
	crashAfter time.Duration
	neverReady bool
	// busy holds the drains of a container open until its channel is closed.
	busy map[string]chan struct{}
	// hidden are those that are kept out of rotation, served those that were ready in it since they last started or woke.
	hidden, served map[string]bool
	// sick are containers, by ID, that fail their checks until they start again; deaf says that the engine is not heard.
	sick map[string]bool
	deaf bool

	publishing sync.Mutex
	dirty      chan struct{}
	logs       logBuffer
}

// logBuffer is a log that several fleets write to.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var _ containers.FleetEngine = (*host)(nil)

func newHost(t *testing.T) *host {
	h := &host{
		t: t, lag: 50 * time.Millisecond, took: 100 * time.Millisecond, boot: time.Second,
		containers: map[string]*engine.Container{}, busy: map[string]chan struct{}{},
		hidden: map[string]bool{}, served: map[string]bool{}, sick: map[string]bool{},
		fail:  func(string) error { return nil },
		dirty: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-h.dirty:
				h.mu.Lock()
				lag := h.lag
				h.mu.Unlock()
				time.Sleep(lag)
				h.publish()
			}
		}
	})
	t.Cleanup(func() { cancel(); publisher.Wait() })
	return h
}

// fleet starts a Fleet on the host until stop is called or the test ends.
func (h *host) fleet(change func(*containers.FleetOptions)) (f *containers.Fleet, stop func()) {
	o := containers.FleetOptions{
		Engine: h, Traffic: h, Instance: "here", Prefix: containers.DefaultPrefix, Logger: zerolog.New(&h.logs),
		Health: h.health,
	}
	if change != nil {
		change(&o)
	}
	f = containers.NewFleet(o)
	ctx, cancel := context.WithCancel(h.t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := f.Run(ctx); err != nil {
			h.t.Errorf("Run() = %v", err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		run.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.fleets = slices.DeleteFunc(h.fleets, func(other *containers.Fleet) bool { return other == f })
	})
	h.t.Cleanup(stop)
	h.mu.Lock()
	h.fleets = append(h.fleets, f)
	running := slices.Collect(maps.Values(h.containers))
	h.mu.Unlock()
	h.publish()
	for _, c := range running {
		h.prove(c.ID, c.StartedAt)
	}
	synctest.Wait()
	return f, stop
}

// set changes the host while its fleets run.
func (h *host) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// failing makes the calls fail that begin with a word.
func (h *host) failing(call string, err error) {
	h.set(func() {
		h.fail = func(asked string) error {
			if err != nil && strings.HasPrefix(asked, call) {
				return err
			}
			return nil
		}
	})
}

// keepBusy holds the drain of a container open until the channel is closed.
func (h *host) keepBusy(id string) (busy chan struct{}) {
	busy = make(chan struct{})
	h.set(func() { h.busy[id] = busy })
	return busy
}

// mostMade is how many clones were made at a time since it was last asked.
func (h *host) mostMade() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := h.most
	h.most = 0
	return most
}

// publish gives all fleets a snapshot of what there is.
func (h *host) publish() {
	h.publishing.Lock()
	defer h.publishing.Unlock()
	h.mu.Lock()
	in := containers.Input{
		Prefix: containers.DefaultPrefix,
		Place:  containers.Place{Reachable: true, PublishedHost: netip.MustParseAddr("127.0.0.1")},
	}
	for _, c := range h.containers {
		in.Containers = append(in.Containers, *c)
	}
	fleets := slices.Clone(h.fleets)
	h.mu.Unlock()
	s := containers.Build(in)
	for _, f := range fleets {
		f.Apply(s)
	}
}

func (h *host) changed() {
	select {
	case h.dirty <- struct{}{}:
	default:
	}
}

// run makes and starts an original, or what labels make of it.
func (h *host) run(name string, labels ...string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]string{"ballast.enable": "true", "ballast.pool": "web", "com.docker.compose.project": "shop", "team": "red"}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		if all[key] = value; value == "" {
			delete(all, key)
		}
	}
	c := h.add(name, all)
	c.State, c.StartedAt = engine.StateRunning, time.Now()
	h.changed()
	return c.ID
}

// clone makes and starts a clone that somebody made.
func (h *host) clone(owner string, slot int, labels ...string) string {
	pool := "web"
	for _, l := range labels {
		if other, ok := strings.CutPrefix(l, "ballast.pool="); ok {
			pool = other
		}
	}
	return h.run(containers.CloneName(pool, slot), append(labels,
		"ballast.clone=true", "ballast.owner="+owner, "ballast.template=web-a", "ballast.slot="+strconv.Itoa(slot))...)
}

func (h *host) add(name string, labels map[string]string) *engine.Container {
	h.made++
	c := &engine.Container{
		Summary: engine.Summary{
			ID: fmt.Sprintf("id%03d", h.made), Name: name, Image: "web:1", ImageID: "sha256:web:1", Labels: labels, State: engine.StateCreated,
		},
		StopSignal: 15, StopTimeout: 7 * time.Second,
		Networks: []engine.Network{{ID: "n1", Name: "net", Address: fmt.Sprintf("10.0.0.%d", h.made%250+1)}},
		Ports:    []engine.Port{{Number: 8080, Protocol: "tcp"}},
	}
	h.containers[c.ID] = c
	return c
}

// change is what happens to a container by itself.
func (h *host) change(name string, change func(*engine.Container)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, c := range h.containers {
		if c.Name == name {
			copied := *c
			change(&copied)
			h.containers[id] = &copied
		}
	}
	h.changed()
}

// vanish removes a container by somebody else's hand.
func (h *host) vanish(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.containers, id)
	h.changed()
}

// names are the containers there are, those that do not run with their state.
func (h *host) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, c := range h.containers {
		name := c.Name
		if c.State != engine.StateRunning {
			name += " " + string(c.State)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (h *host) id(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, c := range h.containers {
		if c.Name == name {
			return id
		}
	}
	h.t.Helper()
	h.t.Fatalf("no container %s", name)
	return ""
}

// asked are the calls of the given kinds since the last call of asked.
func (h *host) asked(kinds ...string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []string
	for _, call := range h.calls {
		kind, _, _ := strings.Cut(call, " ")
		if slices.Contains(kinds, kind) {
			found = append(found, call)
		}
	}
	h.calls, h.times = nil, nil
	return found
}

// created counts the creations after since.
func (h *host) created(since time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for i, call := range h.calls {
		if strings.HasPrefix(call, "create ") && h.times[i].After(since) {
			n++
		}
	}
	return n
}
