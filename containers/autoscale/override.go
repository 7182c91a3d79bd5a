package autoscale

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// leastHold is how long replicas that were set by hand stay at least: what has a shorter hold-down than its containers take
// to start would be removed before it served.
const leastHold = time.Minute

// Mark says who did something by hand, and when.
type Mark struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Setting is a number that somebody set.
type Setting struct {
	N int `json:"n"`
	Mark
}

// Held is a number of replicas that somebody set. It is a minimum until Until; if that is nil, nothing else counts as long
// as the pool is paused.
type Held struct {
	Setting
	Until *time.Time `json:"until"`
}

// Override is what people have set by hand for a pool. It ends when it is taken back, with the pool, or with the process,
// not when its containers are made anew; what it points to is never written to.
type Override struct {
	// Paused says that the number of replicas changes by hand alone.
	Paused   *Mark `json:"paused,omitempty"`
	Replicas *Held `json:"replicas,omitempty"`
	// Min and Max stand in for those of the policy.
	Min *Setting `json:"min,omitempty"`
	Max *Setting `json:"max,omitempty"`
}

// within is what counts of the override by a policy: nothing where that does not scale.
func (o Override) within(p Policy) Override {
	if p.Max <= 0 {
		return Override{}
	}
	return o
}

// apply is the policy with the override. A minimum above the maximum, of which one was set by hand before the other changed, is
// held to it.
func (o Override) apply(p Policy) Policy {
	o = o.within(p)
	p = o.limit(p)
	if p.Max > 0 && p.Min > p.Max {
		p.Min, p.MinMeant = p.Max, p.Min
	}
	if o.Paused != nil {
		p.PausedBy, p.DryRun = o.Paused.By, true
	}
	if o.Replicas != nil {
		p.Hand, p.HandBy = o.Replicas.N, o.Replicas.By
	}
	return p
}

// limit is the policy with the limits of the override.
func (o Override) limit(p Policy) Policy {
	if o.Min != nil {
		p.Min, p.MinBy = o.Min.N, o.Min.By
	}
	if o.Max != nil {
		p.Max, p.MaxBy = o.Max.N, o.Max.By
	}
	return p
}

// expire drops what has had its time.
func (o *Override) expire(now time.Time) {
	if o.Replicas != nil && o.Replicas.Until != nil && !now.Before(*o.Replicas.Until) {
		o.Replicas = nil
	}
}

// Why what somebody asks for is refused.
const (
	RefusedNoPool      = "no-such-pool"
	RefusedNotDeciding = "not-deciding"
	RefusedStale       = "engine-unreachable"
	RefusedNotScaling  = "not-scaling"
	RefusedDryRun      = "dry-run"
	RefusedRange       = "out-of-range"
	RefusedOriginals   = "below-originals"
	RefusedDemand      = "below-demand"
	RefusedBlocked     = "blocked"
)

// RefusedError says why something can't be done by hand at present. Kind is one of the constants; Reason is for people, and
// ends with what to do.
type RefusedError struct{ Kind, Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refused(kind, format string, args ...any) (Decision, error) {
	return Decision{}, &RefusedError{kind, fmt.Sprintf(format, args...)}
}

// Limits are what SetLimits changes: nil leaves a limit as it is, and Off takes it back.
type Limits struct{ Min, Max *int }

// Off takes a limit back.
const Off = -1

// takesBack says that no limit is set.
func (l Limits) takesBack() bool {
	return (l.Min == nil || *l.Min == Off) && (l.Max == nil || *l.Max == Off)
}

// Override returns what is set by hand for a pool.
func (s *Scaler) Override(pool string) Override {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pools[pool]; p != nil {
		return p.override
	}
	return Override{}
}

// Scale brings a pool to n replicas that serve now; those that do not are there beside them, and all together stay within the
// maximum. More than the rules want stay for the hold-down, and a minute, at least. Fewer are
// refused unless the pool is paused: then n is what there is until it is resumed. by is who asks; what is refused is a
// *RefusedError.
func (s *Scaler) Scale(ctx context.Context, pool, by string, n int) (Decision, error) {
	return s.byHand(pool, by, false, func(h hand) (Decision, error) {
		v, o := &h.view, h.pool.override
		to := min(n+v.Unhealthy, v.Max)
		if n == 0 {
			to = 0
		}
		switch {
		case v.Stale:
			return refused(RefusedStale, "%s: try again when the engine is back", causeStale)
		case n > v.Max:
			return refused(RefusedRange, "%d is more than the %s: raise max for now, or the label scale.max", n, v.maxText())
		case n < v.Min:
			return refused(RefusedRange, "%d is less than the %s: lower min for now, or the label scale.min", n, v.minText())
		case n > 0 && to < v.Originals:
			return refused(RefusedOriginals, "%d of its containers were not made by Ballast, which stops those only all together: stop them yourself", v.Originals)
		case o.Paused == nil && n < h.pool.rules:
			return refused(RefusedDemand, "the rules want %d: pause autoscaling first", h.pool.rules)
		case to < v.total() && v.Keeps:
			return refused(RefusedNotDeciding, "another Ballast takes over from this one, which gives up nothing meanwhile: ask that one")
		case to > v.total() && v.Blocked != "":
			return refused(RefusedBlocked, "%s", v.Blocked)
		}
		held := &Held{Setting: Setting{n, Mark{by, v.now}}}
		if o.Paused == nil {
			until := v.now.Add(max(v.HoldDown, leastHold))
			held.Until = &until
		}
		o.Replicas = held
		s.override(h.pool, o)

		d := h.set(fmt.Sprintf("%s set replicas to %d by hand; %s: ", by, n, v.running()))
		d.To = to
		switch less := v.total() - to; {
		case less < 0:
			d.Action = ActionScaleOut
			d.Reason += fmt.Sprintf("start %d", -less)
		case less > 0:
			d.Action, d.Victims = ActionScaleIn, leastBusy(v.Clones, min(less, len(v.Clones)))
			d.Reason += fmt.Sprintf("remove %d", less)
		default:
			d.Reason += "nothing to do"
		}
		h.pool.asked = to
		s.o.Actuator.Bring(ctx, pool, to, d.Victims)
		return d, nil
	})
}

// Pause stops a pool from being scaled but by hand, or ends that. Both leave what runs as it is, and what vanishes of that
// while the pool is paused is made again; what was set by hand meanwhile ends with the pause.
func (s *Scaler) Pause(ctx context.Context, pool, by string, paused bool) (Decision, error) {
	return s.byHand(pool, by, !paused, func(h hand) (Decision, error) {
		o, what := h.pool.override, "resumed"
		if paused {
			what = "paused"
			o.Paused = &Mark{by, h.now}
			// What was asked for and could not be made yet stands.
			if n := max(h.total(), h.pool.asked); n != h.pool.asked {
				h.pool.asked = n
				s.o.Actuator.Bring(ctx, pool, n, nil)
			}
		} else {
			o.Paused = nil
		}
		if r := o.Replicas; r != nil && paused {
			o.Replicas = &Held{Setting: r.Setting}
		} else if r != nil && r.Until == nil {
			o.Replicas = nil
		}
		s.override(h.pool, o)
		return h.set(fmt.Sprintf("%s %s autoscaling; %s", by, what, h.running())), nil
	})
}

// SetLimits sets a pool's minimum and maximum for now, or takes them back.
func (s *Scaler) SetLimits(pool, by string, l Limits) (Decision, error) {
	back := l.takesBack()
	return s.byHand(pool, by, back, func(h hand) (Decision, error) {
		o, configured := h.pool.override, h.reading.Policy
		var did []string
		for _, c := range [...]struct {
			name string
			to   *int
			was  **Setting
			back int
		}{{"min", l.Min, &o.Min, configured.Min}, {"max", l.Max, &o.Max, configured.Max}} {
			switch {
			case c.to == nil:
			case *c.to == Off:
				*c.was = nil
				did = append(did, fmt.Sprintf("took %s back to %d", c.name, c.back))
			default:
				*c.was = &Setting{*c.to, Mark{by, h.now}}
				did = append(did, fmt.Sprintf("set %s to %d by hand", c.name, *c.to))
			}
		}
		after := view{Policy: o.limit(configured)}
		switch {
		case len(did) == 0:
			return refused(RefusedRange, "neither min nor max is given: give one, or null to take it back")
		case back:
		case after.Max < 1:
			return refused(RefusedRange, "max must be 1 at least: pause autoscaling to have the pool left alone")
		case after.Min < 0:
			return refused(RefusedRange, "min must not be negative")
		case after.Min > after.Max:
			return refused(RefusedRange, "the %s is above the %s: change both", after.minText(), after.maxText())
		case after.Min == 0 && configured.Min > 0:
			return refused(RefusedRange, "that a pool may be stopped whole is for the label scale.min=0 to say, as containers that Ballast did not make are stopped then: choose 1 or more")
		}
		s.override(h.pool, o)
		return h.set(by + " " + strings.Join(did, " and ")), nil
	})
}

// Running says whether Run does: else nothing can be done by hand.
func (s *Scaler) Running() bool {
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.running
}

// Note keeps that somebody did something with a container of a pool, as a decision; what completes "anna …".
func (s *Scaler) Note(pool, by, what string) {
	_, _ = s.act(pool, by, func(h hand) (Decision, error) { return h.set(by + " " + what), nil })
}

// hand is one act by hand, and the pool as it is then.
type hand struct {
	view
	pool    *scaled
	reading Reading
}

// set is a decision that moves nothing.
func (h *hand) set(reason string) Decision {
	d := h.decision(ActionSet, h.total())
	d.Reason, d.DryRun = reason, false
	return d
}

// byHand is act for pools that scale; what only takes back what was set is done in any pool.
func (s *Scaler) byHand(pool, by string, back bool, do func(hand) (Decision, error)) (Decision, error) {
	return s.act(pool, by, func(h hand) (Decision, error) {
		switch p := h.reading.Policy; {
		case back:
		case h.reading.Awaited:
			return refused(RefusedNotDeciding, "the first container of pool %s has not started yet: try again when it runs", pool)
		case p.Max <= 0:
			return refused(RefusedNotScaling, "pool %s does not scale: recreate its containers with the label scale.max set to the most replicas that there may be", pool)
		case p.DryRun:
			return refused(RefusedDryRun, "pool %s is scaled as a dry run, which changes nothing: take the label scale.dry-run away", pool)
		}
		return do(h)
	})
}

// act does something by hand between two looks, and keeps the decision.
func (s *Scaler) act(pool, by string, do func(hand) (Decision, error)) (Decision, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.running {
		return refused(RefusedNotDeciding, "this Ballast does not scale: it is starting, ending, or another one has taken over; try again, or ask that one")
	}
	now := time.Now()
	for _, r := range s.o.Source.Readings(now) {
		if r.Pool != pool {
			continue
		}
		s.mu.Lock()
		p := s.pools[pool]
		if p != nil {
			p.override.expire(now)
		}
		s.mu.Unlock()
		if p == nil { // What the rules want is not known before the first look.
			return refused(RefusedNotDeciding, "pool %s has just come: try again", pool)
		}
		d, err := do(hand{view: view{Policy: p.override.apply(r.Policy), Sample: r.Sample, now: now}, pool: p, reading: r})
		if err != nil {
			return d, err
		}
		d.Pool, d.By = pool, by
		s.tell(p, d)
		s.Nudge()
		return d, nil
	}
	return refused(RefusedNoPool, "no pool %q: see /api/v1/pools", pool)
}

// override keeps what is set by hand.
func (s *Scaler) override(p *scaled, o Override) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.override = o
}
