package containers

import (
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// mark says that an event put a container out of rotation ahead of the list.
type mark struct {
	Leaving
	// at is the event's time by the engine's clock, until when by ours it counts at most.
	at, until time.Time
	// sync is the number of the last sync that began before the event, and so may not know of it.
	sync int
}

// comeback says that a container serves again although it was not started anew.
type comeback struct {
	at time.Time
	// startedAt is which start of the container this is about.
	startedAt time.Time
	// unsure says that its HEALTHCHECK was not heard of since, and not for unsureFor; health is what it said before.
	unsure bool
	health engine.Health
	// thawed says that an event told of it, in the sync of this number or after it: syncs up to that one may not
	// know that it runs.
	thawed bool
	sync   int
}

// replayable is how many events an engine keeps for replay at most.
const replayable = 256

// recent are the last events that were acted on, as many as can be replayed.
type recent struct {
	seen map[engine.Event]bool
	// ring has them in order; next is the oldest one's place.
	ring [replayable]engine.Event
	next int
}

// repeats says whether an event was heard before, and remembers it.
func (r *recent) repeats(e engine.Event) bool {
	e.Name, e.Time = "", e.Time.Round(0).UTC() // So that equal times are one key.
	if r.seen[e] {
		return true
	}
	delete(r.seen, r.ring[r.next])
	r.ring[r.next], r.seen[e] = e, true
	r.next = (r.next + 1) % replayable
	return false
}

// earlyEvent came before its container was known.
type earlyEvent struct {
	event engine.Event
	sync  int
}

const (
	// markFor is how long a mark counts at least. A container that still runs then has survived its
	// stop signal.
	markFor = time.Minute
	// beyondStop is added to a container's own stop timeout.
	beyondStop = 10 * time.Second
	// unsureFor is when what was paused has run its HEALTHCHECK again: Docker's interval and timeout are 30 s each, if
	// nothing else is said.
	unsureFor = time.Minute
	// formerLife is how long after a start was found events from before it are taken to be late ones of the
	// container's former life. Later they are of this one, by a clock that was set back.
	formerLife = 10 * time.Second

	signalTerm = 15
	signalKill = 9
)

// act takes in an event. It says whether the container went out of rotation by it, so that the
// snapshot must be built anew at once, and whether the list must be asked.
func (v *view) act(e engine.Event, now time.Time) (rebuild, dirty bool) {
	if e.ID == v.self && e.ID != "" && e.Action == engine.ActionNetwork {
		v.placeDirty = true
		return false, true
	}
	if v.others[e.ID] {
		return false, false
	}
	v.dirty[e.ID] = true
	c, ok := v.known[e.ID]
	if !ok {
		v.early = append(v.early, earlyEvent{event: e, sync: v.syncs})
		return false, true
	}
	return v.leave(c, e, now), true
}

// leave marks the container if the event says that it leaves, and says whether that is new.
func (v *view) leave(c engine.Container, e engine.Event, now time.Time) bool {
	if v.recent.repeats(e) {
		return false
	}
	// The order of the stream counts, not the time: the engine's clock may have been set back. Only what puts a
	// container back must be newer than all else, and waits for the list otherwise.
	late := e.Time.Before(v.heard[c.ID])
	v.heard[c.ID] = e.Time
	if e.Time.Before(c.StartedAt) {
		if now.Sub(v.learnt[c.ID]) < formerLife {
			return false
		}
		e.Time = c.StartedAt
	}
	switch e.Action {
	case engine.ActionUnpause:
		return !late && v.thaw(c, now)
	case engine.ActionHealth:
		if back, ok := v.returned[c.ID]; ok && back.unsure {
			back.unsure = false
			v.returned[c.ID] = back
		}
		return false
	}
	m := mark{at: e.Time, until: now.Add(max(markFor, c.StopTimeout+beyondStop)), sync: v.syncs}
	old, marked := v.marks[c.ID]
	switch {
	case e.Action == engine.ActionDie:
		m.Leaving = Leaving{State: StateStopped, Reason: "has just ended"}
	case e.Action == engine.ActionKill && e.Signal == signalKill:
		m.Leaving = Leaving{State: StateDraining, Reason: "was killed"}
	case e.Action == engine.ActionKill && e.Signal == stopSignal(c):
		m.Leaving = Leaving{State: StateDraining, Reason: "was sent its stop signal"}
	case e.Action == engine.ActionPause && !marked:
		m.Leaving = Leaving{State: StatePaused, Reason: pausedReason(c)}
	default:
		return false
	}
	// What ended is not merely draining: the signal that ended it may be told of later.
	if marked && old.State == StateStopped {
		m.Leaving = old.Leaving
	}
	v.marks[c.ID] = m
	if back, ok := v.returned[c.ID]; ok && back.thawed {
		back.thawed = false
		v.returned[c.ID] = back
	}
	return !marked || old.Leaving != m.Leaving
}

// thaw puts a container that was paused back into rotation, as a new backend, without waiting for a list.
func (v *view) thaw(c engine.Container, now time.Time) bool {
	m, marked := v.marks[c.ID]
	paused := c.State == engine.StatePaused && !marked || marked && m.State == StatePaused
	back, ok := v.returned[c.ID]
	if !paused || ok && back.thawed {
		return false
	}
	delete(v.marks, c.ID)
	v.returned[c.ID] = comeback{at: now, startedAt: c.StartedAt, unsure: true, health: c.Health, thawed: true, sync: v.syncs}
	return true
}

func stopSignal(c engine.Container) int {
	if c.StopSignal == 0 {
		return signalTerm
	}
	return c.StopSignal
}

// settle drops what a sync's inspection made obsolete of the marks on a container, and notes when
// it is back without a new start. before is the container as it was known; zero if it was not.
func (v *view) settle(c, before engine.Container, sync int, now time.Time) {
	back, returned := v.returned[c.ID]
	switch {
	case returned && !back.startedAt.Equal(c.StartedAt):
		delete(v.returned, c.ID)
		back = comeback{}
	case returned:
		// A result that is another one than before the pause is newer than that. Of one that stays as it was no event tells.
		back.unsure = back.unsure && c.Health == back.health && now.Sub(back.at) < unsureFor
		v.returned[c.ID] = back
	}
	m, marked := v.marks[c.ID]
	sameStart := before.StartedAt.Equal(c.StartedAt)
	if !sameStart {
		v.learnt[c.ID] = now
	}
	serves := c.State == engine.StateRunning
	switch {
	case back.thawed && back.sync >= sync:
		// The event came after this sync began, which may know less.
	case back.thawed:
		// It is another backend already.
		back.thawed = false
		v.returned[c.ID] = back
	case !marked:
		if serves && sameStart && before.State == engine.StatePaused {
			v.returned[c.ID] = comeback{at: now, startedAt: c.StartedAt, unsure: true, health: before.Health}
		}
	case m.sync >= sync:
		// The event came after this sync began, which knows less.
	case c.StartedAt.After(m.at):
		delete(v.marks, c.ID)
	case m.State == StateStopped && serves && !sameStart:
		// It was started anew, by a clock that was set back.
		delete(v.marks, c.ID)
	case m.State == StatePaused && serves, !now.Before(m.until) && serves:
		delete(v.marks, c.ID)
		v.returned[c.ID] = comeback{at: now, startedAt: c.StartedAt, unsure: m.State == StatePaused, health: before.Health}
	case m.State == StatePaused, !serves && c.State != engine.StatePaused, !now.Before(m.until):
		// The list says itself that it does not serve.
		delete(v.marks, c.ID)
	}
}

// actOnEarly acts on events that came while their containers were not known. The sync that began
// after such an event knows the container, or there is none.
func (v *view) actOnEarly(sync int, now time.Time) {
	kept := v.early[:0]
	for _, e := range v.early {
		c, ok := v.known[e.event.ID]
		after := e.sync >= sync
		switch {
		case ok && (after || e.event.Action == engine.ActionKill):
			v.leave(c, e.event, now)
		case ok:
			// The inspection is newer, and tells all but that a signal was sent.
		case after && !v.others[e.event.ID]:
			kept = append(kept, e)
		}
	}
	clear(v.early[len(kept):])
	v.early = kept
}
