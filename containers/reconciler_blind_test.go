package containers

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
)

// follow runs story in a bubble with a Reconciler that has synced once with a fake daemon, through engine/docker.
func follow(t *testing.T, story func(*fakedaemon.Daemon, *Reconciler)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := fakedaemon.New(t, fakedaemon.Options{})
		e, err := docker.New(docker.Options{Host: "unix:///fake", Dial: d.Dial})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		// As for newOrdeal.
		if _, err := e.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := NewReconciler(ReconcilerOptions{Engine: e, Prefix: "ballast", Logger: zerolog.Nop()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		defer func() {
			cancel()
			<-done
		}()
		pass(time.Second)
		if status := r.Status(); !status.Connected {
			t.Fatalf("Status() = %+v, want connected", status)
		}
		story(d, r)
	})
}

func runs(t *testing.T, d *fakedaemon.Daemon, name string) string {
	t.Helper()
	id, err := d.Run(fakedaemon.Config{Name: name, Labels: map[string]string{"ballast.enable": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestReconciler_half_open_stream(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, d *fakedaemon.Daemon, id string) error
	}{
		{"one ends", func(_ *testing.T, d *fakedaemon.Daemon, id string) error { return d.Crash(id) }},
		{"one restarts", func(_ *testing.T, d *fakedaemon.Daemon, id string) error {
			if err := d.Crash(id); err != nil {
				return err
			}
			return d.Start(id)
		}},
		{"one is removed", func(_ *testing.T, d *fakedaemon.Daemon, id string) error { return d.Remove(id, true) }},
		{"one comes", func(t *testing.T, d *fakedaemon.Daemon, _ string) error {
			runs(t, d, "web-2")
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			follow(t, func(d *fakedaemon.Daemon, r *Reconciler) {
				id := runs(t, d, "web")
				pass(time.Second)
				d.Silence()
				pass(2 * resync)
				if got := time.Since(r.Status().Since); got < 2*resync {
					t.Errorf("connected anew %s ago though nothing happened that was not told", got)
				}
				if err := tt.change(t, d, id); err != nil {
					t.Fatal(err)
				}
				pass(resync + heardWithin + 2*time.Second)
				if status := r.Status(); !status.Connected || time.Since(status.Since) > resync+heardWithin {
					t.Errorf("Status() = %+v, want connected anew", status)
				}
				// Far from the next resync: only an event tells of it.
				pass(time.Second)
				runs(t, d, "web-3")
				pass(time.Second)
				if !slices.ContainsFunc(r.Snapshot().Entries, func(e Entry) bool { return e.Container.Name == "web-3" }) {
					t.Error("events are not heard again")
				}
			})
		})
	}
}

// What is told late, or is not told while the stream tells of others, is no reason to subscribe again.
func TestReconciler_late_events(t *testing.T) {
	for _, tt := range []struct {
		name   string
		delays []time.Duration
	}{{"late", []time.Duration{heardWithin - time.Second}}, {"lost", nil}} {
		t.Run(tt.name, func(t *testing.T) {
			follow(t, func(d *fakedaemon.Daemon, r *Reconciler) {
				id := runs(t, d, "web")
				since := r.Status().Since
				// Close to the next list, which then finds it before it is told.
				pass(time.Until(r.Status().LastSync.Add(resync)) - 1500*time.Millisecond)
				d.Disturb(func(fakedaemon.Event) []time.Duration { return tt.delays })
				if err := d.Crash(id); err != nil {
					t.Fatal(err)
				}
				pass(3 * time.Second)
				d.Disturb(nil)
				runs(t, d, "web-2")
				pass(2 * resync)
				if status := r.Status(); !status.Connected || status.Since != since {
					t.Errorf("Status() = %+v, want connected as it was since %s", status, since)
				}
			})
		})
	}
}

// Who is told that what happens is heard of at once has been given what happened before.
func TestReconciler_sight(t *testing.T) {
	var told []bool
	var st *stage
	options := ReconcilerOptions{Sight: func(sighted bool) {
		told = append(told, sighted)
		if sighted && len(told) > 1 && st.backend("b").State != StateReady {
			t.Error("told that it sees before what it missed was published")
		}
	}}
	expect := func(when string, want ...bool) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: was told %v, want %v", when, told, want)
		}
	}
	play(t, newScript(container("a")), options, func(t *testing.T, got *stage) {
		st = got
		expect("at first", true)
		pass(3 * resync)
		expect("at rest", true)
		st.set(func(s *script) { s.deaf = true })
		st.cut()
		synctest.Wait()
		expect("cut", true, false)
		pass(3 * resync)
		expect("lists go well, but nothing is heard", true, false)
		answer := make(chan struct{})
		st.set(func(s *script) {
			s.mute, s.deaf = true, false
			s.onList = func() { <-answer }
		})
		st.alter("id-b", engine.ActionStart, func(c *engine.Container) {
			*c = container("b")
			c.StartedAt = time.Now()
		})
		pass(resync)
		expect("heard again, but not listed", true, false)
		st.set(func(s *script) { s.onList = nil })
		close(answer)
		pass(resync)
		expect("listed", true, false, true)
	})
}
