package main

import (
	"fmt"
	"strings"
)

// String is the plan for who has to understand a violation.
func (p *plan) String() string {
	client, origin := "1.1", "1.1"
	if p.http10 {
		client = "1.0"
	}
	if p.reply10 {
		origin = "1.0"
	}
	parts := []string{
		fmt.Sprintf("%s %s%s by a client of HTTP/%s with %s", p.method, prefixes[p.pool], p.appendTarget(nil), client, p.send.String()),
		fmt.Sprintf("answer %d in HTTP/%s with %s", p.status, origin, p.reply.String()),
	}
	for _, flag := range []struct {
		set  bool
		text string
	}{
		{!p.keep, "the client does not keep its connection"},
		{p.follows && !p.last(), "another request may follow at once"},
		{p.expect && !p.eager, "the client waits for a 100"},
		{p.expect && p.eager, "the client asks for a 100 and does not wait"},
		{p.interims > 0, fmt.Sprintf("%d interim answers", p.interims)},
		{p.replyClose, "the backend does not keep its connection"},
		{p.early != earlyNot, [...]string{"", "answered early", "answered early and closed", "answered early and reset"}[p.early]},
		{p.client.kind != clientFine, p.client.String()},
		{p.origin.kind != originFine, p.origin.String()},
		{p.idle.kind != idleFine, [...]string{"", "then the idle connection is closed", "then the idle connection is reset"}[p.idle.kind]},
	} {
		if flag.set {
			parts = append(parts, flag.text)
		}
	}
	return strings.Join(parts, "; ")
}

func (m *message) String() string {
	text := [...]string{"no body", "a length of", "chunks of", "an end behind"}[m.framing]
	if m.framing != framedNot {
		text += fmt.Sprintf(" %d bytes", m.size)
	}
	if m.trailer {
		text += " and a trailer"
	}
	if m.fill > 0 {
		text += fmt.Sprintf(", a field of %d bytes", m.fill)
	}
	if m.pieces > 1 {
		text += fmt.Sprintf(", in %d pieces", m.pieces)
	}
	return text
}

func (f *clientFault) String() string {
	switch f.kind {
	case clientCuts:
		return "the client " + f.end.String() + " " + [...]string{"in its head", "in its body", "behind its request"}[f.region]
	case clientLeaves:
		return "the client " + f.end.String() + " in the answer"
	case clientSmuggles:
		return "the client sent a length and chunks"
	case clientGarbles:
		return "the client sent a broken chunk"
	}
	return ""
}

func (f *originFault) String() string {
	switch f.kind {
	case originSilent:
		return "the backend " + f.end.String() + " without an answer"
	case originCuts:
		return "the backend " + f.end.String() + " in its answer"
	case originGarbles:
		return "the backend sent no HTTP"
	case originDoubles:
		return "the backend sent another answer behind its own"
	case originHangs:
		return "the backend hangs"
	}
	return ""
}

func (e ending) String() string { return [...]string{"closed", "reset", "half-closed"}[e] }
