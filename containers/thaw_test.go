package containers

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

func thawed(c *engine.Container) { c.State = engine.StateRunning }

// A warm clone is woken because somebody waits: a list, let alone one that is stuck, is not.
func TestReconciler_unpaused_at_once(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		first := st.backend("a").Identity
		pass(time.Second)
		st.alter("id-a", engine.ActionPause, paused)
		pass(time.Minute)
		answer := make(chan struct{})
		st.set(func(s *script) { s.onList = func() { <-answer } })
		st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"}) // Begins a list that knows it as paused.
		synctest.Wait()
		st.alter("id-a", engine.ActionUnpause, thawed)
		synctest.Wait()
		st.expect(t, "a", StateReady)
		second := st.backend("a").Identity
		if second == first {
			t.Error("is back with its old identity, so that nobody proves it again")
		}
		st.set(func(s *script) { s.onList = nil })
		close(answer)
		pass(2 * resync)
		st.expect(t, "a", StateReady)
		if got := st.backend("a").Identity; got != second {
			t.Errorf("identity changed from %v to %v after it was back", second, got)
		}
		for range 3 {
			st.alter("id-a", engine.ActionPause, paused)
			synctest.Wait()
			st.expect(t, "a", StatePaused)
			st.alter("id-a", engine.ActionUnpause, thawed)
			synctest.Wait()
			st.expect(t, "a", StateReady)
			pass(time.Second)
		}
		st.set(func(s *script) { s.mute = true })
		st.alter("id-a", engine.ActionPause, paused)
		pass(2 * resync)
		st.expect(t, "a", StatePaused)
	})
}

func TestReconciler_health_of_who_was_paused(t *testing.T) {
	sick := func(c *engine.Container) { c.Health = engine.HealthUnhealthy }
	for _, tt := range []struct {
		name string
		mute bool // The unpause is found by a list.
		then func(st *stage)
		want State
	}{
		{"stale, it does not count", false, func(*stage) {}, StateReady},
		{"stale, it does not count for who is found by a list", true, func(*stage) {}, StateReady},
		{"said for long, it counts", false, func(*stage) { pass(unsureFor) }, StateUnhealthy},
		{"said for long, it counts for who is found by a list", true, func(*stage) { pass(unsureFor + resync) }, StateUnhealthy},
		{"said again, it counts", false, func(st *stage) { st.alter("id-a", engine.ActionHealth, sick) }, StateUnhealthy},
		{"healthy again, it counts", false, func(st *stage) {
			st.alter("id-a", engine.ActionHealth, func(c *engine.Container) { c.Health = engine.HealthHealthy })
			pass(time.Second)
			st.alter("id-a", engine.ActionHealth, sick)
		}, StateUnhealthy},
		{"another one counts, also if the event was lost", false, func(st *stage) {
			st.set(func(s *script) { s.mute = true })
			st.alter("id-a", engine.ActionHealth, func(c *engine.Container) { c.Health = engine.HealthStarting })
			pass(resync)
		}, StateStarting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
				pass(time.Second)
				st.alter("id-a", engine.ActionPause, paused)
				pass(time.Second)
				st.alter("id-a", engine.ActionHealth, sick)
				pass(time.Second)
				st.set(func(s *script) { s.mute = tt.mute })
				st.alter("id-a", engine.ActionUnpause, thawed)
				pass(resync + time.Second) // The first list after.
				st.expect(t, "a", StateReady)
				tt.then(st)
				pass(time.Second)
				st.expect(t, "a", tt.want)
			})
		})
	}
}

func TestReconciler_warm(t *testing.T) {
	ours, theirs := container("ballast-web-1", append(cloneOf("here", "a", 1), "pool=web")...), container("ballast-web-2", append(cloneOf("there", "a", 2), "pool=web")...)
	play(t, newScript(ours, theirs, container("a", "pool=web")), ReconcilerOptions{Instance: "here"}, func(t *testing.T, st *stage) {
		for _, name := range []string{"ballast-web-1", "ballast-web-2", "a"} {
			pass(time.Second)
			st.alter("id-"+name, engine.ActionPause, paused)
		}
		for range 2 { // By the event, and by the list.
			synctest.Wait()
			st.expect(t, "ballast-web-1", StateWarm)
			st.expect(t, "ballast-web-2", StatePaused)
			st.expect(t, "a", StatePaused)
			pass(2 * resync)
		}
	})
}
