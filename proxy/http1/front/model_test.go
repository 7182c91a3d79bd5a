package front_test

import (
	"fmt"
	"slices"
)

// model says what may come of a script. It goes through the requests one after the other and knows nothing of how
// the front does what it does; where two sides act at the same time it allows what either order leads to.
type model struct {
	*world
	violations []string
}

func newModel(w *world) *model { return &model{world: w} }

func (m *model) wrong(format string, args ...any) {
	m.violations = append(m.violations, fmt.Sprintf(format, args...))
}

// allowance is what a request may get.
type allowance struct {
	exact   bool     // The backend's answer, whole.
	broken  bool     // It, visibly broken off.
	nothing bool     // The end of the connection.
	slugs   []string // An answer of Ballast's own.
}

// check returns what happened that must not.
func (m *model) check() []string {
	for _, s := range m.cast.strange {
		m.wrong("%s", s)
	}
	m.checkReceipts()
	c := m.client
	mayEnd := false
	for i, h := range c.hears[:c.listened] {
		may := m.allowed(i)
		may.nothing = may.nothing || mayEnd
		m.judge(i, h, may)
		mayEnd = mayEnd || m.mayEndAfter(i)
	}
	switch stuck := slices.ContainsFunc(c.hears, func(h *heard) bool { return h.late }); {
	case stuck: // What came then is the rest of that.
	case len(c.rest) > 0:
		m.wrong("when all was answered, or the end announced, there came %.100q", c.rest)
	case c.late(c.restErr):
		m.wrong("the connection was not closed")
	}
	if c.leftBusy > 0 && !m.script.endless() {
		m.wrong("%d requests were in flight although the client had read nothing for %s", c.leftBusy, c.stuck)
	}
	return m.violations
}

// left says that the client may not have read, or may not have been sent, what it was to get. Over TCP, who
// ends its half counts as one who has left, unless its request was announced as the last.
func (m *model) left() bool {
	end := m.script.end
	return end == endClose || end == endReset || end == endDeaf || end == endHalf && m.script.real
}

// drains says that the front was being drained when this request came.
func (m *model) drains(i int) bool { return m.script.drainAfter >= 0 && i >= m.script.drainAfter }

// allowed says what request i may get, if the connection has not ended before.
func (m *model) allowed(i int) allowance {
	a, sent := m.script.asks[i], m.client.sent[i]
	var may allowance
	switch {
	case a.refusal != "":
		may = allowance{slugs: []string{a.refusal}, nothing: sent <= sentPart}
	case sent <= sentPart:
		may.nothing = true
	case sent == sentHead:
		may.nothing = true
		may.slugs = []string{"bad-request"}
		if a.expects {
			may.slugs = append(may.slugs, "timeout")
		}
		if a.reply.hasty {
			may.broken = may.broken || !m.client.withheld // The end of a request is that of its answer too.
			m.allowReply(i, a, &may)
		}
	case a.malformed:
		may.slugs = []string{"bad-request"}
		if a.reply.hasty {
			may.broken, may.nothing = true, true
			m.allowReply(i, a, &may)
		}
	default:
		m.allowReply(i, a, &may)
	}
	if m.failed >= m.script.refusals() && a.refusal == "" && sent >= sentHead {
		may.slugs = append(may.slugs, "connect-failed")
	}
	if m.failed > 0 && m.mayRepeat(a, m.received(i)) { // At the backend that it was sent to then.
		may.slugs = append(may.slugs, "connect-failed")
	}
	if !a.repeatable() && a.refusal == "" && m.lostTheRace(i) {
		may.slugs = append(may.slugs, "no-answer")
	}
	if m.left() || a.tunnelEnd == endClose {
		may.nothing, may.broken = true, true
	}
	if m.drains(i) {
		may.nothing = true
		if m.script.endless() {
			may.broken = true
			may.slugs = append(may.slugs, "shutting-down")
		}
	}
	return may
}

// allowReply adds what comes of what the backend does.
func (m *model) allowReply(i int, a *ask, may *allowance) {
	p, received := &a.reply, m.received(i)
	for _, before := range m.script.asks[:i] {
		if before.reply.fault == faultExcess {
			may.slugs = append(may.slugs, "bad-response", "no-answer")
		}
	}
	if m.script.real && p.hasty && len(a.tail) > 0 { // What the backend has not read makes its end a reset.
		may.broken = true
		may.slugs = append(may.slugs, "no-answer")
	}
	if p.rude && p.framing == byEnd && len(a.tail) > 0 { // Who sees that the request was not taken may not trust the end.
		may.broken = true
	}
	fault := p.fault
	if p.once && len(received) > 1 || p.once && m.repeats(a, received) {
		fault = faultNone
	}
	switch fault {
	case faultNone, faultExcess:
		may.exact = true
	case faultQuit, faultReset, faultHead:
		may.slugs = append(may.slugs, "no-answer")
	case faultBad:
		may.slugs = append(may.slugs, "bad-response")
	case faultMute:
		may.slugs = append(may.slugs, "timeout")
	default:
		may.broken = true
		may.exact = m.endsUnseen(a)
	}
}

// endsUnseen says that an answer that breaks off can't be told from a whole one: it ends with its connection, and so
// does a broken one, but for a reset, which only TCP has.
func (m *model) endsUnseen(a *ask) bool {
	p := &a.reply
	return p.framing == byEnd && (p.fault == faultCut || p.fault == faultStall) ||
		a.http10 && p.framing == byChunks && !m.script.real
}

// lostTheRace says that a request may have been sent to a connection that its backend closed at that moment.
func (m *model) lostTheRace(i int) bool {
	if !m.script.real {
		return m.cast.dropped > 0
	}
	return slices.ContainsFunc(m.script.asks[:i], func(a *ask) bool { return a.reply.quits || a.reply.rude })
}

// repeats says that a request must have been sent again: it may be, and the backend closed a connection that
// had served before without a byte of an answer.
func (m *model) repeats(a *ask, received []*receipt) bool {
	return a.repeatable() && m.mayRepeat(a, received) && received[0].kept && len(a.reply.interims) == 0
}

// mayRepeat says that it may have been. A reset may take with it what was sent before.
func (m *model) mayRepeat(a *ask, received []*receipt) bool {
	p := &a.reply
	return a.idempotent() && (p.fault == faultQuit && len(p.interims) == 0 || p.fault == faultReset) &&
		len(received) > 0
}

func (m *model) received(i int) []*receipt {
	var out []*receipt
	for _, r := range m.cast.receipts {
		if r.id == i {
			out = append(out, r)
		}
	}
	return out
}

// mayEndAfter says that the connection may end after an answer that does not announce it.
func (m *model) mayEndAfter(i int) bool {
	a := m.script.asks[i]
	p := &a.reply
	hasty := p.hasty && len(a.tail) > 0
	return m.left() || m.drains(i) || a.malformed || m.client.sent[i] < sentAll || a.expects && hasty ||
		hasty && (p.rude || p.closes || p.http10 || p.fault != faultNone || m.script.real)
}

// mayAnnounce says that an answer may tell of the connection's end although the client did not ask for that.
func (m *model) mayAnnounce(i int) bool {
	a := m.script.asks[i]
	return m.drains(i) || a.reply.hasty && len(a.tail) > 0 || a.malformed || m.client.sent[i] < sentAll
}
