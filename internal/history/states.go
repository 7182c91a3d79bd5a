package history

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

const (
	// Kept is how many changes of each container are remembered.
	Kept = 50
	// maxLeft bounds how many containers are remembered that left.
	maxLeft = 500
)

// What a container can be besides a backend.
const (
	// StateUnrouted is labelled, and no backend.
	StateUnrouted containers.State = "unrouted"
	// StateGone is no container of the engine any more.
	StateGone containers.State = "gone"
)

// Change is a container's step from one state to another, or to another reason for the same.
type Change struct {
	Time time.Time `json:"time"`
	// From is empty for one that has just come.
	From containers.State `json:"from"`
	To   containers.State `json:"to"`
	// Reason says why To is not ready.
	Reason string `json:"reason,omitempty"`
}

// Event is a change with what it is of.
type Event struct {
	// ID is the container's, whole.
	ID   string `json:"id"`
	Name string `json:"name"`
	Pool string `json:"pool"`
	Change
}

// Step is what became of a backend.
type Step struct {
	// ID and Name are the container's.
	ID, Name, Pool string
	To             containers.State
	Reason         string
}

// Left is a container that the engine has no more, with what was last known of it.
type Left struct {
	ID, Name, Pool, Image string
	Time                  time.Time
}

// States remembers the last Kept changes of each labelled container, and those of one that left for Span seconds more, if
// they are not more than 500. It is safe for concurrent use.
type States struct {
	onChange func(Event)

	mu    sync.Mutex
	known map[string]*life // by container ID
}

// life is what became of one container.
type life struct {
	name, pool, image string
	// changes are the newest, oldest first; at least one.
	changes []Change
	left    bool
}

// NewStates makes a States. onChange is told of every change, one at a time and in order; it must return at once and not call
// the States, and may be nil.
func NewStates(onChange func(Event)) *States {
	return &States{onChange: onChange, known: make(map[string]*life)}
}

// Note notes what became of a backend.
func (s *States) Note(now time.Time, b Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(now, b)
}

// Apply notes what became of the containers of a snapshot that are no backends, and which are gone. It is to be called
// when the data path knows the snapshot.
func (s *States) Apply(now time.Time, snapshot *containers.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := make(map[string]bool, len(snapshot.Entries))
	for i := range snapshot.Entries {
		e := &snapshot.Entries[i]
		there[e.Container.ID] = true
		if !e.Routed {
			s.note(now, Step{ID: e.Container.ID, Name: e.Container.Name, Pool: e.Pool, To: StateUnrouted, Reason: e.Reason})
		}
		if l := s.known[e.Container.ID]; l != nil {
			l.image = e.Container.Image
		}
	}
	for id, l := range s.known {
		if !there[id] && !l.left {
			s.note(now, Step{ID: id, Name: l.name, Pool: l.pool, To: StateGone, Reason: "the engine has it no more"})
		}
	}
	s.forget(now)
}

// Of is what became of a container, the newest first; nil if nothing is known of it.
func (s *States) Of(id string) []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.known[id]
	if l == nil {
		return nil
	}
	out := slices.Clone(l.changes)
	slices.Reverse(out)
	return out
}

// Left are the containers that left not long before now, by name.
func (s *States) Left(now time.Time) []Left {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	var out []Left
	for id, l := range s.known {
		if l.left {
			out = append(out, Left{ID: id, Name: l.name, Pool: l.pool, Image: l.image, Time: l.last().Time})
		}
	}
	slices.SortFunc(out, func(a, b Left) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

func (l *life) last() *Change { return &l.changes[len(l.changes)-1] }

func (s *States) note(now time.Time, b Step) {
	l := s.known[b.ID]
	if l == nil {
		l = &life{}
		s.known[b.ID] = l
	}
	l.name, l.pool, l.left = b.Name, b.Pool, b.To == StateGone
	c := Change{Time: now, To: b.To, Reason: b.Reason}
	if len(l.changes) > 0 {
		last := l.last()
		if last.To == c.To && last.Reason == c.Reason {
			return
		}
		c.From = last.To
	}
	if len(l.changes) == Kept {
		l.changes = slices.Delete(l.changes, 0, 1)
	}
	l.changes = append(l.changes, c)
	if s.onChange != nil {
		s.onChange(Event{ID: b.ID, Name: b.Name, Pool: b.Pool, Change: c})
	}
}

// forget drops those that left long ago, and those that left first of too many.
func (s *States) forget(now time.Time) {
	var left []string
	for id, l := range s.known {
		switch {
		case !l.left:
		case now.Sub(l.last().Time) > Span*time.Second:
			delete(s.known, id)
		default:
			left = append(left, id)
		}
	}
	if len(left) <= maxLeft {
		return
	}
	slices.SortFunc(left, func(a, b string) int { return s.known[a].last().Time.Compare(s.known[b].last().Time) })
	for _, id := range left[:len(left)-maxLeft] {
		delete(s.known, id)
	}
}

// Since are the changes of all containers after a moment, the newest first.
func (s *States) Since(t time.Time) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Event
	for id, l := range s.known {
		for _, c := range slices.Backward(l.changes) {
			if !c.Time.After(t) {
				break
			}
			out = append(out, Event{ID: id, Name: l.name, Pool: l.pool, Change: c})
		}
	}
	slices.SortFunc(out, func(a, b Event) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Name, b.Name)) })
	return out
}
