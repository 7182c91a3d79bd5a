package health_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/proxy/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script answers checks by path, and notes when they came.
type script struct {
	mu     sync.Mutex
	errs   map[string]error // guarded by mu
	checks map[string][]time.Duration
	start  time.Time
	took   time.Duration
}

func newScript() *script {
	return &script{errs: map[string]error{}, checks: map[string][]time.Duration{}, start: time.Now()}
}

func (s *script) Check(ctx context.Context, _ netip.AddrPort, c health.Check) error {
	s.mu.Lock()
	err, took := s.errs[c.Path], s.took
	s.checks[c.Path] = append(s.checks[c.Path], time.Since(s.start))
	s.mu.Unlock()
	select {
	case <-time.After(took):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *script) set(path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs[path] = err
}

func (s *script) times(path string) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.checks[path]...)
}

// recorder keeps what was reported.
type recorder struct {
	mu  sync.Mutex
	all []health.Result[string]
}

func (r *recorder) report(result health.Result[string]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, result)
}

// take returns what was reported since the last take.
func (r *recorder) take() []health.Result[string] {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

func target(key string, interval time.Duration) health.Target[string] {
	return health.Target[string]{Key: key, Check: health.Check{
		Path: key, Interval: interval, Timeout: time.Second, Fall: 3, Rise: 2,
	}}
}

// inBubble runs f with a prober that runs, in synthetic time.
func inBubble(t *testing.T, f func(p *health.Prober[string], s *script, r *recorder)) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newScript(), &recorder{}
		p := health.New(s, r.report, zerolog.Nop())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		f(p, s, r)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want the context's error", err)
		}
	})
}

func wantResults(t *testing.T, r *recorder, want ...health.Result[string]) {
	t.Helper()
	if diff := cmp.Diff(want, r.take()); diff != "" {
		t.Errorf("reports differ (-want +got):\n%s", diff)
	}
}

// pass lets synthetic time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestProber_checks_new_targets_at_once(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, r *recorder) {
		p.Set([]health.Target[string]{target("a", 10*time.Second)})
		synctest.Wait()
		wantResults(t, r, health.Result[string]{Key: "a", Healthy: true})
		if got := s.times("a"); len(got) != 1 || got[0] != 0 {
			t.Errorf("checks at %v, want one at once", got)
		}
	})
}

func TestProber_finds_a_starting_backend_soon(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, r *recorder) {
		s.set("a", errors.New("refused"))
		p.Set([]health.Target[string]{target("a", 10*time.Second)})
		pass(500 * time.Millisecond)
		wantResults(t, r, health.Result[string]{Key: "a", Reason: "refused"})
		s.set("a", nil)
		pass(300 * time.Millisecond)
		wantResults(t, r, health.Result[string]{Key: "a", Healthy: true})
	})
}

func TestProber_keeps_to_the_interval_give_or_take_a_tenth(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, _ *recorder) {
		p.Set([]health.Target[string]{target("a", 10*time.Second)})
		pass(10 * time.Minute)
		times := s.times("a")
		if len(times) < 54 || len(times) > 67 {
			t.Fatalf("%d checks in 10 minutes, want about 61", len(times))
		}
		for i := 1; i < len(times); i++ {
			if d := times[i] - times[i-1]; d < 9*time.Second || d > 11*time.Second {
				t.Errorf("%s between two checks, want 9s to 11s", d)
			}
		}
	})
}

func TestProber_holds_fall_and_rise_while_checks_flap(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, r *recorder) {
		p.Set([]health.Target[string]{target("a", time.Second)})
		synctest.Wait()
		wantResults(t, r, health.Result[string]{Key: "a", Healthy: true})
		refused := errors.New("refused")
		// Checks come at least each 1.1 s, so two or fewer in a row fail.
		for range 20 {
			s.set("a", refused)
			pass(1500 * time.Millisecond)
			s.set("a", nil)
			pass(1500 * time.Millisecond)
		}
		wantResults(t, r)
		s.set("a", refused)
		pass(4 * time.Second)
		wantResults(t, r, health.Result[string]{Key: "a", Reason: "refused"})
		s.set("a", nil)
		pass(3 * time.Second)
		wantResults(t, r, health.Result[string]{Key: "a", Healthy: true})
	})
}

func TestProber_Set_replaces_the_set(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, r *recorder) {
		both := []health.Target[string]{target("a", 10*time.Second), target("b", 10*time.Second)}
		p.Set(both)
		synctest.Wait()
		r.take()

		p.Set(both[:1])
		synctest.Wait()
		before := len(s.times("b"))
		pass(time.Minute)
		if got := len(s.times("b")); got != before {
			t.Errorf("a vanished target was checked %d times more", got-before)
		}
		if got := len(s.times("a")); got < 6 {
			t.Errorf("the one that stayed was checked %d times in a minute", got)
		}
		wantResults(t, r) // The one that stayed kept its state.

		p.Set(both)
		synctest.Wait()
		wantResults(t, r, health.Result[string]{Key: "b", Healthy: true}) // A new one again.
	})
}

func TestProber_Set_lets_a_changed_check_take_effect(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, r *recorder) {
		p.Set([]health.Target[string]{target("a", time.Hour)})
		synctest.Wait()
		changed := target("a", time.Second)
		changed.Check.Path = "other"
		p.Set([]health.Target[string]{changed})
		pass(10 * time.Second)
		if got := len(s.times("other")); got < 9 {
			t.Errorf("the changed check was done %d times in 10 s, want about 11", got)
		}
		wantResults(t, r, health.Result[string]{Key: "a", Healthy: true})
	})
}

func TestProber_fails_slow_checks(t *testing.T) {
	tests := []struct {
		name string
		took time.Duration
		want health.Result[string]
	}{
		{"within the latency", 10 * time.Millisecond, health.Result[string]{Key: "a", Healthy: true}},
		{"over the latency", 300 * time.Millisecond, health.Result[string]{Key: "a", Reason: "took longer than 200ms"}},
		{"over the timeout", time.Minute, health.Result[string]{Key: "a", Reason: "no answer within 1s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(p *health.Prober[string], s *script, r *recorder) {
				s.took = tt.took
				slow := target("a", 10*time.Second)
				slow.Check.MaxLatency = 200 * time.Millisecond
				p.Set([]health.Target[string]{slow})
				pass(1200 * time.Millisecond)
				wantResults(t, r, tt.want)
			})
		})
	}
}

func TestProber_without_a_path_tries_to_connect(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	results := make(chan health.Result[string], 8)
	p := health.New(nil, func(r health.Result[string]) { results <- r }, zerolog.Nop())
	check := health.Check{Interval: time.Hour, Timeout: 5 * time.Second, Fall: 3, Rise: 2}
	p.Set([]health.Target[string]{
		{Key: "up", Address: netip.MustParseAddrPort(listener.Addr().String()), Check: check},
		{Key: "down", Address: netip.MustParseAddrPort(closed.Addr().String()), Check: check},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	got := map[string]health.Result[string]{}
	for len(got) < 2 {
		r := <-results
		got[r.Key] = r
	}
	cancel()
	<-done
	if r := got["up"]; !r.Healthy {
		t.Errorf("the one that listens is reported as %+v", r)
	}
	if r := got["down"]; r.Healthy || !strings.Contains(r.Reason, "refused") || strings.Contains(r.Reason, "127.0.0.1") {
		t.Errorf("the one that does not is reported as %+v, want a reason without addresses", r)
	}
}

func TestProber_Last(t *testing.T) {
	inBubble(t, func(p *health.Prober[string], s *script, _ *recorder) {
		if c, ok := p.Last("a"); ok {
			t.Errorf("Last() of no target = %+v, want none", c)
		}
		began := time.Now()
		s.took = 3 * time.Millisecond
		p.Set([]health.Target[string]{target("a", 10*time.Second), target("b", 10*time.Second)})
		pass(5 * time.Millisecond)
		if got, ok := p.Last("a"); !ok || got != (health.Checked{Time: began.Add(3 * time.Millisecond), Took: 3 * time.Millisecond}) {
			t.Errorf("Last() = %+v, %t, want a pass that took 3 ms", got, ok)
		}
		s.set("a", errors.New("refused")) // One failure changes no verdict.
		pass(11 * time.Second)
		if got, _ := p.Last("a"); got.Reason != "refused" || time.Since(got.Time) > 3*time.Second {
			t.Errorf("Last() = %+v, want what failed", got)
		}
		p.Set([]health.Target[string]{target("b", 10*time.Second)})
		if _, ok := p.Last("a"); ok {
			t.Error("Last() tells of a target that vanished")
		}
		p.Set([]health.Target[string]{target("a", 10*time.Second), target("b", 10*time.Second)})
		if _, ok := p.Last("a"); ok {
			t.Error("Last() tells of a target that came back what it was before")
		}
	})
}
