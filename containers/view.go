package containers

import (
	"maps"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// view is what is known of the engine's containers. It has no goroutine and no clock of its own.
type view struct {
	prefix Prefix
	pools  PoolConfig
	self   string
	// instance is this Ballast's name.
	instance string

	place Place
	// placeDirty asks the next sync to look at Ballast's own container again.
	placeDirty bool
	// known are the enabled containers by ID. The map is replaced whole by merge and never written
	// to, so a sync may read it meanwhile.
	known map[string]engine.Container
	// others are the IDs of containers that are not enabled, whose events mean nothing.
	others map[string]bool
	// unread and notes are reasons by ID: why a container could not be inspected and so is not
	// routed, or is shown as it was.
	unread, notes map[string]string
	// dirty are the IDs of containers to be inspected by the next sync.
	dirty map[string]bool
	// syncs counts the syncs that began.
	syncs int

	marks    map[string]mark
	returned map[string]comeback
	// recent tells the events that are replayed, so that they are not acted on again.
	recent recent
	// heard is the time of the last event of a container, learnt when by our clock its present start was found.
	heard, learnt map[string]time.Time
	early         []earlyEvent
}

func newView(prefix Prefix, pools PoolConfig, self string) *view {
	return &view{
		prefix: prefix, pools: pools, self: self, place: Place{Self: self},
		known: map[string]engine.Container{}, others: map[string]bool{}, dirty: map[string]bool{},
		marks: map[string]mark{}, returned: map[string]comeback{}, heard: map[string]time.Time{},
		learnt: map[string]time.Time{}, recent: recent{seen: map[engine.Event]bool{}},
	}
}

// begin makes the next sync's task. What becomes dirty from now on is for the one after it.
func (v *view) begin(full bool) task {
	v.syncs++
	t := task{
		number: v.syncs, full: full, place: full || v.placeDirty, at: v.place,
		prefix: v.prefix, self: v.self, known: v.known, dirty: v.dirty,
	}
	v.dirty, v.placeDirty = map[string]bool{}, false
	return t
}

// merge takes in what a sync found, and says whether something could not be read and must be
// tried again.
func (v *view) merge(got result, now time.Time) bool {
	before := v.known
	v.known, v.others, v.place = got.known, got.others, got.place
	v.unread, v.notes = got.unread, got.stale
	for id := range got.unread {
		v.dirty[id] = true
	}
	for id := range got.stale {
		v.dirty[id] = true
	}
	v.forgetGone()
	for id, c := range v.known {
		if got.unreliable(id) {
			continue
		}
		v.settle(c, before[id], got.task.number, now)
	}
	v.actOnEarly(got.task.number, now)
	return len(got.unread)+len(got.stale) > 0
}

// untold says whether a sync found a container that came, went or changed its life, of which no event had told when it was
// merged. It is asked before that.
func (v *view) untold(got result) bool {
	told := func(id string) bool { return got.task.dirty[id] || v.dirty[id] || got.unreliable(id) }
	for id, c := range got.known {
		if !told(id) && !sameLife(c, v.known[id]) {
			return true
		}
	}
	for id, c := range v.known {
		if _, ok := got.known[id]; !ok && !told(id) && !sameLife(engine.Container{}, c) {
			return true
		}
	}
	return false
}

// sameLife says that a container runs or is paused as it was and since it was, or does not as it did not.
func sameLife(a, b engine.Container) bool {
	alive := func(c engine.Container) bool { return c.State == engine.StateRunning || c.State == engine.StatePaused }
	if !alive(a) || !alive(b) {
		return alive(a) == alive(b)
	}
	return a.State == b.State && a.StartedAt.Equal(b.StartedAt)
}

func (v *view) forgetGone() {
	gone := func(id string) bool { _, ok := v.known[id]; return !ok }
	maps.DeleteFunc(v.marks, func(id string, _ mark) bool { return gone(id) })
	maps.DeleteFunc(v.returned, func(id string, _ comeback) bool { return gone(id) })
	maps.DeleteFunc(v.heard, func(id string, _ time.Time) bool { return gone(id) })
	maps.DeleteFunc(v.learnt, func(id string, _ time.Time) bool { return gone(id) })
}

// input is the view as Build wants it.
func (v *view) input() Input {
	in := Input{
		Containers: make([]engine.Container, 0, len(v.known)),
		Prefix:     v.prefix, Pools: v.pools, Place: v.place,
		Leaving:  make(map[string]Leaving, len(v.marks)+len(v.unread)),
		Returned: make(map[string]time.Time, len(v.returned)),
		Unsure:   make(map[string]bool),
		Instance: v.instance,
		Notes:    v.notes,
	}
	for id, c := range v.known {
		if v.returned[id].thawed && c.State == engine.StatePaused {
			c.State = engine.StateRunning
		}
		switch v.marks[id].State {
		case StateStopped:
			c.State = engine.StateExited
		case StatePaused:
			c.State = engine.StatePaused
		}
		in.Containers = append(in.Containers, c)
	}
	for id, reason := range v.unread {
		in.Leaving[id] = Leaving{State: StateStopped, Reason: reason}
	}
	for id, m := range v.marks {
		in.Leaving[id] = m.Leaving
	}
	for id, back := range v.returned {
		in.Returned[id] = back.at
		if back.unsure {
			in.Unsure[id] = true
		}
	}
	return in
}
