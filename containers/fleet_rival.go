package containers

import (
	"fmt"
	"time"
)

const (
	// settlesIn is how long after a Fleet began to run clones may still appear that an earlier run was making, and how long one
	// may appear whose creation had no answer, or that was given up.
	settlesIn = time.Minute
	// frozenFor is how long a Fleet does nothing after it has found another one at its work. With each thaw both undo once more what
	// the other did, so that every time it is twice as long as before, up to frozenMost; after so long without, it begins anew.
	frozenFor  = time.Minute
	frozenMost = 16 * time.Minute
)

// rivalry is what a Fleet notes to find another Ballast that has the same instance by mistake. One that hands over or is handed
// over to is none: only one of the two runs its Fleet, and only that one looks.
type rivalry struct {
	// since is when there was first both a snapshot and a Run; zero if there is no Run.
	since time.Time
	// explained are clones that may appear without having been made here as far as is known, until when: by name those whose
	// creation had no answer, by ID those that were known once.
	explained map[string]time.Time
	// frozen is until when nothing is done, rest for how long when it was said, and clone what is the last that was found.
	frozen time.Time
	rest   time.Duration
	clone  string
}

// explain notes that a clone may appear that this Fleet does not know.
func (r *rivalry) explain(key string, now time.Time) { r.explained[key] = now.Add(settlesIn) }

// find looks for clones that another Ballast made, and freezes the Fleet if there are any.
func (f *Fleet) find(adopted []adoption, now time.Time) {
	r := &f.rivalry
	for key, until := range r.explained {
		if !now.Before(until) {
			delete(r.explained, key)
		}
	}
	if r.since.IsZero() || now.Sub(r.since) < settlesIn {
		return
	}
	for _, a := range adopted {
		c := a.clone
		_, byName := r.explained[c.name]
		_, byID := r.explained[c.id]
		if byName || byID {
			continue
		}
		r.freeze(c.name, now)
		f.o.Logger.Warn().Str("pool", c.pool).Str("clone", c.name).Str("container", c.id).Dur("frozen_for", r.rest).
			Msg(f.whyFrozen())
	}
}

// freeze notes that a clone was found. Others that are found meanwhile are of the same round.
func (r *rivalry) freeze(clone string, now time.Time) {
	switch {
	case r.rest == 0 || now.Sub(r.frozen) >= frozenMost:
		r.rest = frozenFor
	case !now.Before(r.frozen):
		r.rest = min(2*r.rest, frozenMost)
	}
	r.frozen, r.clone = now.Add(r.rest), clone
}

// frozen says whether another Ballast was found at work lately.
func (f *Fleet) frozen(now time.Time) bool { return now.Before(f.rivalry.frozen) }

func (f *Fleet) whyFrozen() string {
	return fmt.Sprintf("another Ballast made %s and has the same instance, %q, so that each undoes what the other does, and this one "+
		"scales nothing for a while: set instance to a name of its own for each of them, or stop one", f.rivalry.clone, f.o.Instance)
}
