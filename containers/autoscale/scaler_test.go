package autoscale

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// pools is a Source and an Actuator.
type pools struct {
	mu       sync.Mutex
	readings map[string]Reading
	brought  []string
	// boots says that what is asked for is starting at once.
	boots bool
}

func (p *pools) Readings(time.Time) []Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Reading
	for _, r := range p.readings {
		list = append(list, r)
	}
	return list
}

func (p *pools) Bring(_ context.Context, pool string, n int, victims []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.readings[pool]; p.boots {
		r.Sample.Starting = max(0, n-r.Sample.Ready-r.Sample.Unhealthy)
		p.readings[pool] = r
	}
	p.brought = append(p.brought, strings.TrimSpace(fmt.Sprint(pool, " ", n, " ", strings.Join(victims, ","))))
}

// calls are those of Bring.
func (p *pools) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.brought)
}

// set changes a pool's reading.
func (p *pools) set(pool string, change func(*Reading)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.readings[pool]
	r.Pool = pool
	change(&r)
	p.readings[pool] = r
}

// scaler runs a Scaler until the test ends.
func scaler(t *testing.T, p *pools, logs *bytes.Buffer, told func(Decision)) *Scaler {
	t.Helper()
	s := New(Options{Source: p, Actuator: p, Logger: zerolog.New(logs), OnDecision: told})
	t.Cleanup(start(t, s))
	return s
}

// start runs a Scaler until it is stopped.
func start(t *testing.T, s *Scaler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return func() { cancel(); run.Wait() }
}

// after lets time pass and all that follows from it happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestScaler_acts_on_decisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		var logs bytes.Buffer
		var told []Decision
		p.set("web", func(r *Reading) {
			r.Policy = Policy{Min: 3, Max: 6, HoldDown: 5 * time.Second}
			r.Sample = Sample{Ready: 1, Originals: 1}
		})
		s := scaler(t, p, &logs, func(d Decision) { told = append(told, d) })
		after(time.Second)
		p.set("web", func(r *Reading) {
			r.Sample.Ready, r.Sample.Clones = 3, []Clone{{ID: "a"}, {ID: "b"}}
			r.Policy.Min = 1
		})
		after(14 * time.Second)

		// The sample still shows three: the same is not asked for more often than every 5 s.
		want := []string{"web 3", "web 2 b", "web 2 b"}
		if diff := cmp.Diff(want, p.calls()); diff != "" {
			t.Errorf("Bring calls (-want +got):\n%s", diff)
		}
		if got := s.Desired("web"); got != 1 {
			t.Errorf("Desired() = %d, want 1", got)
		}
		if len(told) != 3 || told[0].Pool != "web" || told[0].Action != ActionScaleOut {
			t.Errorf("OnDecision was told %+v", told)
		}
		for _, want := range []string{
			`{"level":"info","pool":"web","from":1,"to":3,"reason":"at least 3 backends by scale.min; 1 ready, 0 starting: start 2","message":"scaled out"}`,
			`"message":"scaled in"`,
		} {
			if !strings.Contains(logs.String(), want) {
				t.Errorf("log lacks %s:\n%s", want, &logs)
			}
		}
	})
}

func TestScaler_does_not_act_on_refusals_and_dry_runs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		var logs bytes.Buffer
		p.set("dry", func(r *Reading) {
			r.Policy = Policy{Min: 3, Max: 6, DryRun: true}
			r.Sample = Sample{Ready: 1, Originals: 1}
		})
		p.set("stuck", func(r *Reading) {
			r.Policy = Policy{Min: 3, Max: 6}
			r.Sample = Sample{Ready: 1, Originals: 1, Blocked: "no image"}
		})
		s := scaler(t, p, &logs, nil)
		after(30 * time.Second)
		if len(p.calls()) != 0 {
			t.Errorf("Bring calls = %q, want none", p.calls())
		}
		for pool, want := range map[string]Action{"dry": ActionScaleOut, "stuck": ActionRefuse} {
			if got := s.Decisions(pool); len(got) != 1 || got[0].Action != want {
				t.Errorf("Decisions(%s) = %+v, want one %s", pool, got, want)
			}
		}
		for _, want := range []string{"refused to scale", "would scale out"} {
			if strings.Count(logs.String(), want) != 1 {
				t.Errorf("log does not say %q once:\n%s", want, &logs)
			}
		}
	})
}

func TestScaler_gives_up_what_could_not_be_made_and_is_not_needed_any_more(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		p.set("web", func(r *Reading) {
			r.Policy = Policy{Min: 3, Max: 6, HoldDown: 5 * time.Second}
			r.Sample = Sample{Ready: 1, Originals: 1}
		})
		scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		p.set("web", func(r *Reading) { r.Policy.Min, r.Sample.Blocked = 1, "no image" })
		after(3 * time.Second)
		if diff := cmp.Diff([]string{"web 3"}, p.calls()); diff != "" {
			t.Errorf("Bring calls within the hold-down (-want +got):\n%s", diff)
		}
		p.set("web", func(r *Reading) { r.Sample.Stale = true })
		after(10 * time.Second)
		if diff := cmp.Diff([]string{"web 3"}, p.calls()); diff != "" {
			t.Errorf("Bring calls with stale data (-want +got):\n%s", diff)
		}
		p.set("web", func(r *Reading) { r.Sample.Stale = false })
		after(10 * time.Second)
		if diff := cmp.Diff([]string{"web 3", "web 1"}, p.calls()); diff != "" {
			t.Errorf("Bring calls after the hold-down (-want +got):\n%s", diff)
		}
	})
}

func TestScaler_asks_for_no_more_when_it_becomes_a_dry_run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		p.set("web", func(r *Reading) {
			r.Policy = Policy{Min: 3, Max: 6, HoldDown: time.Hour}
			r.Sample = Sample{Ready: 1, Originals: 1}
		})
		scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		p.set("web", func(r *Reading) { r.Policy.DryRun = true })
		after(10 * time.Second)
		if diff := cmp.Diff([]string{"web 3", "web 1"}, p.calls()); diff != "" {
			t.Errorf("Bring calls (-want +got):\n%s", diff)
		}
	})
}

func TestScaler_leaves_what_somebody_starts_for_as_long_as_it_may_be_idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		p.set("web", func(r *Reading) { r.Policy = Policy{Max: 6, Idle: time.Minute, HoldDown: 5 * time.Second} })
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Hour)
		p.set("web", func(r *Reading) { r.Sample.Starting, r.Sample.Originals = 1, 1 })
		after(90 * time.Second) // Booting is not being idle.
		p.set("web", func(r *Reading) { r.Sample.Starting, r.Sample.Ready = 0, 1 })
		after(58 * time.Second)
		if got := s.Decisions("web"); len(got) > 0 || len(p.calls()) > 0 {
			t.Errorf("decided %+v and Bring calls %q, want none yet", got, p.calls())
		}
		after(2 * time.Second)
		if diff := cmp.Diff([]string{"web 0"}, p.calls()); diff != "" {
			t.Errorf("Bring calls (-want +got):\n%s", diff)
		}
	})
}

func TestScaler_Decisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		flip := func(pool string, blocked string) {
			p.set(pool, func(r *Reading) {
				r.Policy = Policy{Min: 2, Max: 6}
				r.Sample = Sample{Ready: 1, Originals: 1, Blocked: blocked}
			})
		}
		s := scaler(t, p, &bytes.Buffer{}, nil)
		for i := range Kept + 10 {
			flip("a", fmt.Sprint("reason ", i, ";"))
			if i == Kept {
				flip("b", "other")
			}
			after(Tick)
		}
		got := s.Decisions("a")
		if len(got) != Kept {
			t.Fatalf("%d decisions kept, want %d", len(got), Kept)
		}
		if newest := fmt.Sprint("reason ", Kept+9, ";"); !strings.HasPrefix(got[0].Reason, newest) {
			t.Errorf("newest = %q, want %q", got[0].Reason, newest)
		}
		if !strings.HasPrefix(got[Kept-1].Reason, "reason 10;") {
			t.Errorf("oldest = %q, want reason 10", got[Kept-1].Reason)
		}
		all := s.Decisions("")
		if len(all) != Kept+1 {
			t.Fatalf("%d decisions of all pools, want %d", len(all), Kept+1)
		}
		for i := 1; i < len(all); i++ {
			if all[i].Time.After(all[i-1].Time) {
				t.Fatalf("decision %d is newer than the one before it", i)
			}
		}

		p.mu.Lock()
		delete(p.readings, "a")
		p.mu.Unlock()
		after(Tick)
		if got := s.Decisions("a"); len(got) != 0 || s.Desired("a") != 0 {
			t.Errorf("a pool that vanished is remembered: %d decisions, desired %d", len(got), s.Desired("a"))
		}
		if got := s.Decisions("b"); len(got) != 1 {
			t.Errorf("the other pool has %d decisions, want 1", len(got))
		}
	})
}

func TestScaler_looks_at_once_when_nudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		var outlooks []Outlook
		s := New(Options{
			Source: p, Actuator: p, Logger: zerolog.Nop(),
			OnOutlook: func(_ string, o Outlook) { outlooks = append(outlooks, o) },
		})
		p.set("web", func(r *Reading) {
			r.Policy = Policy{Max: 3, Concurrency: 10, Idle: time.Minute}
			r.Sample = Sample{StartTakes: time.Second}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = s.Run(ctx) })
		defer run.Wait()
		defer cancel()
		after(10*Tick + time.Millisecond) // Just after a look.
		if len(p.calls()) > 0 {
			t.Fatalf("Bring calls = %q before any request", p.calls())
		}
		p.set("web", func(r *Reading) { r.Sample.Requests, r.Sample.InFlight, r.Sample.Queued = 1, 1, 1 })
		s.Nudge()
		s.Nudge() // One look serves both.
		synctest.Wait()
		if want := []string{"web 1"}; cmp.Diff(want, p.calls()) != "" {
			t.Errorf("Bring calls = %q, want %q without waiting", p.calls(), want)
		}
		if want := (Outlook{Coming: true, In: time.Second}); outlooks[len(outlooks)-1] != want {
			t.Errorf("last outlook = %+v, want %+v", outlooks[len(outlooks)-1], want)
		}
	})
}
