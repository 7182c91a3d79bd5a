package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
	"github.com/ballast-lb/ballast/engine/enginetest"
)

func TestConformance_fake(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only Linux has all of 127.0.0.0/8")
	}
	// Others may test at the same time.
	random := make([]byte, 1)
	_, _ = rand.Read(random)
	subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, random[0] | 1, 0, 0}), 16)
	enginetest.Run(t, func(t *testing.T) enginetest.Harness {
		d := fakedaemon.New(t, fakedaemon.Options{Subnet: subnet, Listen: true})
		socket := d.Listen(t, "unix", filepath.Join(t.TempDir(), "docker.sock"))
		e, err := New(Options{Host: "unix://" + socket.String()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return enginetest.Harness{
			Engine: e,
			Run: func(t *testing.T, f enginetest.Fixture) string {
				id, err := d.Run(fakedaemon.Config{Name: f.Name, Labels: f.Labels, Env: f.Env, IgnoreStop: f.IgnoreStop, Port: 28087})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = d.Remove(id, true) })
				return id
			},
		}
	})
}

// fakeDaemon runs a story in a bubble, with a daemon that has one running container, "web".
func fakeDaemon(t *testing.T, story func(t *testing.T, d *fakedaemon.Daemon, e *Engine, web string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New(t, fakedaemon.Options{})
		e, err := New(Options{Host: "unix:///fake", Dial: d.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		web, err := d.Run(fakedaemon.Config{Name: "web"})
		if err != nil {
			t.Fatal(err)
		}
		story(t, d, e, web)
	})
}

func TestFake_calls_fail(t *testing.T) {
	tests := []struct {
		name  string
		fault func(*fakedaemon.Daemon)
		want  error
		text  string
		// took is the least and about the most time.
		took time.Duration
	}{
		{name: "dropped", fault: func(d *fakedaemon.Daemon) { d.Fail(fakedaemon.OpList, fakedaemon.Fault{Drop: true}) }, want: engine.ErrUnavailable},
		{name: "disk full", fault: func(d *fakedaemon.Daemon) { d.Fail(fakedaemon.OpList, fakedaemon.DiskFull) }, want: engine.ErrNoSpace, text: "no space left on device"},
		{name: "late", fault: func(d *fakedaemon.Daemon) {
			d.Fail(fakedaemon.OpList, fakedaemon.Fault{Delay: 5 * time.Second, Status: http.StatusConflict})
		}, want: engine.ErrConflict, took: 5 * time.Second},
		{name: "too late", fault: func(d *fakedaemon.Daemon) { d.Slow(time.Hour) }, want: engine.ErrUnavailable, took: 30 * time.Second},
		{name: "gone", fault: func(d *fakedaemon.Daemon) { d.Gone() }, want: engine.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fakeDaemon(t, func(t *testing.T, d *fakedaemon.Daemon, e *Engine, _ string) {
				if _, err := e.List(t.Context()); err != nil {
					t.Fatal(err)
				}
				tt.fault(d)
				began := time.Now()
				_, err := e.List(t.Context())
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("List() = %v, want %v %s", err, tt.want, tt.text)
				}
				if took := time.Since(began); took < tt.took || took > tt.took+time.Second {
					t.Errorf("List() took %v, want %v", took, tt.took)
				}
				d.Heal()
				if all, err := e.List(t.Context()); err != nil || len(all) != 1 {
					t.Errorf("List() after all = %v, %v, want one container", all, err)
				}
			})
		})
	}
}

// What was done is done, also when its answer is lost.
func TestFake_answer_lost(t *testing.T) {
	fakeDaemon(t, func(t *testing.T, d *fakedaemon.Daemon, e *Engine, web string) {
		d.Fail(fakedaemon.OpPause, fakedaemon.Fault{Drop: true, Done: true, Times: 1})
		if err := e.Pause(t.Context(), web); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("Pause() = %v, want ErrUnavailable", err)
		}
		if err := e.Pause(t.Context(), web); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("Pause() again = %v, want ErrConflict", err)
		}
	})
}

func TestFake_events(t *testing.T) {
	delays := func(by ...time.Duration) func(fakedaemon.Event) []time.Duration {
		return func(e fakedaemon.Event) []time.Duration {
			if e.Action == "pause" {
				return by
			}
			return []time.Duration{0}
		}
	}
	pause, unpause := engine.ActionPause, engine.ActionUnpause
	tests := []struct {
		name  string
		fault func(*fakedaemon.Daemon)
		want  []engine.Action
		ends  error
	}{
		{"none", func(*fakedaemon.Daemon) {}, []engine.Action{pause, unpause}, context.DeadlineExceeded},
		{"lost", func(d *fakedaemon.Daemon) { d.Disturb(delays()) }, []engine.Action{unpause}, context.DeadlineExceeded},
		{"twice", func(d *fakedaemon.Daemon) { d.Disturb(delays(0, 0)) }, []engine.Action{pause, pause, unpause}, context.DeadlineExceeded},
		{"overtaken", func(d *fakedaemon.Daemon) { d.Disturb(delays(time.Second)) }, []engine.Action{unpause, pause}, context.DeadlineExceeded},
		{"silent", func(d *fakedaemon.Daemon) { d.Silence() }, nil, context.DeadlineExceeded},
		{"cut", func(d *fakedaemon.Daemon) { d.Cut() }, nil, engine.ErrUnavailable},
		{"gone", func(d *fakedaemon.Daemon) { d.Gone() }, nil, engine.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fakeDaemon(t, func(t *testing.T, d *fakedaemon.Daemon, e *Engine, web string) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var got []engine.Action
				var last error
				for event, err := range e.Watch(ctx, time.Time{}) {
					switch {
					case err != nil:
						last = err
					case event.Action == engine.ActionSubscribed:
						tt.fault(d)
						if err := errors.Join(d.Pause(web), d.Unpause(web)); err != nil {
							t.Fatal(err)
						}
					default:
						got = append(got, event.Action)
					}
				}
				if !slices.Equal(got, tt.want) || !errors.Is(last, tt.ends) {
					t.Errorf("events %v, then %v, want %v, then %v", got, last, tt.want, tt.ends)
				}
			})
		})
	}
}

// An address is handed out again as soon as it is free.
func TestFake_reuses_addresses(t *testing.T) {
	fakeDaemon(t, func(t *testing.T, d *fakedaemon.Daemon, e *Engine, web string) {
		before, err := e.Inspect(t.Context(), web)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Remove(web, true); err != nil {
			t.Fatal(err)
		}
		next, err := d.Run(fakedaemon.Config{Name: "web"})
		if err != nil {
			t.Fatal(err)
		}
		after, err := e.Inspect(t.Context(), next)
		if err != nil || after.ID == before.ID || after.Networks[0].Address != before.Networks[0].Address {
			t.Errorf("%s at %v, then %s at %v (%v), want another at the same address", before.ID, before.Networks, after.ID, after.Networks, err)
		}
	})
}

// The clock may step back; events go on in order.
func TestFake_clock(t *testing.T) {
	fakeDaemon(t, func(t *testing.T, d *fakedaemon.Daemon, e *Engine, _ string) {
		before, err := e.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d.StepClock(-time.Hour)
		after, err := e.Info(t.Context())
		if err != nil || !after.Time.Before(before.Time.Add(-59*time.Minute)) {
			t.Errorf("clock at %v, then %v (%v), want an hour less", before.Time, after.Time, err)
		}
	})
}
