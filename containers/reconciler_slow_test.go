package containers

import (
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
	"github.com/ballast-lb/ballast/engine/docker/fakedaemon"
)

// An engine that takes its call and does not answer is away, though nothing has failed yet.
func TestReconciler_engine_does_not_answer(t *testing.T) {
	for _, tt := range []struct {
		name string
		slow func(*fakedaemon.Daemon)
	}{
		{"everything", func(d *fakedaemon.Daemon) { d.Slow(10 * time.Second) }},
		{"lists", func(d *fakedaemon.Daemon) { d.Fail(fakedaemon.OpList, fakedaemon.Fault{Delay: 20 * time.Second}) }},
		{"inspections, and then everything", func(d *fakedaemon.Daemon) {
			d.Fail(fakedaemon.OpInspect, fakedaemon.Fault{Delay: time.Hour})
			d.Fail(fakedaemon.OpInfo, fakedaemon.Fault{Delay: 8 * time.Second})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			follow(t, func(d *fakedaemon.Daemon, r *Reconciler) {
				id := runs(t, d, "web")
				pass(time.Second)
				before := r.Snapshot()
				tt.slow(d)
				if err := d.SetHealth(id, "healthy"); err != nil { // A sync begins.
					t.Fatal(err)
				}
				asked := time.Now()
				pass(answerWithin - time.Millisecond)
				if status := r.Status(); !status.Connected {
					t.Errorf("Status() after %s = %+v, want connected", answerWithin, status)
				}
				pass(2 * time.Millisecond)
				status := r.Status()
				if status.Connected || !strings.Contains(status.Error, "does not answer since "+asked.UTC().Format(time.TimeOnly)) || status.Since.Sub(asked).Abs() > time.Second {
					t.Errorf("Status() = %+v, want not connected, and without an answer since %s", status, asked)
				}
				pass(10 * time.Minute)
				if again := r.Status(); again.Connected || again.Since != status.Since {
					t.Errorf("Status() while it stays slow = %+v, want not connected since %s", again, status.Since)
				}
				if now := r.Snapshot(); len(now.Pools) != 1 || now.Pools[0].Backends[0].State != StateReady || len(before.Pools) != 1 {
					t.Errorf("the snapshot is\n%v\nwant\n%v", picture(now), picture(before))
				}
				d.Heal()
				pass(time.Minute)
				if status := r.Status(); !status.Connected || status.Error != "" {
					t.Errorf("Status() after all = %+v, want connected", status)
				}
			})
		})
	}
}

// What one sync had to wait for is no reason to wait for the next one's turn.
func TestReconciler_engine_answers_again(t *testing.T) {
	play(t, newScript(container("a")), ReconcilerOptions{}, func(t *testing.T, st *stage) {
		answer := make(chan struct{})
		pass(time.Second)
		st.set(func(s *script) { s.onList = func() { <-answer } })
		st.emit(engine.Event{Action: engine.ActionHealth, ID: "id-a"})
		pass(25 * time.Second)
		if status := st.r.Status(); status.Connected || time.Since(status.Since) != 25*time.Second {
			t.Errorf("Status() = %+v, want not connected for 25 s", status)
		}
		st.set(func(s *script) { s.onList = nil })
		close(answer)
		pass(time.Second)
		if status := st.r.Status(); !status.Connected {
			t.Errorf("Status() a second after the answer = %+v, want connected", status)
		}
	})
}

// An engine that is stuck on containers, and answers all else, is not away.
func TestReconciler_many_stuck_containers(t *testing.T) {
	follow(t, func(d *fakedaemon.Daemon, r *Reconciler) {
		for range 5 * inspections {
			runs(t, d, "")
		}
		pass(time.Second)
		since := r.Status().Since
		d.Fail(fakedaemon.OpInspect, fakedaemon.Fault{Delay: time.Hour})
		pass(resync)
		for range 60 {
			pass(time.Second)
			if status := r.Status(); !status.Connected || status.Since != since {
				t.Fatalf("Status() = %+v, want connected since %s", status, since)
			}
		}
	})
}
