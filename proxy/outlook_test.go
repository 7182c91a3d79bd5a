package proxy_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

// scaling are the settings of a pool that scales from zero.
func scaling(concurrency, size int, timeout time.Duration) containers.Settings {
	s := limited(concurrency, size, timeout)
	s.Scale = containers.Scale{Max: 5}
	return s
}

// asleep is the core of a pool without backends, and how often it told that somebody waits.
func asleep(s containers.Settings) (*proxy.Core, *proxy.Pool, *[]string) {
	woken := new([]string)
	var mu sync.Mutex // For several may be told at once; who looks lets them be done first.
	c := proxy.New(proxy.Options{Logger: zerolog.Nop(), OnHold: func(pool string) {
		mu.Lock()
		defer mu.Unlock()
		*woken = append(*woken, pool)
	}})
	c.Apply(snapshot(s))
	return c, c.Pool("default"), woken
}

// someone asks for something.
type someone struct {
	agent     string
	navigates bool
}

func (s someone) Agent() string   { return s.agent }
func (s someone) Navigates() bool { return s.navigates }

func waitAs(t *testing.T, p *proxy.Pool, who proxy.Asker) *waiter {
	t.Helper()
	return waitWith(t, p.BeginFor(time.Now(), who), &balance.Request{})
}

// over is a context that has ended.
func over(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func finish(t *testing.T, c *proxy.Core, all ...*waiter) {
	t.Helper()
	for _, w := range all {
		w.done()
	}
	settled(t, c)
}

func TestOutlook_from_zero_exactly_as_many_are_released_as_each_backend_may_serve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaling(2, 100, time.Minute)
		c, p, woken := asleep(s)
		var all []*waiter
		for range 6 {
			all = append(all, wait(t, p))
		}
		expect(t, "nobody is there", "------", all...)
		if got := strings.Join(*woken, " "); got != strings.TrimSpace(strings.Repeat("default ", 6)) {
			t.Errorf("OnHold was called for %q, want once for each", got)
		}
		backends := of(2)
		c.Apply(snapshot(s, backends...))
		synctest.Wait()
		expect(t, "they start", "------", all...)
		heal(c, backends[1])
		synctest.Wait()
		expect(t, "one is ready", "bb----", all...)
		heal(c, backends[0])
		synctest.Wait()
		expect(t, "both are", "bbaa--", all...)
		all[0].done()
		expect(t, "one place is free", "bbaab-", all...)
		finish(t, c, all...)
	})
}

func TestOutlook_without_a_limit_all_are_released(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaling(0, 100, time.Minute)
		c, p, woken := asleep(s)
		first, second := wait(t, p), wait(t, p)
		c.Apply(snapshot(s, of(1)...))
		heal(c, of(1)...)
		synctest.Wait()
		third := wait(t, p)
		expect(t, "one is ready", "aaa", first, second, third)
		if len(*woken) != 2 {
			t.Errorf("OnHold was called %d times, want for the two that waited", len(*woken))
		}
		finish(t, c, first, second, third)
	})
}

func TestOutlook_the_queue_bounds_who_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, _ := asleep(scaling(1, 2, time.Second))
		all := []*waiter{wait(t, p), wait(t, p), wait(t, p)}
		expect(t, "two may wait", "--F", all...)
		pass(time.Second)
		expect(t, "not for ever", "TTF", all...)
		finish(t, c, all...)
	})
}

func TestOutlook_who_does_not_scale_does_not_wait(t *testing.T) {
	dry := scaling(1, 10, time.Minute)
	dry.Scale.DryRun = true
	for name, s := range map[string]containers.Settings{"no scaling": limited(1, 10, time.Minute), "dry run": dry} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p, woken := asleep(s)
				w := wait(t, p)
				expect(t, "at once", "N", w)
				if len(*woken) != 0 {
					t.Errorf("OnHold was called")
				}
				finish(t, c, w)
			})
		})
	}
}

func TestOutlook_nothing_will_come(t *testing.T) {
	const why = "starting a container failed 3 times in a row"
	synctest.Test(t, func(t *testing.T) {
		s := scaling(1, 10, time.Minute)
		c, p, _ := asleep(s)
		c.SetOutlook("other", proxy.Outlook{Why: why}) // Nobody is meant.
		c.SetOutlook("default", proxy.Outlook{})       // Nobody knows.
		first := wait(t, p)
		c.SetOutlook("default", proxy.Outlook{Coming: true, In: time.Second, Why: "one starts"})
		second := wait(t, p)
		expect(t, "before", "--", first, second)
		c.SetOutlook("default", proxy.Outlook{Why: why, In: 8 * time.Second})
		synctest.Wait()
		third := wait(t, p)
		pass(time.Second)
		c.Apply(snapshot(s)) // What is known stays known.
		fourth := wait(t, p)
		expect(t, "then", "XXXX", first, second, third, fourth)
		for i, w := range []*waiter{first, second, third, fourth} {
			problem, left := w.x.Problem(proxy.CauseOf(w.err))
			want := 7 * time.Second
			if problem.Status != 503 || problem.Title != "No capacity" || problem.Detail != why || left != want || problem.Type != "urn:ballast:error:no-capacity" {
				t.Errorf("%d is told %+v, %s, want why and %s", i, problem, left, want)
			}
		}
		c.SetOutlook("default", proxy.Outlook{Coming: true})
		fifth := wait(t, p)
		c.Apply(snapshot(s, of(1)...))
		heal(c, of(1)...)
		synctest.Wait()
		c.SetOutlook("default", proxy.Outlook{Why: why})
		sixth := wait(t, p)
		expect(t, "who is there serves, whatever comes", "a-", fifth, sixth)
		_ = c.Drain(over(t), "id-a")
		synctest.Wait()
		expect(t, "the last leaves", "aX", fifth, sixth)
		finish(t, c, first, second, third, fourth, fifth, sixth)
	})
}

func TestOutlook_retries_do_not_wait_for_what_may_come(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaling(1, 10, time.Minute)
		c, p := serving(t, s, of(1)...)
		x := tried(t, p, "a")
		_ = c.Drain(over(t), "id-a")
		retry := waitWith(t, x, &balance.Request{})
		pass(mending)
		expect(t, "nobody is there", "N", retry)
		fresh := wait(t, p)
		retry.done()
		expect(t, "who has not tried waits", "-", fresh)
		fresh.cancel()
		synctest.Wait()
		finish(t, c, fresh)
	})
}

func TestOutlook_ignored_agents(t *testing.T) {
	probe, person := someone{agent: "Mozilla/5.0 (compatible; GoogleBot/2.1)"}, someone{agent: "curl/8"}
	synctest.Test(t, func(t *testing.T) {
		s := scaling(1, 10, time.Minute)
		s.Scale.IgnoreAgents = "kube-probe,*google*bot*"
		c, p, woken := asleep(s)
		first := waitAs(t, p, probe)
		expect(t, "at once", "N", first)
		if l := p.Load(time.Now()); l.Requests != 0 || l.InFlight != 1 || l.Ignored != 1 || len(*woken) != 0 {
			t.Errorf("Load() = %+v and OnHold was called for %v, want no request that wakes", l, *woken)
		}
		second, third := waitAs(t, p, person), waitAs(t, p, probe)
		expect(t, "others wait", "-N", second, third)
		c.Apply(snapshot(s, of(1)...))
		heal(c, of(1)...)
		synctest.Wait()
		fourth, fifth, sixth := waitAs(t, p, person), waitAs(t, p, probe), waitAs(t, p, person)
		expect(t, "where one serves they are like others", "a---", second, fourth, fifth, sixth)
		if l := p.Load(time.Now()); l.Requests != 3 || l.InFlight != 6 || l.Ignored != 3 || l.Queued != 3 || len(*woken) != 3 {
			t.Errorf("Load() = %+v and OnHold was called for %v, want 3 of 6", l, *woken)
		}
		_ = c.Drain(over(t), "id-a")
		synctest.Wait()
		expect(t, "the last leaves", "a-N-", second, fourth, fifth, sixth)
		c.Undrain("id-a")
		finish(t, c, first, second, third, fourth, fifth, sixth)
		if l := p.Load(time.Now()); l.Requests != 3 || l.Served != 3 || l.InFlight != 0 || l.Ignored != 0 {
			t.Errorf("Load() = %+v, want 3 requests of 6, and the 3 that were served", l)
		}
	})
}

func TestOutlook_ignored_agents_count_in_a_pool_that_never_sleeps(t *testing.T) {
	s := scaling(1, 10, time.Minute)
	s.Scale.Min, s.Scale.IgnoreAgents = 1, "probe"
	c, p := serving(t, s, of(1)...)
	x := p.BeginFor(time.Now(), someone{agent: "probe"})
	if l := p.Load(time.Now()); l.Requests != 1 {
		t.Errorf("Requests = %d, want 1", l.Requests)
	}
	x.Done(time.Now(), 200, proxy.CauseNone)
	c.Apply(snapshot(s))
	x = p.BeginFor(time.Now(), someone{agent: "probe"})
	if _, err := x.Next(&balance.Request{}); proxy.CauseOf(err) != proxy.CauseNoBackend {
		t.Errorf("Next() = %v without backends, want no backend", err)
	}
	x.Done(time.Now(), 503, proxy.CauseNoBackend)
}

func TestOutlook_agents_match(t *testing.T) {
	tests := []struct {
		patterns, agent string
		want            bool
	}{
		{"bot", "GoogleBOT/2.1", true},
		{"bot", "bo", false},
		{"bot", "", false},
		{"*bot*", "a robot", true},
		{"a*c", "xxAxxCxx", true},
		{"a*c", "ca", false},
		{"aba*ab", "abab", false},
		{"x,probe/1", "kube-probe/1.30", true},
		{"probe", strings.Repeat("x", 5000) + "probe", false},
	}
	for _, tt := range tests {
		s := scaling(1, 10, time.Minute)
		s.Scale.IgnoreAgents = tt.patterns
		_, p, _ := asleep(s)
		x := p.BeginFor(time.Now(), someone{agent: tt.agent})
		if got := p.Load(time.Now()).Requests == 0; got != tt.want {
			t.Errorf("%q matches %.40q = %v, want %v", tt.patterns, tt.agent, got, tt.want)
		}
		x.Done(time.Now(), 503, proxy.CauseNoBackend)
	}
}

func TestOutlook_telling_agents_apart_allocates_nothing(t *testing.T) {
	s := scaling(1, 10, time.Minute)
	s.Scale.IgnoreAgents = "kube-probe,*google*bot*"
	_, p := serving(t, s, of(1)...)
	var who proxy.Asker = &someone{agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131"}
	if n := testing.AllocsPerRun(100, func() {
		x := p.BeginFor(time.Now(), who)
		x.Done(time.Now(), 200, proxy.CauseNone)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestOutlook_browsers_get_the_waiting_page(t *testing.T) {
	person, program := someone{navigates: true}, someone{}
	tests := []struct {
		name    string
		who     proxy.Asker
		outlook proxy.Outlook
		want    string
	}{
		{"nobody knows when", person, proxy.Outlook{}, "W"},
		{"it will take long", person, proxy.Outlook{Coming: true, In: 4 * time.Second}, "W"},
		{"soon", person, proxy.Outlook{Coming: true, In: 3 * time.Second}, "-"}, // A second later.
		{"a program", program, proxy.Outlook{Coming: true, In: 4 * time.Second}, "-"},
		{"who asks is not known", nil, proxy.Outlook{}, "-"},
		{"it is overdue", person, proxy.Outlook{Coming: true, In: time.Second / 2}, "W"},
		{"nothing will come", person, proxy.Outlook{Why: "no"}, "X"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scaling(1, 10, time.Minute)
				s.Scale.WaitPage = true
				c, p, woken := asleep(s)
				c.SetOutlook("default", tt.outlook)
				pass(time.Second)
				held := wait(t, p)
				w := waitAs(t, p, tt.who)
				expect(t, "then", tt.want, w)
				if tt.want == "W" {
					if _, left := w.x.Problem(proxy.CauseWaiting); left != max(0, tt.outlook.In-time.Second) {
						t.Errorf("it is told to come again in %s", left)
					}
				}
				if tt.want != "X" && (len(*woken) != 2 || p.Load(time.Now()).Requests != 2) {
					t.Errorf("OnHold was called for %v, and %+v, want both", *woken, p.Load(time.Now()))
				}
				c.Apply(&containers.Snapshot{})
				synctest.Wait()
				held.done()
				w.done()
			})
		})
	}
}

func TestOutlook_browsers_wait_where_all_are_busy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaling(1, 10, time.Minute)
		s.Scale.WaitPage = true
		c, p := serving(t, s, of(1)...)
		first, second := waitAs(t, p, someone{navigates: true}), waitAs(t, p, someone{navigates: true})
		expect(t, "a place will be free", "a-", first, second)
		finish(t, c, first, second)
	})
}

// Who finds nobody and who waits already when nobody is left are treated alike: it makes no difference how they came to it.
func TestOutlook_who_waits_when_the_last_leaves_is_told_what_others_are(t *testing.T) {
	tests := []struct {
		name                  string
		who                   someone
		doubts, left, arrives string
	}{
		{"a program", someone{}, "-", "-", "-"},
		{"a browser", someone{navigates: true}, "-", "W", "W"},
		{"who is ignored", someone{agent: "a bot", navigates: true}, "N", "N", "N"},
	}
	for _, tt := range tests {
		for _, sighted := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, sighted %v", tt.name, sighted), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := scaling(1, 10, time.Minute)
					s.Scale.WaitPage, s.Scale.IgnoreAgents = true, "bot"
					c, p, woken := asleep(s)
					c.Apply(snapshot(s, of(1)...))
					heal(c, of(1)...)
					c.SetSight(sighted)
					x := p.BeginFor(time.Now(), tt.who)
					if _, err := x.Next(&balance.Request{}); err != nil || !x.Again(time.Now(), proxy.CauseConnectFailed) {
						t.Fatalf("Next() = %v, or Again() = false", err)
					}
					doubts := waitWith(t, x, &balance.Request{})
					first, second := wait(t, p), waitAs(t, p, tt.who)
					expect(t, "before", tt.doubts+"a-", doubts, first, second)
					*woken = nil
					c.Apply(snapshot(s))
					synctest.Wait()
					third := waitAs(t, p, tt.who)
					expect(t, "the last has left", tt.left+tt.left+tt.arrives, doubts, second, third)
					if ignored := tt.who.agent != ""; (len(*woken) == 0) != ignored {
						t.Errorf("OnHold was called for %v, want none for whom is ignored", *woken)
					}
					for _, w := range []*waiter{doubts, second, third} {
						w.cancel()
					}
					synctest.Wait()
					finish(t, c, doubts, first, second, third)
				})
			})
		}
	}
}

func TestNavigates(t *testing.T) {
	const html = "text/html,*/*;q=0.8"
	tests := []struct {
		method, accept, mode, with string
		want                       bool
	}{
		{"GET", html, "", "", true},
		{"GET", html, "navigate", "", true},
		{"GET", html, "cors", "", false},
		{"GET", html, "", "XMLHttpRequest", false},
		{"POST", html, "navigate", "", false},
		{"HEAD", html, "navigate", "", false},
		{"GET", "*/*", "navigate", "", false},
		{"GET", "", "", "", false},
	}
	for _, tt := range tests {
		if got := proxy.Navigates(tt.method, tt.accept, tt.mode, tt.with); got != tt.want {
			t.Errorf("Navigates(%q, %q, %q, %q) = %v, want %v", tt.method, tt.accept, tt.mode, tt.with, got, tt.want)
		}
	}
}

// What is held is neither work nor service time, and what counts is exact.
func TestLoad_tells_work_from_waiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaling(1, 10, time.Minute)
		c, p, _ := asleep(s)
		first, second := wait(t, p), wait(t, p)
		pass(10 * time.Second)
		wantLoad(t, p, proxy.Load{InFlight: 2, Queued: 2, Requests: 2})
		c.Apply(snapshot(s, of(1)...))
		heal(c, of(1)...)
		synctest.Wait()
		pass(2 * time.Second)
		wantLoad(t, p, proxy.Load{InFlight: 2, Queued: 1, Requests: 2, Busy: 2, Ready: 1})
		first.done()
		pass(3 * time.Second)
		wantLoad(t, p, proxy.Load{InFlight: 1, Requests: 2, Busy: 5, Served: 1, Service: 2, Ready: 1})
		second.done()
		wantLoad(t, p, proxy.Load{Requests: 2, Busy: 5, Served: 2, Service: 5, Ready: 1})
		third := wait(t, p)
		fourth := wait(t, p)
		pass(time.Second)
		third.x.Done(time.Now(), 101, proxy.CauseNone) // An upgraded connection tells nothing of service.
		synctest.Wait()
		pass(time.Second)
		fourth.x.Done(time.Now(), 101, proxy.CauseNone)
		wantLoad(t, p, proxy.Load{Requests: 4, Busy: 7, Served: 2, Service: 5, Ready: 1})
		settled(t, c)
	})
}

func wantLoad(t *testing.T, p *proxy.Pool, want proxy.Load) {
	t.Helper()
	got := p.Load(time.Now())
	text := func(l proxy.Load) string { return fmt.Sprintf("%+v, %.3f, %.3f", l, l.Busy, l.Service) }
	got.Busy, got.Service = float64(int(got.Busy*1000+0.5))/1000, float64(int(got.Service*1000+0.5))/1000
	if got != want {
		t.Errorf("Load() = %s, want %s", text(got), text(want))
	}
}

func TestP95_is_of_the_last_seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := running(t, limited(0, 10, time.Minute), of(1)...)
		ask := func(n int, took time.Duration) {
			for range n {
				x := p.Begin(time.Now().Add(-took))
				x.Done(time.Now(), 200, proxy.CauseNone)
			}
		}
		_ = c
		ask(19, time.Second)
		if got := p.P95(); got != 0 {
			t.Errorf("P95() of 19 = %s, want 0", got)
		}
		ask(1, time.Second)
		if got := p.P95().Round(100 * time.Millisecond); got != time.Second {
			t.Errorf("P95() of 20 = %s, want 1s", got)
		}
		pass(11 * time.Second)
		if got := p.P95(); got != 0 {
			t.Errorf("P95() after 11 s = %s, want 0", got)
		}
		ask(100, 50*time.Millisecond)
		if got := p.P95().Round(10 * time.Millisecond); got != 50*time.Millisecond {
			t.Errorf("P95() = %s, want 50ms", got)
		}
	})
}
