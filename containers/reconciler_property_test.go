package containers

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ballast-lb/ballast/engine"
)

// Whatever happens to the containers, and whichever events of it are lost, after a resync the
// snapshot tells the truth; only the mark of a stop signal may still stand.
func TestReconciler_tells_the_truth_after_a_resync(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 25).Draw(rt, "steps")
		var failed string
		synctest.Test(t, func(t *testing.T) {
			st := perform(t, newScript(container("c0"), container("c1")), ReconcilerOptions{})
			defer st.stop()
			synctest.Wait()
			for _, s := range steps {
				s.perform(st)
			}
			st.set(func(s *script) { s.mute, s.deaf, s.gone = false, false, false })
			// The longest backoff, the longest mark, and the resync after it.
			pass(30*time.Second + markFor + resync + time.Second)
			want, have := Build(input(st.all()...)), plain(st.r.Snapshot())
			if !Equal(want, have) {
				failed = fmt.Sprintf("snapshot is\n%v\nwant\n%v", picture(have), picture(want))
			}
		})
		if failed != "" {
			rt.Fatal(failed)
		}
	})
}

// step is one thing that happens to one of five containers, or to the engine.
type step struct {
	What  string
	Which int
	Lost  bool
	After time.Duration
}

func drawStep(t *rapid.T) step {
	return step{
		What: rapid.SampledFrom([]string{
			"run", "start", "stop", "crash", "kill", "pause", "unpause", "remove", "move", "rename", "sick", "cut", "deaf", "gone", "back",
		}).Draw(t, "what"),
		Which: rapid.IntRange(0, 4).Draw(t, "which"),
		Lost:  rapid.Bool().Draw(t, "lost"),
		After: time.Duration(rapid.SampledFrom([]int{0, 1, 30, 60, 1000, 20_000, 40_000}).Draw(t, "ms")) * time.Millisecond,
	}
}

func (s step) perform(st *stage) {
	// An engine's events and starts never have the same time.
	pass(s.After + time.Microsecond)
	st.set(func(e *script) { e.mute = s.Lost })
	name := fmt.Sprintf("c%d", s.Which)
	id := "id-" + name
	st.mu.Lock()
	c, exists := st.containers[id]
	st.mu.Unlock()
	running := exists && c.State == engine.StateRunning
	switch {
	case s.What == "cut":
		st.cut()
	case s.What == "deaf":
		st.set(func(e *script) { e.deaf = true })
		st.cut()
	case s.What == "gone":
		st.set(func(e *script) { e.gone = true })
		st.cut()
	case s.What == "back":
		st.set(func(e *script) { e.gone, e.deaf = false, false })
	case !exists && s.What == "run":
		st.run(container(name, fmt.Sprintf("pool=p%d", s.Which%2)))
	case exists && s.What == "remove":
		st.remove(id)
	case running:
		s.performRunning(st, id)
	case exists && c.State == engine.StatePaused && s.What == "unpause":
		st.alter(id, engine.ActionUnpause, func(c *engine.Container) { c.State = engine.StateRunning })
	case exists && c.State == engine.StateExited && s.What == "start":
		st.start(id)
	}
}

func (s step) performRunning(st *stage, id string) {
	switch s.What {
	case "stop":
		st.signal(id, 15)
		pass(time.Millisecond)
		st.die(id)
	case "kill":
		st.signal(id, 15) // And it survives.
	case "crash":
		st.die(id)
	case "pause":
		st.alter(id, engine.ActionPause, paused)
	case "move":
		st.alter(id, engine.ActionNetwork, func(c *engine.Container) {
			c.Networks = []engine.Network{{Name: "front", Address: fmt.Sprintf("172.18.1.%d", 1+len(c.Networks[0].Address)%200)}}
		})
	case "rename":
		st.alter(id, engine.ActionRename, func(c *engine.Container) { c.Name += "x" })
	case "sick":
		st.alter(id, engine.ActionHealth, func(c *engine.Container) { c.Health = engine.HealthUnhealthy })
	}
}
