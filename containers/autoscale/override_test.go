package autoscale

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shop is a pool of one original and clones, whose rules want one more for each ten requests in flight.
func shop(p *pools, clones ...string) {
	p.set("shop", func(r *Reading) {
		r.Policy = Policy{Min: 1, Max: 6, Concurrency: 10, HoldDown: 2 * time.Minute}
		r.Sample = Sample{Ready: 1 + len(clones), Originals: 1}
		for _, c := range clones {
			r.Sample.Clones = append(r.Sample.Clones, Clone{ID: c, Name: c})
		}
	})
}

// booting is a Source and an Actuator whose replicas are starting as soon as they are asked for, as those of a Fleet are.
func booting() *pools { return &pools{readings: map[string]Reading{}, boots: true} }

// wants has the rules want so many.
func wants(p *pools, n int) {
	p.set("shop", func(r *Reading) {
		r.Policy.Concurrency, r.Policy.Requests, r.Policy.Interval = 0, 0, 0
		r.Policy.CPU, r.Sample.CPUUse, r.Sample.Measured = 10, float64(10*n)/float64(r.Sample.Ready), r.Sample.Ready
		if n <= 1 {
			r.Policy.CPU = 0
		}
	})
}

// has has so many clones serve.
func has(p *pools, clones ...string) {
	p.set("shop", func(r *Reading) {
		r.Sample.Clones, r.Sample.Ready, r.Sample.Starting = nil, r.Sample.Originals+len(clones), 0
		for _, c := range clones {
			r.Sample.Clones = append(r.Sample.Clones, Clone{ID: c, Name: c})
		}
	})
}

func brought(t *testing.T, p *pools, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.calls()); diff != "" {
		t.Fatalf("Bring calls (-want +got):\n%s", diff)
	}
}

// kind is that of a refusal, empty if it is none.
func kind(err error) string {
	if r := new(RefusedError); errors.As(err, &r) {
		return r.Kind
	}
	return ""
}

func done(t *testing.T, what string) func(Decision, error) Decision {
	t.Helper()
	return func(d Decision, err error) Decision {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return d
	}
}

func TestScaler_Scale_up_stays_for_the_hold_down(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		var logs bytes.Buffer
		shop(p)
		s := scaler(t, p, &logs, nil)
		after(5 * time.Minute)
		began := time.Now()
		d := done(t, "Scale")(s.Scale(t.Context(), "shop", "anna", 3))
		if d.Action != ActionScaleOut || d.From != 1 || d.To != 3 || d.By != "anna" || d.Pool != "shop" || d.Inputs.Max != 6 ||
			d.Reason != "anna set replicas to 3 by hand; 1 ready, 0 starting: start 2" {
			t.Errorf("Scale() = %+v", d)
		}
		after(time.Second)
		brought(t, p, "shop 3")
		has(p, "a", "b")
		if got := s.Desired("shop"); got != 3 {
			t.Errorf("Desired() = %d, want 3", got)
		}
		if o := s.Override("shop").Replicas; o == nil || o.N != 3 || o.By != "anna" || !o.At.Equal(began) || !o.Until.Equal(began.Add(2*time.Minute)) {
			t.Errorf("Override() = %+v", o)
		}
		after(2*time.Minute - time.Second)
		brought(t, p, "shop 3")
		after(time.Second)
		if o := s.Override("shop"); o != (Override{}) {
			t.Errorf("Override() after the hold-down = %+v, want none", o)
		}
		after(2*time.Minute + time.Second)
		brought(t, p, "shop 3", "shop 2 b")
		if got := s.Decisions("shop"); len(got) != 2 || got[1].Reason != d.Reason || got[0].By != "" {
			t.Errorf("Decisions() = %+v", got)
		}
		if !strings.Contains(logs.String(), `"by":"anna","reason":"anna set replicas to 3 by hand; `) {
			t.Errorf("the log does not say who did it:\n%s", &logs)
		}
	})
}

// What cannot be made at once is made up for later, by the same words.
func TestScaler_Scale_is_kept_to_when_a_clone_dies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		done(t, "Scale")(s.Scale(t.Context(), "shop", "anna", 3))
		has(p, "a", "b")
		after(10 * time.Second)
		has(p, "a")
		after(time.Second)
		brought(t, p, "shop 3", "shop 3")
		if got := s.Decisions("shop")[0]; got.Reason != "at least 3 backends, as anna set by hand; 2 ready, 0 starting: start 1" {
			t.Errorf("reason = %q", got.Reason)
		}
	})
}

func TestScaler_Scale_down_is_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p, "a", "b", "c", "d")
		wants(p, 2)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second) // Everything is held: it began just now.
		p.set("shop", func(r *Reading) { r.Sample.Clones[1].InFlight = 0; r.Sample.Clones[3].InFlight = 7 })
		d := done(t, "Scale")(s.Scale(t.Context(), "shop", "anna", 3))
		if d.Action != ActionScaleIn || d.From != 5 || d.To != 3 || !strings.HasSuffix(d.Reason, ": remove 2") {
			t.Errorf("Scale() = %+v", d)
		}
		brought(t, p, "shop 3 c,b") // The least busy ones, the last made first.
		has(p, "a", "d")
		after(time.Minute)
		brought(t, p, "shop 3 c,b")
	})
}

// One that somebody took out does not serve, and is there all the same.
func TestScaler_Scale_counts_what_serves(t *testing.T) {
	tests := []struct {
		n    int
		want string
	}{{3, "shop 4"}, {2, "shop 3"}, {1, "shop 2 a"}, {6, "shop 6"}}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := booting()
				shop(p, "a")
				p.set("shop", func(r *Reading) { r.Sample.Unhealthy, r.Sample.Aside = 1, 1 })
				s := scaler(t, p, &bytes.Buffer{}, nil)
				after(time.Second)
				done(t, "Scale")(s.Scale(t.Context(), "shop", "anna", tt.n))
				brought(t, p, tt.want)
			})
		})
	}
}

func TestScaler_Scale_refuses(t *testing.T) {
	tests := []struct {
		name   string
		n      int
		change func(*Reading)
		kind   string
		says   string
	}{
		{"more than max", 7, nil, RefusedRange, "7 is more than the maximum of 6 by scale.max: raise max"},
		{"less than min", 1, func(r *Reading) { r.Policy.Min = 2 }, RefusedRange, "1 is less than the minimum of 2 by scale.min: lower min"},
		{"less than the rules want", 2, func(r *Reading) { r.Policy.RPS, r.Policy.CPU, r.Sample.CPUUse, r.Sample.Measured = 0, 10, 17, 3 }, RefusedDemand, "the rules want 6: pause autoscaling first"},
		{"less than the originals", 1, func(r *Reading) { r.Sample.Originals = 3; r.Sample.Clones = nil }, RefusedOriginals, "3 of its containers were not made by Ballast"},
		{"that does not scale", 2, func(r *Reading) { r.Policy.Max = 0 }, RefusedNotScaling, "label scale.max"},
		{"a dry run", 4, func(r *Reading) { r.Policy.DryRun = true }, RefusedDryRun, "label scale.dry-run"},
		{"when nothing can be made", 4, func(r *Reading) { r.Sample.Blocked = "no image: pull it" }, RefusedBlocked, "no image: pull it"},
		{"fewer while another one takes over", 2, func(r *Reading) { r.Sample.Keeps = true }, RefusedNotDeciding, "another Ballast takes over"},
		{"without the engine", 4, func(r *Reading) { r.Sample.Stale = true }, RefusedStale, "the engine cannot be reached"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pools{readings: map[string]Reading{}}
				shop(p, "a", "b")
				if tt.change != nil {
					p.set("shop", tt.change)
				}
				s := scaler(t, p, &bytes.Buffer{}, nil)
				after(time.Second)
				calls := len(p.calls())
				_, err := s.Scale(t.Context(), "shop", "anna", tt.n)
				if kind(err) != tt.kind || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("Scale(%d) = %v, want %s: %s", tt.n, err, tt.kind, tt.says)
				}
				if o := s.Override("shop"); len(p.calls()) != calls || o != (Override{}) {
					t.Errorf("it was done all the same: %q, %+v", p.calls()[calls:], o)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		shop(p)
		s := New(Options{Source: p, Actuator: p})
		if _, err := s.Scale(t.Context(), "shop", "anna", 2); kind(err) != RefusedNotDeciding {
			t.Errorf("Scale() while Run does not = %v, want %s", err, RefusedNotDeciding)
		}
		s = scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		if _, err := s.Scale(t.Context(), "other", "anna", 2); kind(err) != RefusedNoPool {
			t.Errorf("Scale() of another pool = %v, want %s", err, RefusedNoPool)
		}
	})
}

// Anna pauses a busy pool, brings it to two, and resumes.
func TestScaler_Pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p, "a", "b", "c")
		wants(p, 4)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(3 * time.Minute)
		d := done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
		if d.Action != ActionSet || d.From != 4 || d.To != 4 || d.DryRun || d.Reason != "anna paused autoscaling; 4 ready, 0 starting" {
			t.Errorf("Pause() = %+v", d)
		}
		wants(p, 6)
		after(5 * time.Minute)
		brought(t, p, "shop 4")
		if got := s.Desired("shop"); got != 4 {
			t.Errorf("Desired() = %d, want the 4 that there are", got)
		}
		done(t, "Scale")(s.Scale(t.Context(), "shop", "bert", 2))
		brought(t, p, "shop 4", "shop 2 c,b")
		has(p, "a")
		wants(p, 6)
		after(10 * time.Minute)
		brought(t, p, "shop 4", "shop 2 c,b")
		if o := s.Override("shop"); o.Paused == nil || o.Paused.By != "anna" || o.Replicas == nil || o.Replicas.By != "bert" || o.Replicas.Until != nil || s.Desired("shop") != 2 {
			t.Errorf("Override() = %+v, desired %d", o, s.Desired("shop"))
		}
		done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", false))
		after(time.Second)
		if got := p.calls(); len(got) != 3 || got[2] != "shop 6" {
			t.Errorf("Bring calls after it was resumed = %q", got)
		}
		if o := s.Override("shop"); o != (Override{}) {
			t.Errorf("Override() after it was resumed = %+v, want none", o)
		}
		if got := s.Decisions("shop"); len(got) != 4 {
			t.Errorf("%d decisions, want 4: %+v", len(got), got)
		}
	})
}

// What was asked for before a pause and cannot be made is not given up because of it.
func TestScaler_Pause_keeps_what_was_set(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		done(t, "Scale")(s.Scale(t.Context(), "shop", "anna", 4))
		done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
		after(10 * time.Minute)
		brought(t, p, "shop 4")
		if o := s.Override("shop").Replicas; o == nil || o.N != 4 || o.Until != nil {
			t.Errorf("Override().Replicas = %+v, want 4 for as long as it is paused", o)
		}
	})
}

func TestScaler_Pause_at_zero_tells_who_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		var last Outlook
		p.set("shop", func(r *Reading) { r.Policy = Policy{Max: 3, Concurrency: 10, Idle: time.Minute, HoldDown: time.Minute} })
		s := New(Options{Source: p, Actuator: p, OnOutlook: func(_ string, o Outlook) { last = o }})
		stop := start(t, s)
		defer stop()
		after(time.Second)
		done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
		p.set("shop", func(r *Reading) { r.Sample.Requests, r.Sample.InFlight, r.Sample.Queued = 1, 1, 1 })
		after(time.Second)
		brought(t, p)
		if want := (Outlook{Why: "nothing runs, and autoscaling is paused"}); last != want {
			t.Errorf("outlook = %+v, want %+v", last, want)
		}
	})
}

func TestScaler_SetLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		d := done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Min: new(3), Max: new(8)}))
		if d.Reason != "anna set min to 3 by hand and set max to 8 by hand" || d.Action != ActionSet {
			t.Errorf("SetLimits() = %+v", d)
		}
		after(time.Second)
		brought(t, p, "shop 3")
		if got := s.Decisions("shop")[0].Reason; !strings.HasPrefix(got, "at least 3 backends by what anna set; ") {
			t.Errorf("reason = %q", got)
		}
		has(p, "a", "b")
		done(t, "Scale")(s.Scale(t.Context(), "shop", "bert", 8))
		_, err := s.Scale(t.Context(), "shop", "bert", 2)
		if want := "2 is less than the minimum of 3 by what anna set"; kind(err) != RefusedRange || !strings.Contains(err.Error(), want) {
			t.Errorf("Scale(2) = %v, want %q", err, want)
		}
		done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Min: new(Off)}))
		if o := s.Override("shop"); o.Min != nil || o.Max == nil || o.Max.N != 8 {
			t.Errorf("Override() = %+v, want max alone", o)
		}
		d = done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Max: new(Off)}))
		if d.Reason != "anna took max back to 6" || s.Override("shop").Max != nil {
			t.Errorf("SetLimits() = %+v", d)
		}
	})
}

func TestScaler_SetLimits_refuses(t *testing.T) {
	tests := []struct {
		name   string
		limits Limits
		says   string
	}{
		{"nothing", Limits{}, "neither min nor max"},
		{"min above max", Limits{Min: new(7)}, "the minimum of 7 by what anna set is above the maximum of 6 by scale.max"},
		{"max below min", Limits{Min: new(3), Max: new(2)}, "is above the maximum of 2"},
		{"no max", Limits{Max: new(0)}, "1 at least"},
		{"min 0 where the label says otherwise", Limits{Min: new(0)}, "label scale.min=0"},
		{"less than nothing", Limits{Min: new(-2)}, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pools{readings: map[string]Reading{}}
				shop(p)
				s := scaler(t, p, &bytes.Buffer{}, nil)
				after(time.Second)
				if _, err := s.SetLimits("shop", "anna", tt.limits); kind(err) != RefusedRange || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("SetLimits() = %v, want %s", err, tt.says)
				}
				if o := s.Override("shop"); o != (Override{}) {
					t.Errorf("Override() = %+v, want none", o)
				}
			})
		})
	}
}

// Whatever became of the labels, what somebody set can be taken back.
func TestScaler_overrides_can_always_be_taken_back(t *testing.T) {
	for name, change := range map[string]func(*Reading){
		"scaling is off": func(r *Reading) { r.Policy.Max = 0 },
		"a dry run":      func(r *Reading) { r.Policy.DryRun = true },
		"awaited":        func(r *Reading) { *r = Reading{Pool: "shop", Awaited: true} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := booting()
				shop(p)
				s := scaler(t, p, &bytes.Buffer{}, nil)
				after(time.Second)
				done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Min: new(2), Max: new(4)}))
				done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
				p.set("shop", change)
				after(time.Second)
				if _, err := s.Pause(t.Context(), "shop", "anna", true); err == nil {
					t.Error("Pause() is done, want it refused")
				}
				if _, err := s.SetLimits("shop", "anna", Limits{Min: new(Off), Max: new(3)}); err == nil {
					t.Error("SetLimits() of a new one is done, want it refused")
				}
				done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", false))
				done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Min: new(Off)}))
				done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Max: new(Off)}))
				if o := s.Override("shop"); o != (Override{}) {
					t.Errorf("Override() = %+v, want none", o)
				}
			})
		})
	}
}

// A pool that does not scale any more gives up its clones, paused or not, and is paused again when it scales again.
func TestScaler_overrides_are_ignored_where_scaling_is_off(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p, "a")
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
		asked := p.calls()
		p.set("shop", func(r *Reading) { r.Policy.Max = 0 })
		after(2*time.Minute + time.Second)
		brought(t, p, append(asked, "shop 1 a")...)
		has(p)
		p.set("shop", func(r *Reading) { r.Policy.Max = 6 })
		wants(p, 3)
		after(time.Minute)
		brought(t, p, append(asked, "shop 1 a")...)
	})
}

// A limit by hand may meet another one in the labels later.
func TestScaler_a_minimum_above_the_maximum(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		change func(*Reading)
		reason string
	}{
		{"by hand", Limits{Min: new(5)}, func(r *Reading) { r.Policy.Max = 3 }, "at least 3 backends by what anna set, 5, held to the maximum of 3 by scale.max; "},
		{"by its label", Limits{Max: new(3)}, func(r *Reading) { r.Policy.Min = 5 }, "at least 3 backends by scale.min, 5, held to the maximum of 3 by what anna set; "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := booting()
				shop(p)
				s := scaler(t, p, &bytes.Buffer{}, nil)
				after(time.Second)
				done(t, "SetLimits")(s.SetLimits("shop", "anna", tt.limits))
				has(p, "a", "b", "c", "d")
				p.set("shop", tt.change)
				after(2*time.Minute + 2*time.Second)
				if got := s.Decisions("shop")[0]; got.Action != ActionScaleIn || got.To != 3 || got.Inputs.Min != 3 || !strings.HasPrefix(got.Reason, tt.reason) {
					t.Errorf("last decision = %+v, want down to the maximum, and %q", got, tt.reason)
				}
				has(p, "a", "b")
				if _, err := s.Scale(t.Context(), "shop", "anna", 3); err != nil {
					t.Errorf("Scale(3) = %v", err)
				}
				_, err := s.Scale(t.Context(), "shop", "anna", 2)
				if want := "less than the minimum of 3 by " + strings.TrimPrefix(strings.TrimSuffix(tt.reason, "; "), "at least 3 backends by "); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Scale(2) = %v, want %q", err, want)
				}
			})
		})
	}
}

// The actuator is told what there is, or it would not know what to make again when it vanishes. It may have been asked for
// fewer, before somebody started one more, and for more, which could not be made yet.
func TestScaler_Pause_asks_for_what_there_is(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asked int
		there []string
		want  []string
	}{
		{"nothing asked yet", 0, []string{"a", "b"}, []string{"shop 3"}},
		{"fewer", 2, []string{"a", "b"}, []string{"shop 2", "shop 3"}},
		{"as many", 3, []string{"a", "b"}, []string{"shop 3"}},
		{"more", 4, []string{"a"}, []string{"shop 4"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := booting()
				shop(p)
				s := scaler(t, p, &bytes.Buffer{}, nil)
				after(time.Second)
				if tt.asked > 0 {
					done(t, "Scale")(s.Scale(t.Context(), "shop", "anna", tt.asked))
				}
				has(p, tt.there...)
				done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
				after(time.Minute)
				brought(t, p, tt.want...)
			})
		})
	}
}

// A deploy that removes the old container before it starts the new one is no reason to forget what somebody set.
func TestScaler_overrides_outlast_a_deploy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := booting()
		shop(p)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		done(t, "SetLimits")(s.SetLimits("shop", "anna", Limits{Max: new(4)}))
		done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
		asked := p.calls()
		p.set("shop", func(r *Reading) { *r = Reading{Pool: "shop", Awaited: true} })
		after(time.Minute)
		brought(t, p, asked...)
		if got := s.Desired("shop"); got != 0 {
			t.Errorf("Desired() = %d while its first container is awaited, want 0", got)
		}
		if _, err := s.Scale(t.Context(), "shop", "anna", 2); kind(err) != RefusedNotDeciding {
			t.Errorf("Scale() = %v, want %s", err, RefusedNotDeciding)
		}
		p.set("shop", func(r *Reading) { r.Awaited = false })
		shop(p)
		wants(p, 3)
		after(time.Minute)
		brought(t, p, asked...)
		if o := s.Override("shop"); o.Paused == nil || o.Max == nil || len(s.Decisions("shop")) != 2 {
			t.Errorf("Override() = %+v with %d decisions, want all as it was", o, len(s.Decisions("shop")))
		}
	})
}

func TestScaler_overrides_go_with_the_pool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pools{readings: map[string]Reading{}}
		shop(p)
		s := scaler(t, p, &bytes.Buffer{}, nil)
		after(time.Second)
		done(t, "Pause")(s.Pause(t.Context(), "shop", "anna", true))
		s.Note("shop", "anna", "drained web-1 by hand")
		if got := s.Decisions("shop"); len(got) != 2 || got[0].Reason != "anna drained web-1 by hand" || got[0].By != "anna" || got[0].Action != ActionSet {
			t.Errorf("Decisions() = %+v", got)
		}
		p.mu.Lock()
		delete(p.readings, "shop")
		p.mu.Unlock()
		after(time.Second)
		shop(p)
		after(time.Second)
		if o := s.Override("shop"); o != (Override{}) {
			t.Errorf("Override() of another pool of that name = %+v, want none", o)
		}
	})
}
