package containers

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/engine"
)

const hup = 1

func TestReconciler_starts(t *testing.T) {
	t.Run("with what runs", func(t *testing.T) {
		play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
			st.truth(t)
			if lists, inspections := st.counts(); lists != 1 || inspections != 2 {
				t.Errorf("%d lists and %d inspections, want 1 and 2", lists, inspections)
			}
			status := st.r.Status()
			if !status.Connected || status.Kind != "script" || status.Version != "1" || !status.LastSync.Equal(time.Now()) || status.Error != "" {
				t.Errorf("Status() = %+v", status)
			}
		})
	})
	t.Run("with nothing, which is news", func(t *testing.T) {
		play(t, newScript(), ReconcilerOptions{}, func(t *testing.T, st *stage) {
			if len(st.published) != 1 {
				t.Errorf("%d snapshots published, want 1", len(st.published))
			}
		})
	})
	t.Run("without an engine", func(t *testing.T) {
		s := newScript(container("a"))
		s.gone = true
		play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
			if got := st.r.Snapshot(); got == nil || len(got.Entries) != 0 {
				t.Errorf("Snapshot() = %v, want an empty one", got)
			}
			select {
			case <-st.r.Synced():
				t.Error("Synced() is closed")
			default:
			}
			if status := st.r.Status(); status.Connected || status.Error == "" {
				t.Errorf("Status() = %+v, want not connected, with the error", status)
			}
			st.set(func(s *script) { s.gone = false })
			<-st.r.Synced()
			st.truth(t)
		})
	})
	t.Run("without events", func(t *testing.T) {
		s := newScript(container("a"))
		s.deaf = true
		play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
			pass(resync)
			st.truth(t)
			if status := st.r.Status(); status.Connected || status.LastSync.IsZero() {
				t.Errorf("Status() = %+v, want not connected, but synced", status)
			}
		})
	})
}

func TestReconciler_leaves_rotation_without_a_list(t *testing.T) {
	tests := []struct {
		name string
		act  func(*stage)
		want State // empty: no backend
	}{
		{"kill with the stop signal", func(st *stage) { st.signal("id-a", 3) }, StateDraining},
		{"kill -9", func(st *stage) { st.signal("id-a", 9) }, StateDraining},
		{"kill with another signal", func(st *stage) { st.signal("id-a", 15) }, StateReady},
		{"kill -HUP", func(st *stage) { st.signal("id-a", hup) }, StateReady},
		{"die", func(st *stage) { st.emit(engine.Event{Action: engine.ActionDie, ID: "id-a"}) }, ""},
		{"pause", func(st *stage) { st.emit(engine.Event{Action: engine.ActionPause, ID: "id-a"}) }, StatePaused},
		{"kill of a former life, replayed", func(st *stage) {
			st.emit(engine.Event{Action: engine.ActionKill, ID: "id-a", Signal: 9, Time: time.Now().Add(-2 * time.Hour)})
		}, StateReady},
		{"health", func(st *stage) { st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"}) }, StateReady},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(changed(container("a"), func(c *engine.Container) { c.StopSignal = 3 }), container("b"))
			play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
				// No list answers any more, and yet:
				never := make(chan struct{})
				defer close(never)
				st.set(func(s *script) { s.onList = func() { <-never } })
				pass(time.Second)
				tt.act(st)
				synctest.Wait()
				st.expect(t, "a", tt.want)
				st.expect(t, "b", StateReady)
			})
		})
	}
}

// A stop lasts from the signal to the end: no list in between may bring the backend back.
func TestReconciler_docker_stop(t *testing.T) {
	play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		st.signal("id-a", 15)
		pass(9 * time.Second)
		st.expect(t, "a", StateDraining)
		st.die("id-a")
		pass(time.Second)
		st.truth(t)
		if e := st.r.Snapshot().Entries[0]; e.Routed || !strings.Contains(e.Reason, "docker start a") {
			t.Errorf("entry of a: routed %t, %s", e.Routed, e.Reason)
		}
		st.remove("id-a")
		pass(time.Second)
		st.truth(t)
	})
}

func TestReconciler_docker_restart(t *testing.T) {
	play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		before := st.backend("a").Identity
		pass(time.Second)
		st.signal("id-a", 15)
		pass(10 * time.Millisecond)
		st.expect(t, "a", StateDraining)
		st.die("id-a")
		pass(10 * time.Millisecond)
		st.expect(t, "a", "")
		st.start("id-a")
		pass(debounce)
		st.expect(t, "a", StateReady)
		after := st.backend("a").Identity
		if after == before || after.Address != before.Address || after.Container != before.Container {
			t.Errorf("identity %v became %v, want another start at the same address", before, after)
		}
		st.truth(t)
	})
}

// The engine hands a dead container's address out again at once.
func TestReconciler_reused_address(t *testing.T) {
	play(t, newScript(container("a", "pool=one")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		before := st.backend("a").Identity
		pass(time.Second)
		st.die("id-a")
		st.remove("id-a")
		st.run(container("b", "pool=two"))
		pass(time.Second)
		after := st.backend("b").Identity
		if after == before || after.Address != before.Address {
			t.Errorf("%v and %v, want two identities with one address", before, after)
		}
		if pools := st.r.Snapshot().Pools; len(pools) != 1 || pools[0].Name != "two" {
			t.Errorf("pools are %v, want two alone", picture(st.r.Snapshot()))
		}
	})
}

func TestReconciler_survived_its_stop_signal(t *testing.T) {
	s := newScript(changed(container("a"), func(c *engine.Container) { c.StopTimeout = 80 * time.Second }))
	play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
		before := st.backend("a").Identity
		pass(time.Second)
		st.signal("id-a", 15)
		pass(90*time.Second - time.Millisecond)
		st.expect(t, "a", StateDraining)
		pass(resync + time.Second)
		st.expect(t, "a", StateReady)
		if st.backend("a").Identity == before {
			t.Error("is back with its old identity, so that nobody proves it again")
		}
		again := st.backend("a").Identity
		pass(5 * time.Minute)
		if st.backend("a").Identity != again {
			t.Error("changes its identity while nothing happens")
		}
		st.start("id-a")
		pass(time.Second)
		st.truth(t)
	})
}

func TestReconciler_unpaused(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		before := st.backend("a").Identity
		pass(time.Second)
		st.alter("id-a", engine.ActionPause, paused)
		pass(5 * time.Minute)
		st.expect(t, "a", StatePaused)
		if len(st.published) != 2 {
			t.Errorf("%d snapshots published, want 2: the list tells what the event told", len(st.published))
		}
		st.alter("id-a", engine.ActionUnpause, func(c *engine.Container) { c.State = engine.StateRunning })
		pass(time.Second)
		st.expect(t, "a", StateReady)
		if st.backend("a").Identity == before {
			t.Error("is back with its old identity, so that nobody proves it again")
		}
	})
}

// A sync that began before an event must not undo what the event said.
func TestReconciler_event_during_a_sync(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		answer := make(chan struct{})
		st.set(func(s *script) { s.onList = func() { <-answer } })
		st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"})
		synctest.Wait() // The list is being read.
		st.emit(engine.Event{Action: engine.ActionPause, ID: "id-a"})
		st.run(container("b"))
		pass(time.Millisecond)
		st.signal("id-b", 15) // The container is not known yet.
		synctest.Wait()
		st.set(func(s *script) { s.onList = nil })
		close(answer)
		synctest.Wait()
		st.expect(t, "a", StatePaused)
		st.set(func(s *script) { s.containers["id-a"] = changed(s.containers["id-a"], paused) })
		pass(time.Second)
		st.expect(t, "a", StatePaused)
		st.expect(t, "b", StateDraining)
	})
}

// What a sync read after an event is newer than what the event says.
func TestReconciler_events_before_the_sync_that_finds_their_container(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"})
		synctest.Wait() // The next sync is not before the debounce.
		st.run(container("b"))
		st.run(container("c"))
		pass(time.Millisecond)
		st.alter("id-b", engine.ActionPause, paused)
		st.signal("id-c", 15)
		pass(time.Millisecond)
		st.alter("id-b", engine.ActionUnpause, func(c *engine.Container) { c.State = engine.StateRunning })
		pass(time.Second)
		st.expect(t, "b", StateReady)
		st.expect(t, "c", StateDraining)
	})
}

func paused(c *engine.Container) { c.State = engine.StatePaused }

func TestReconciler_lost_events(t *testing.T) {
	play(t, newScript(container("a"), container("b"), container("c")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		st.set(func(s *script) { s.mute = true })
		st.die("id-a")
		st.start("id-b")
		st.remove("id-c")
		st.run(container("d"))
		pass(resync)
		st.truth(t)
	})
}

// A list shows what events did not tell, also of containers that it was not made for.
func TestReconciler_any_list_corrects(t *testing.T) {
	play(t, newScript(container("a"), container("b"), container("c")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		st.set(func(s *script) { s.mute = true })
		st.die("id-a")
		st.alter("id-b", engine.ActionRename, func(c *engine.Container) { c.Name = "renamed" })
		st.set(func(s *script) { s.mute = false })
		st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-c"})
		pass(time.Second)
		st.truth(t)
	})
}

func TestReconciler_replayed_events(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		first := time.Now()
		st.alter("id-a", engine.ActionPause, paused)
		pass(time.Second)
		st.alter("id-a", engine.ActionUnpause, func(c *engine.Container) { c.State = engine.StateRunning })
		pass(time.Second)
		never := make(chan struct{})
		defer close(never)
		st.set(func(s *script) { s.onList = func() { <-never } })
		st.emit(engine.Event{Action: engine.ActionPause, ID: "id-a", Time: first})
		synctest.Wait()
		st.expect(t, "a", StateReady)
	})
}

// The engine's clock may be set back: what then happens seems to be from before the container started.
func TestReconciler_clock_set_back(t *testing.T) {
	play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(formerLife)
		st.emit(engine.Event{Action: engine.ActionKill, ID: "id-a", Signal: 15, Time: time.Now().Add(-2 * time.Hour)})
		st.emit(engine.Event{Action: engine.ActionDie, ID: "id-b", Time: time.Now()})
		st.set(func(s *script) {
			s.containers["id-b"] = changed(s.containers["id-b"], func(c *engine.Container) { c.StartedAt = time.Now().Add(-2 * time.Hour) })
		})
		pass(time.Second) // The list knows nothing of signals.
		st.expect(t, "a", StateDraining)
		st.expect(t, "b", StateReady) // It was started anew.
	})
}

// An event that overtook another says nothing of what that one tells.
func TestReconciler_overtaken_events(t *testing.T) {
	play(t, newScript(container("a"), container("b")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		never := make(chan struct{})
		defer close(never)
		st.set(func(s *script) { s.onList = func() { <-never } })
		for _, e := range []engine.Event{
			{Action: engine.ActionNetwork, ID: "id-a", Time: time.Now()},
			{Action: engine.ActionDie, ID: "id-a", Time: time.Now().Add(-time.Millisecond)},
			{Action: engine.ActionPause, ID: "id-b", Time: time.Now()},
			{Action: engine.ActionUnpause, ID: "id-b", Time: time.Now().Add(-time.Millisecond)},
		} {
			st.emit(e)
		}
		synctest.Wait()
		st.expect(t, "a", "")
		st.expect(t, "b", StatePaused)
	})
}

// docker kill tells of the signal when the process may have ended of it already.
func TestReconciler_kill_told_after_die(t *testing.T) {
	var log bytes.Buffer
	options := ReconcilerOptions{Logger: zerolog.New(&log)}
	play(t, newScript(container("a")), options, func(t *testing.T, st *stage) {
		pass(time.Second)
		never := make(chan struct{})
		defer close(never)
		st.set(func(s *script) { s.onList = func() { <-never } })
		st.die("id-a")
		pass(time.Millisecond)
		st.signal("id-a", 9)
		synctest.Wait()
		st.expect(t, "a", "")
		if strings.Contains(log.String(), `"level":"warn"`) {
			t.Errorf("the end of a container is a warning:\n%s", log.String())
		}
	})
}

func TestReconciler_at_rest(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		before, _ := st.counts()
		pass(10*time.Minute + time.Second)
		if lists, _ := st.counts(); lists-before != 20 {
			t.Errorf("%d lists in 10 minutes at rest, want 20", lists-before)
		}
	})
}

// What a failed sync was asked for is not forgotten.
func TestReconciler_list_fails(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		for range 3 { // The backoff begins anew after each success.
			st.set(func(s *script) { s.gone = true })
			st.alter("id-a", engine.ActionHealth, func(c *engine.Container) { c.Health = engine.HealthUnhealthy })
			synctest.Wait()
			if status := st.r.Status(); status.Connected || !strings.Contains(status.Error, "list containers") {
				t.Errorf("Status() = %+v, want not connected: list containers", status)
			}
			st.set(func(s *script) { s.gone = false })
			pass(750 * time.Millisecond)
			st.expect(t, "a", StateUnhealthy)
			st.alter("id-a", engine.ActionHealth, func(c *engine.Container) { c.Health = engine.HealthHealthy })
			pass(time.Second)
			st.expect(t, "a", StateReady)
		}
	})
}

// Case 5: the stream is cut for a minute while containers start and stop.
func TestReconciler_stream_cut(t *testing.T) {
	s := newScript()
	for i := range 10 {
		s.containers[fmt.Sprintf("id-old-%d", i)] = container(fmt.Sprintf("old-%d", i))
	}
	play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
		st.set(func(s *script) { s.deaf = true })
		st.cut()
		synctest.Wait()
		if status := st.r.Status(); status.Connected || !strings.Contains(status.Error, "stream cut") {
			t.Errorf("Status() = %+v, want not connected: stream cut", status)
		}
		for i := range 10 {
			pass(6 * time.Second)
			st.run(container(fmt.Sprintf("new-%d", i)))
			st.die(fmt.Sprintf("id-old-%d", i))
		}
		st.set(func(s *script) { s.deaf = false })
		pass(resync + 2*time.Second)
		st.truth(t)
		if status := st.r.Status(); !status.Connected || status.Error != "" {
			t.Errorf("Status() = %+v, want connected", status)
		}
	})
}

// Case 6: the engine is gone for a day.
func TestReconciler_engine_gone_for_a_day(t *testing.T) {
	var log bytes.Buffer
	options := ReconcilerOptions{Logger: zerolog.New(&log)}
	play(t, newScript(container("a")), options, func(t *testing.T, st *stage) {
		before, published := st.r.Snapshot(), len(st.published)
		tries := -st.infos
		st.set(func(s *script) { s.gone = true })
		st.cut()
		pass(24 * time.Hour)
		if st.r.Snapshot() != before || len(st.published) != published {
			t.Error("the last known snapshot was not kept")
		}
		if status := st.r.Status(); status.Connected || status.Error == "" || time.Since(status.Since) < 24*time.Hour-time.Minute {
			t.Errorf("Status() = %+v, want not connected for a day", status)
		}
		// The list and the stream, each once in 10 to 30 s.
		if tries += st.infos; tries < 2*24*60*2 || tries > 2*24*60*6+20 {
			t.Errorf("the engine was tried %d times in a day, want 5,760 to 17,300", tries)
		}
		st.set(func(s *script) {
			s.gone = false
			s.containers["id-b"] = container("b")
		})
		pass(30 * time.Second)
		st.truth(t)
		if status := st.r.Status(); !status.Connected || time.Since(status.Since) > 30*time.Second {
			t.Errorf("Status() = %+v, want connected since just now", status)
		}
		for message, want := range map[string]int{"engine not reachable": 1, "engine connected": 2, "container joined": 2} {
			if got := strings.Count(log.String(), message); got != want {
				t.Errorf("%q logged %d times, want %d", message, got, want)
			}
		}
	})
}

func TestReconciler_publishes_only_news(t *testing.T) {
	play(t, newScript(container("a"), container("b", "weight=x")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		first := st.r.Snapshot()
		for range 10 {
			st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"})
			pass(resync)
		}
		if len(st.published) != 1 || st.r.Snapshot() != first {
			t.Errorf("%d snapshots published, want 1", len(st.published))
		}
		st.die("id-a")
		pass(time.Second)
		if len(st.published) < 2 || st.published[len(st.published)-1] != st.r.Snapshot() {
			t.Errorf("%d snapshots published after a change, want another, the latest", len(st.published))
		}
	})
}

func TestReconciler_debounces(t *testing.T) {
	s := newScript(container("a"))
	s.containers["id-z"] = changed(container("z"), func(c *engine.Container) { c.Labels = nil })
	play(t, s, ReconcilerOptions{}, func(t *testing.T, st *stage) {
		pass(time.Second)
		before, inspected := st.counts()
		st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"})
		synctest.Wait()
		if lists, _ := st.counts(); lists != before+1 {
			t.Errorf("%d lists at once after an event, want 1", lists-before)
		}
		for range 1000 {
			st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"})
			pass(time.Millisecond)
		}
		lists, inspections := st.counts()
		if got := lists - before; got < 15 || got > 21 {
			t.Errorf("%d lists for 1,000 events in a second, want about 20", got)
		}
		if got := inspections - inspected; got > lists-before {
			t.Errorf("%d inspections in %d lists, want one each at most", got, lists-before)
		}
		pass(time.Second)
		before, _ = st.counts()
		for range 100 {
			st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-z"})
		}
		pass(time.Second)
		if lists, _ := st.counts(); lists != before {
			t.Errorf("%d lists for events of a container without labels, want 0", lists-before)
		}
	})
}
