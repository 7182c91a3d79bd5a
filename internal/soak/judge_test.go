package main

import (
	"io"
	"testing"
)

func TestSoak_excuse(t *testing.T) {
	get := plan{id: 1, method: "GET"}
	post := plan{id: 1, method: "POST", send: message{framing: framedLength, size: 9}}
	with := func(p plan, change func(*plan)) plan {
		change(&p)
		return p
	}
	silent := outcome{kind: outcomeError, status: 502, slug: "no-answer"}
	inBody := outcome{kind: outcomeBroken, err: io.ErrUnexpectedEOF, begun: true, headed: true}
	atOnce := outcome{kind: outcomeBroken, err: io.EOF}
	tests := []struct {
		name        string
		plan        plan
		outcome     outcome
		died, reset bool
		down        bool
		receipts    int
		marks       mark
		want        bool
	}{
		{name: "no answer for no reason", plan: get, outcome: silent},
		{name: "no answer to a POST for no reason", plan: post, outcome: silent, receipts: 1},
		{name: "no answer of a backend that died", plan: get, outcome: silent, receipts: 1, marks: markKilled, want: true},
		{name: "no answer when a backend died, which had not seen it", plan: post, outcome: silent, died: true, want: true},
		{name: "no answer when another backend died", plan: post, outcome: silent, died: true, receipts: 1},
		{name: "a POST on a connection that ended", plan: post, outcome: silent, marks: markLate, want: true},
		{name: "a GET on a connection that ended", plan: get, outcome: silent, marks: markLate},
		{name: "a POST when a connection was reset", plan: post, outcome: silent, reset: true, want: true},
		{name: "a POST that was received when another connection was reset", plan: post, outcome: silent, reset: true, receipts: 1},
		{
			name: "a backend that is silent", outcome: silent, receipts: 1, want: true,
			plan: with(post, func(p *plan) { p.origin.kind = originSilent }),
		},
		{
			name: "a backend that is silent once on a kept connection", outcome: silent, receipts: 1, marks: markKept,
			plan: with(get, func(p *plan) { p.origin = originFault{kind: originSilent, once: true} }),
		},
		{name: "no connection", plan: get, outcome: outcome{kind: outcomeError, status: 502, slug: "connect-failed"}, died: true, marks: markKilled},
		{
			name: "sent again to a backend that had been refusing when it began", receipts: 2, down: true, want: true,
			outcome: outcome{kind: outcomeError, status: 502, slug: "connect-failed"},
			plan:    with(get, func(p *plan) { p.origin.kind = originSilent }),
		},
		{
			name: "sent again, and none refused", receipts: 2, died: true,
			outcome: outcome{kind: outcomeError, status: 502, slug: "connect-failed"},
			plan:    with(get, func(p *plan) { p.origin.kind = originSilent }),
		},
		{name: "no connection to one that refused, with others there", plan: get, outcome: outcome{kind: outcomeError, status: 502, slug: "connect-failed"}, down: true},
		{name: "no backend", plan: get, outcome: outcome{kind: outcomeError, status: 503, slug: "no-backend"}, died: true},
		{
			name: "no backend in an empty pool", outcome: outcome{kind: outcomeError, status: 503, slug: "no-backend"}, want: true,
			plan: with(get, func(p *plan) { p.pool = poolNone }),
		},
		{name: "too late", plan: get, outcome: outcome{kind: outcomeError, status: 504, slug: "timeout"}},
		{name: "a bad request that is good", plan: post, outcome: outcome{kind: outcomeError, status: 400, slug: "bad-request"}},
		{name: "broken off for no reason", plan: get, outcome: inBody, receipts: 1},
		{name: "broken off by a death", plan: get, outcome: inBody, receipts: 1, marks: markKilled, want: true},
		{name: "broken off before the answer by a death", plan: get, outcome: atOnce, receipts: 1, marks: markKilled},
		{
			name: "broken off before the answer by a backend", outcome: atOnce, receipts: 1,
			plan: with(get, func(p *plan) { p.origin.kind = originCuts }),
		},
		{
			name: "broken off by a backend", outcome: inBody, receipts: 1, want: true,
			plan: with(get, func(p *plan) { p.origin.kind = originCuts }),
		},
		{
			name: "broken off by a client", outcome: atOnce, want: true,
			plan: with(post, func(p *plan) { p.client = clientFault{kind: clientCuts, end: endsHalf} }),
		},
		{name: "behind an end", plan: get, outcome: outcome{kind: outcomeUnsent}, want: true},
		{name: "behind an end, but received", plan: get, outcome: outcome{kind: outcomeUnsent}, receipts: 1},
		{
			name: "an answer to what may not be served", outcome: outcome{kind: outcomeWhole},
			plan: with(post, func(p *plan) { p.client.kind = clientSmuggles }),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := soak{ledger: newLedger(1)}
			for range tt.receipts {
				s.ledger.receive(1)
			}
			s.ledger.mark(1, tt.marks)
			got := s.excuse(&suspect{plan: tt.plan, outcome: tt.outcome, died: tt.died, reset: tt.reset, down: tt.down})
			if (got != "") != tt.want {
				t.Errorf("excuse() = %q, want one: %t", got, tt.want)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	var w window
	before := w.ended.Load()
	if w.since(before) {
		t.Error("an event, and none was")
	}
	w.during(func() {
		if !w.since(before) || !w.since(w.ended.Load()) {
			t.Error("no event, and one is going on")
		}
	})
	if !w.since(before) || w.since(w.ended.Load()) {
		t.Error("an event that was over before, or none that came after")
	}
}
