package containers

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

// script is an engine whose containers a test changes by hand.
type script struct {
	mu         sync.Mutex
	containers map[string]engine.Container
	watchers   map[chan engine.Event]bool
	info       engine.Info

	// gone makes every call fail, deaf only Watch; mute loses events.
	gone, deaf, mute bool
	// onList runs at the end of each List, outside the lock; onInspect may fail an inspection.
	onList    func()
	onInspect func(id string) error

	infos, lists, inspections int
}

func newScript(all ...engine.Container) *script {
	s := &script{
		containers: make(map[string]engine.Container), watchers: make(map[chan engine.Event]bool),
		info: engine.Info{Kind: "script", Version: "1", ContainersReachable: true},
	}
	for _, c := range all {
		s.containers[c.ID] = c
	}
	return s
}

var _ Observed = (*script)(nil)

func (s *script) Info(context.Context) (engine.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.infos++
	info := s.info
	info.Time = time.Now()
	if s.gone {
		return engine.Info{}, engine.ErrUnavailable
	}
	return info, nil
}

func (s *script) List(context.Context) ([]engine.Summary, error) {
	s.mu.Lock()
	s.lists++
	var all []engine.Summary
	for _, c := range s.containers {
		all = append(all, c.Summary)
	}
	gone, then := s.gone, s.onList
	s.mu.Unlock()
	if gone {
		return nil, engine.ErrUnavailable
	}
	if then != nil {
		then()
	}
	return all, nil
}

func (s *script) Inspect(_ context.Context, id string) (engine.Container, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inspections++
	if s.gone {
		return engine.Container{}, engine.ErrUnavailable
	}
	if s.onInspect != nil {
		if err := s.onInspect(id); err != nil {
			return engine.Container{}, err
		}
	}
	c, ok := s.containers[id]
	if !ok {
		return engine.Container{}, engine.ErrNotFound
	}
	return c, nil
}

func (s *script) Watch(ctx context.Context, since time.Time) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		s.mu.Lock()
		if s.gone || s.deaf {
			s.mu.Unlock()
			yield(engine.Event{}, engine.ErrUnavailable)
			return
		}
		events := make(chan engine.Event, 4096)
		s.watchers[events] = true
		s.mu.Unlock()
		if since.IsZero() || since.After(time.Now()) {
			yield(engine.Event{}, errors.New("subscribed without a time in the past"))
			return
		}
		if !yield(engine.Event{Action: engine.ActionSubscribed}, nil) {
			return
		}
		for {
			select {
			case <-ctx.Done():
				yield(engine.Event{}, ctx.Err())
				return
			case e, ok := <-events:
				if !ok {
					yield(engine.Event{}, errors.New("stream cut"))
					return
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// emit tells the watchers, with the time of now where the event has none.
func (s *script) emit(e engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	for w := range s.watchers {
		if !s.mute {
			w <- e
		}
	}
}

// cut ends all streams.
func (s *script) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		close(w)
		delete(s.watchers, w)
	}
}

// set changes the script itself.
func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// counts are the numbers of lists and inspections so far.
func (s *script) counts() (lists, inspections int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists, s.inspections
}

// alter changes a container and tells of it.
func (s *script) alter(id string, action engine.Action, change func(*engine.Container)) {
	s.mu.Lock()
	c := s.containers[id]
	change(&c)
	s.containers[c.ID] = c
	s.mu.Unlock()
	s.emit(engine.Event{Action: action, ID: c.ID, Name: c.Name})
}

func (s *script) run(c engine.Container) {
	c.StartedAt = time.Now()
	s.set(func(s *script) { s.containers[c.ID] = c })
	s.emit(engine.Event{Action: engine.ActionStart, ID: c.ID})
}

func (s *script) start(id string) {
	s.alter(id, engine.ActionStart, func(c *engine.Container) { c.State, c.StartedAt = engine.StateRunning, time.Now() })
}

func (s *script) signal(id string, signal int) {
	s.emit(engine.Event{Action: engine.ActionKill, ID: id, Signal: signal})
}

func (s *script) die(id string) {
	s.alter(id, engine.ActionDie, func(c *engine.Container) { c.State = engine.StateExited })
}

func (s *script) remove(id string) {
	s.set(func(s *script) { delete(s.containers, id) })
	s.emit(engine.Event{Action: engine.ActionDestroy, ID: id})
}

func (s *script) all() []engine.Container {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []engine.Container
	for _, c := range s.containers {
		all = append(all, c)
	}
	return all
}

// stage is a running Reconciler with its script, inside a synctest bubble.
type stage struct {
	*script
	r         *Reconciler
	published []*Snapshot
	stop      func()
}

// play runs story in a bubble, with a Reconciler that has synced once.
func play(t *testing.T, s *script, options ReconcilerOptions, story func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st := perform(t, s, options)
		defer st.stop()
		synctest.Wait()
		story(t, st)
	})
}

func perform(t *testing.T, s *script, options ReconcilerOptions) *stage {
	st := &stage{script: s}
	for id, c := range s.containers { // By the bubble's clock.
		c.StartedAt = time.Now().Add(-time.Hour)
		s.containers[id] = c
	}
	options.Engine, options.Prefix = s, "ballast"
	if options.Logger.GetLevel() == zerolog.NoLevel {
		options.Logger = zerolog.Nop()
	}
	options.Publish = func(s *Snapshot) { st.published = append(st.published, s) }
	st.r = NewReconciler(options)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- st.r.Run(ctx) }()
	st.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v after its context ended, want nil", err)
		}
	}
	return st
}

// pass lets time pass and what happens in it come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// backend finds a backend of the latest snapshot; zero if it is not one.
func (st *stage) backend(name string) Backend {
	for _, p := range st.r.Snapshot().Pools {
		for _, b := range p.Backends {
			if b.Name == name {
				return b
			}
		}
	}
	return Backend{}
}

func (st *stage) expect(t *testing.T, name string, want State) {
	t.Helper()
	if got := st.backend(name); got.State != want {
		t.Errorf("backend %s is %q (%s), want %q", name, got.State, got.Reason, want)
	}
}

// truth is what the snapshot should tell of the containers as they are, but for identities that
// were made anew because a container came back.
func (st *stage) truth(t *testing.T) {
	t.Helper()
	want, have := Build(input(st.all()...)), plain(st.r.Snapshot())
	if !Equal(want, have) {
		t.Errorf("snapshot is\n%v\nwant\n%v", picture(have), picture(want))
	}
}

func plain(s *Snapshot) *Snapshot {
	started := make(map[string]int64)
	for _, e := range s.Entries {
		started[e.Container.ID] = e.Container.StartedAt.UnixNano()
	}
	copied := &Snapshot{Entries: s.Entries}
	for _, p := range s.Pools {
		pool := *p
		pool.Backends = slices.Clone(p.Backends)
		for i := range pool.Backends {
			pool.Backends[i].StartedAt = started[pool.Backends[i].Container]
		}
		copied.Pools = append(copied.Pools, &pool)
	}
	return copied
}

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

func sameAddress(a, b netip.Addr) bool { return a == b }
