package main

import "fmt"

// moment is how many events of a kind had ended when a request began.
type moment struct{ deaths, resets, downs uint64 }

func (s *soak) now() moment {
	return moment{deaths: s.deaths.ended.Load(), resets: s.resets.ended.Load(), downs: s.downs.ended.Load()}
}

// suspect is a request that did not get its answer. It is judged later, when its origin has told all.
type suspect struct {
	plan    plan
	outcome outcome
	// died and reset say that an origin died, or reset an idle connection, meanwhile; down that one took no connections
	// for a time that was not over when the request began, or began later.
	died, reset, down bool
}

// judge takes down how a request ended.
func (s *soak) judge(p *plan, o outcome, m moment) {
	s.done.Add(1)
	if o.kind == outcomeWhole && p.mayServe() {
		s.whole.Add(1)
		return
	}
	c := suspect{plan: *p, outcome: o, died: s.deaths.since(m.deaths), reset: s.resets.since(m.resets), down: s.downs.since(m.downs)}
	if o.kind == outcomeWrong {
		s.condemn(&c)
		return
	}
	s.suspectsMu.Lock()
	defer s.suspectsMu.Unlock()
	s.suspects = append(s.suspects, c)
}

// judgeSuspects judges those that were there at the last call, or all.
func (s *soak) judgeSuspects(all bool) {
	s.suspectsMu.Lock()
	due := s.waiting
	s.waiting, s.suspects = s.suspects, nil
	if all {
		due, s.waiting = append(due, s.waiting...), nil
	}
	s.suspectsMu.Unlock()
	for i := range due {
		s.condemn(&due[i])
	}
}

// condemn counts what has an excuse, and reports what has none.
func (s *soak) condemn(c *suspect) {
	excuse := s.excuse(c)
	if excuse == "" {
		s.violate(c.plan.id, "%s without a fault that allows it; %d receipts, death %t, reset %t, down %t%s",
			c.outcome.String(), s.ledger.receipts(c.plan.id), c.died, c.reset, c.down, s.behind(&c.outcome))
		return
	}
	s.tally.add(c.outcome.label(), excuse)
}

// behind tells which request was answered before on a connection that ended.
func (s *soak) behind(o *outcome) string {
	if o.behind == 0 {
		return ""
	}
	p := newPlan(s.seed, o.behind)
	return fmt.Sprintf("; behind request %d: %s", p.id, p.String())
}

// label is the row of the summary.
func (o *outcome) label() string {
	switch o.kind {
	case outcomeError:
		return fmt.Sprintf("%d %s", o.status, o.slug)
	case outcomeBroken:
		return "broken off: " + o.stage() + ", " + endOf(o.err)
	case outcomeLeft:
		return "left by the client"
	case outcomeUnsent:
		return "behind a connection's end"
	}
	return o.String()
}

func (o *outcome) stage() string {
	switch {
	case o.headed:
		return "in the body"
	case o.begun:
		return "in the head"
	}
	return "before the answer"
}

// String says what a client saw.
func (o *outcome) String() string {
	switch o.kind {
	case outcomeWhole:
		return "a whole answer"
	case outcomeWrong:
		return "wrong: " + o.err.Error()
	}
	return o.label()
}

// excuse says why a request may have ended as it did; nothing if it may not.
func (s *soak) excuse(c *suspect) string {
	p, id := &c.plan, c.plan.id
	switch c.outcome.kind {
	case outcomeLeft:
		return p.client.String()
	case outcomeUnsent:
		if s.ledger.receipts(id) == 0 {
			return "not sent to any backend"
		}
	case outcomeError:
		return s.excuseError(c)
	case outcomeBroken:
		return s.excuseBreak(c)
	}
	return ""
}

func (s *soak) excuseError(c *suspect) string {
	p, o := &c.plan, &c.outcome
	switch {
	case o.status == 503 && o.slug == "no-backend" && p.pool == poolNone:
		return "the pool is empty"
	case o.status == 504 && o.slug == "timeout" && p.pool == poolHurry:
		return "the backend hangs"
	case o.status == 400 && p.client.kind == clientSmuggles:
		return p.client.String()
	case o.status == 400 && o.slug == "bad-request" && (p.client.kind == clientGarbles || p.client.kind == clientCuts):
		return p.client.String()
	case o.status == 502 && o.slug == "bad-response" && p.origin.kind == originGarbles:
		return p.origin.String()
	case o.status == 502 && o.slug == "connect-failed" && p.origin.kind == originSilent && p.idempotent() && c.down:
		return "sent again, where a backend took no connections"
	case o.status == 502 && o.slug == "no-answer":
		return s.excuseSilence(c)
	}
	return ""
}

// excuseSilence is for requests that a backend gave no answer to.
func (s *soak) excuseSilence(c *suspect) string {
	p, id := &c.plan, c.plan.id
	switch {
	case s.hit(c):
		return "a backend died"
	case p.origin.kind == originSilent && p.origin.once && p.repeatable() && s.ledger.has(id, markKept):
		if c.died { // It was sent again, and that came to nobody.
			return "a backend died"
		}
		return ""
	case p.origin.kind == originSilent || p.origin.kind == originCuts:
		return p.origin.String()
	case p.early == earlyAbandons:
		return "answered early, and reset"
	case p.repeatable():
		return ""
	case s.ledger.has(id, markLate):
		return "a backend ended an idle connection"
	case s.ledger.receipts(id) == 0 && c.reset:
		return "a backend reset an idle connection"
	}
	return ""
}

func (s *soak) excuseBreak(c *suspect) string {
	p, o := &c.plan, &c.outcome
	switch {
	case p.client.kind == clientCuts || p.client.kind == clientGarbles:
		return p.client.String()
	case p.origin.kind == originCuts && o.headed:
		return p.origin.String()
	case s.hit(c) && o.headed:
		return "a backend died"
	case p.early == earlyAbandons && o.headed:
		return "answered early, and reset"
	case !o.begun && o.behind != 0 && s.ledger.receipts(p.id) == 0:
		if before := newPlan(s.seed, o.behind); before.early != earlyNot {
			return "behind an early answer"
		}
	}
	return ""
}

// hit says that a backend died with the request, or may have before it had read it.
func (s *soak) hit(c *suspect) bool {
	return s.ledger.has(c.plan.id, markKilled) || c.died && s.ledger.receipts(c.plan.id) == 0
}
