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
		hidden: map[string]bool{}, served: map[string]bool{},
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
			ID: fmt.Sprintf("id%03d", h.made), Name: name, Image: "web:1", Labels: labels, State: engine.StateCreated,
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

// begin notes a call and asks whether it fails.
func (h *host) begin(ctx context.Context, act, name string) error {
	call := act + " " + name
	h.calls, h.times = append(h.calls, call), append(h.times, time.Now())
	if err := ctx.Err(); err != nil {
		return err
	}
	return h.fail(call)
}

func (h *host) find(id string) (*engine.Container, error) {
	for _, c := range h.containers {
		if c.ID == id || c.Name == id {
			return c, nil
		}
	}
	return &engine.Container{Summary: engine.Summary{Name: id}}, fmt.Errorf("container %s: %w", id, engine.ErrNotFound)
}

// act does a call on one container.
func (h *host) act(ctx context.Context, act, id string, change func(*engine.Container) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.find(id)
	if failed := h.begin(ctx, act, c.Name); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	copied := *c
	if err := change(&copied); err != nil {
		return err
	}
	h.containers[c.ID] = &copied
	h.changed()
	return nil
}

func (h *host) List(context.Context) ([]engine.Summary, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []engine.Summary
	for _, c := range h.containers {
		list = append(list, c.Summary)
	}
	return list, nil
}

func (h *host) Inspect(ctx context.Context, id string) (engine.Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.find(id)
	if failed := h.begin(ctx, "inspect", c.Name); failed != nil {
		return engine.Container{}, failed
	}
	return *c, err
}

func (h *host) Create(ctx context.Context, spec engine.Spec) (string, error) {
	h.mu.Lock()
	err := h.begin(ctx, "create", spec.Name)
	h.making++
	h.most = max(h.most, h.making)
	h.mu.Unlock()
	time.Sleep(h.took)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.making--
	if err != nil {
		return "", err
	}
	if _, err := h.find(spec.Name); err == nil {
		return "", fmt.Errorf("name %s: %w", spec.Name, engine.ErrConflict)
	}
	if _, err := h.find(spec.Template); err != nil {
		return "", err
	}
	c := h.add(spec.Name, spec.Labels)
	if spec.Image != "" {
		c.Image = spec.Image
	}
	h.changed()
	return c.ID, nil
}

func (h *host) Start(ctx context.Context, id string) error {
	time.Sleep(h.took)
	started := time.Now()
	err := h.act(ctx, "start", id, func(c *engine.Container) error {
		c.State, c.StartedAt = engine.StateRunning, started
		return nil
	})
	if err != nil {
		return err
	}
	h.prove(id, started)
	h.mu.Lock()
	after := h.crashAfter
	h.mu.Unlock()
	if after > 0 {
		time.AfterFunc(after, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if c := h.containers[id]; c != nil && c.State == engine.StateRunning {
				copied := *c
				copied.State, copied.ExitCode = engine.StateExited, 3
				h.containers[id] = &copied
				h.changed()
			}
		})
	}
	return nil
}

// prove reports a container as ready once it is booted.
func (h *host) prove(id string, started time.Time) {
	time.AfterFunc(time.Until(started.Add(h.boot)), func() {
		h.mu.Lock()
		if h.neverReady {
			h.mu.Unlock()
			return
		}
		c := h.containers[id]
		fleets := slices.Clone(h.fleets)
		hidden := h.hidden[id]
		h.served[id] = h.served[id] || !hidden
		h.mu.Unlock()
		if c != nil && c.State == engine.StateRunning {
			for _, f := range fleets {
				if hidden {
					f.Proven(id)
				} else {
					f.Ready(id)
				}
			}
		}
	})
}

// Undrain puts a container back; if it has not served before, it does so now.
func (h *host) Undrain(id string) {
	h.mu.Lock()
	c, err := h.find(id)
	h.calls, h.times = append(h.calls, "undrain "+c.Name), append(h.times, time.Now())
	delete(h.hidden, id)
	anew := err == nil && c.State == engine.StateRunning && !h.served[id]
	started := c.StartedAt
	h.mu.Unlock()
	if anew {
		h.prove(id, started)
	}
}

func (h *host) Pause(ctx context.Context, id string) error {
	return h.act(ctx, "pause", id, func(c *engine.Container) error {
		if c.State != engine.StateRunning {
			return fmt.Errorf("is %s: %w", c.State, engine.ErrConflict)
		}
		c.State = engine.StatePaused
		delete(h.served, id)
		return nil
	})
}

func (h *host) Stop(ctx context.Context, id string, timeout time.Duration) error {
	return h.act(ctx, "stop", id, func(c *engine.Container) error {
		if c.State == engine.StatePaused {
			return fmt.Errorf("paused: %w", engine.ErrConflict)
		}
		if timeout != c.StopTimeout {
			h.t.Errorf("stop timeout of %s = %v, want %v", c.Name, timeout, c.StopTimeout)
		}
		c.State = engine.StateExited
		return nil
	})
}

func (h *host) Unpause(ctx context.Context, id string) error {
	err := h.act(ctx, "unpause", id, func(c *engine.Container) error {
		if c.State != engine.StatePaused {
			return fmt.Errorf("is %s: %w", c.State, engine.ErrConflict)
		}
		c.State = engine.StateRunning
		return nil
	})
	if err == nil {
		h.prove(id, time.Now().Add(20*time.Millisecond-h.boot))
	}
	return err
}

func (h *host) Remove(ctx context.Context, id string, force bool) error {
	act := "remove"
	if force {
		act = "kill"
	}
	err := h.act(ctx, act, id, func(c *engine.Container) error {
		if c.State == engine.StateRunning && !force {
			return fmt.Errorf("running: %w", engine.ErrConflict)
		}
		return nil
	})
	if err == nil {
		h.vanish(id)
	}
	return err
}

// Drain waits as long as the container is busy.
func (h *host) Drain(ctx context.Context, id string) error {
	h.mu.Lock()
	c, _ := h.find(id)
	h.calls, h.times = append(h.calls, "drain "+c.Name), append(h.times, time.Now())
	busy := h.busy[id]
	h.hidden[id] = true
	h.mu.Unlock()
	if busy == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-busy:
		return nil
	}
}
