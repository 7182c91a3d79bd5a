package main

import (
	"slices"
	"strings"
)

// difference is a case in which a server does not do what Ballast does.
type difference struct {
	probe        *probe
	server       string
	ours, theirs string
	class        class
	why          string // Empty if nobody has explained it.
}

// class is a kind of difference. They are printed in this order.
type class int

const (
	laxer class = iota
	begins
	stricter
	otherwise
	other
	classes
)

var headings = [classes]string{
	laxer:     "We refuse, it passes on",
	begins:    "We refuse before anything is passed on, it begins and breaks off, or the other way round",
	stricter:  "We pass on, it refuses",
	otherwise: "Both refuse, with another answer",
	other:     "Both pass on, and not the same",
}

// compare says how a server's result differs from ours.
func compare(p *probe, s *server, ours, theirs result) (difference, bool) {
	d := difference{probe: p, server: s.name, ours: ours.outcome, theirs: theirs.outcome}
	switch {
	case ours.taken() && theirs.taken():
		d.class = other
		if ours.outcome != theirs.outcome {
			return d, true
		}
		what := meaning(s, ours, theirs)
		d.theirs += ", other " + strings.Join(what, " and ")
		return d, len(what) > 0
	case ours.outcome == theirs.outcome:
		return d, false
	case theirs.taken():
		d.class = laxer
	case ours.taken():
		d.class = stricter
	case ours.begun() != theirs.begun():
		d.class = begins
	default:
		d.class = otherwise
	}
	return d, true
}

// meaning lists what differs in two messages that were passed on.
func meaning(s *server, ours, theirs result) []string {
	a, b := ours.first, theirs.first
	var what []string
	for _, part := range []struct {
		name   string
		differ bool
	}{
		{"method", a.method != b.method},
		{"target", a.target != b.target},
		{"host", a.host != b.host && (s.hides == "" || !strings.HasPrefix(b.host, s.hides))},
		{"framing", a.status == 0 && a.framing != b.framing},
		{"body", a.body != b.body},
		{"trailers", !slices.Equal(a.trailers, b.trailers)},
		{"next request", ours.follows != theirs.follows},
	} {
		if part.differ {
			what = append(what, part.name)
		}
	}
	return what
}
