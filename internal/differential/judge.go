package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// result is what a case came to, in words that are compared.
type result struct {
	// outcome is "refused 400", "closed", "waits", "begun, then 400", "forwarded", "answered 200", and so on.
	outcome string
	// first is the message as the other side understood it: the request at the backend, the answer at the client.
	first message
	// follows says that the request behind the case was served.
	follows bool
	// bytes are what was passed on, from all connections.
	bytes []byte
	// twofold says how two readers differ on what was passed on; poisoned what another client got.
	twofold, poisoned string
}

// taken says that the message was passed on whole.
func (r result) taken() bool {
	return strings.HasPrefix(r.outcome, "forwarded") || strings.HasPrefix(r.outcome, "answered") && !strings.Contains(r.outcome, "cut off")
}

// begun says that some of it was passed on, or all.
func (r result) begun() bool {
	return r.taken() || strings.HasPrefix(r.outcome, "begun") || strings.Contains(r.outcome, "cut off")
}

// judge says what an observation means.
func judge(p *probe, o observed) result {
	r := result{poisoned: o.poisoned, bytes: bytes.Join(o.backend, nil)}
	answered := []string{"GET"}
	if p.method != "" {
		answered[0] = p.method
	}
	answers := strictly.read(o.client, answered, o.end == endClosed)
	if p.toClient() {
		r.bytes = o.client
		r.judgeAnswer(p, answers, o, answered)
	} else {
		r.judgeRequest(answers, o)
	}
	return r
}

func (r *result) judgeRequest(answers reading, o observed) {
	said := o.end.String()
	if len(answers.messages) > 0 {
		said = strconv.Itoa(answers.messages[0].status)
	}
	var requests []message
	undelimited := ""
	for _, b := range o.backend {
		seen := strictly.read(b, nil, false)
		requests = append(requests, seen.messages...)
		if seen.refused != "" {
			undelimited = seen.refused
		}
		if why := ambiguity(b, nil, false); why != "" {
			r.twofold = why
		}
	}
	r.follows = slices.ContainsFunc(requests, func(m message) bool { return m.target == followTarget && m.whole })
	if len(requests) > 0 {
		r.first = requests[0]
	}
	switch {
	case undelimited != "":
		r.outcome = "forwarded, but not delimited"
	case len(o.backend) == 0 && len(answers.messages) > 0 && answers.messages[0].status >= 400:
		r.outcome = "refused " + said
	case len(o.backend) == 0:
		r.outcome = said
	case r.first.target == followTarget:
		r.outcome = "forwarded without what was before"
	case !r.first.whole:
		r.outcome = "begun, then " + said
	default:
		r.outcome = "forwarded"
		if said != "200" {
			r.outcome += ", then " + said
		}
	}
}

func (r *result) judgeAnswer(p *probe, answers reading, o observed, answered []string) {
	if len(answers.messages) == 0 {
		r.outcome = o.end.String()
		if len(o.client) > 0 {
			r.outcome = "answered, but not delimited"
			r.twofold = ambiguity(o.client, answered, o.end == endClosed)
		}
		return
	}
	var statuses []string
	for _, m := range answers.messages {
		statuses = append(statuses, strconv.Itoa(m.status))
		if r.first = m; m.status >= 200 {
			break
		}
	}
	said, _, _ := strings.Cut(string(p.answer), "\n")
	switch last := r.first.status; {
	case last >= 400 && !strings.Contains(said, strconv.Itoa(last)): // It is the server's own.
		r.outcome = "refused " + strings.Join(statuses, " ")
		return
	case !r.first.whole:
		r.outcome = fmt.Sprintf("answered %s, cut off", strings.Join(statuses, " "))
	default:
		r.outcome = "answered " + strings.Join(statuses, " ")
	}
	r.twofold = ambiguity(o.client, answered, o.end == endClosed)
}

// unlike says in what a result is not what the corpus asks of Ballast; empty if it is.
func unlike(p *probe, r result) string {
	status, _, _ := strings.Cut(p.verdict, " ")
	var want []string
	switch slug := p.slug(); {
	case r.twofold != "":
		return "read in two ways: " + r.twofold
	case r.poisoned != "":
		return "another client got " + r.poisoned
	case strings.HasPrefix(string(p.send), "CONNECT ") && slug == "ok", p.method == "CONNECT":
		want = []string{"refused 405"}
	case p.kind == kindRequest && slug == "more":
		want = []string{"closed"}
	case p.kind == kindRequest && slug == "ok":
		want = []string{"forwarded", "begun, then waits"}
	case p.kind == kindRequest:
		want = []string{"refused " + status}
	case p.kind == kindBody && slug == "ok":
		want = []string{"forwarded"}
	case p.kind == kindBody && slug == "more": // Whose half is closed may be noticed before anything is sent.
		want = []string{"begun, then closed", "begun, then reset", "closed", "reset"}
	case p.kind == kindBody: // What had come of it may have been sent on.
		want = []string{"refused 400", "begun, then 400"}
	case slug == "ok":
		return unlikeAnswer(r)
	case p.kind == kindAnswer:
		want = []string{"refused 502"}
	default: // The head has been sent on, so that only breaking off is left.
		want = []string{"answered 200, cut off"}
	}
	if slices.Contains(want, r.outcome) {
		return ""
	}
	return fmt.Sprintf("%s, want %s", r.outcome, strings.Join(want, " or "))
}

func unlikeAnswer(r result) string {
	if r.taken() {
		return ""
	}
	return r.outcome + ", want an answer"
}
