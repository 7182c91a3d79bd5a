package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/steady"
)

// event is something that was done, from begin to end.
type event struct {
	kind, pool string // pool is empty where it concerns all.
	begin, end time.Time
	excuses    excuse
}

// excuse says which requests nobody could have saved.
type excuse int

const (
	nothing  excuse = iota
	closing         // POST requests that came in the moment in which the container closed an idle connection.
	inFlight        // POST requests, answers that had begun, and what waits for one in vain, under way when it was done.
	anything        // Whatever was under way.
)

// settleTime is how long after something was done its consequences may still come to light.
const settleTime = time.Second

// fits says whether a request that failed may be due to the event, and is excused.
func (e event) fits(pool string, f steady.Failure) bool {
	if e.excuses == nothing || e.pool != "" && e.pool != pool {
		return false
	}
	if f.At.After(e.end) || f.At.Add(f.Took).Before(e.begin) {
		return false
	}
	switch e.excuses {
	case anything:
		return true
	case inFlight:
		return f.Status == 0 || f.Status == http.StatusOK || f.Method == http.MethodPost && strings.HasPrefix(f.Why, "no-answer ") ||
			strings.HasPrefix(f.Why, "timeout ")
	default: // It may have been read: whether it was nobody can tell.
		return f.Method == http.MethodPost && strings.HasPrefix(f.Why, "no-answer ")
	}
}

// ledger is what has been done. It is safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	events []event // guarded by mu
}

func newLedger() *ledger { return &ledger{} }

// note records what do does.
func (l *ledger) note(e event, do func() error) error {
	e.begin = time.Now()
	err := do()
	e.end = time.Now().Add(settleTime)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	return err
}

// judge tells which of a pool's failures are excused, by kind of event, and what the others may be due to.
func (l *ledger) judge(pool string, failures []steady.Failure) (excused map[string]int, others []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	excused = make(map[string]int)
	for _, f := range failures {
		if i := slices.IndexFunc(l.events, func(e event) bool { return e.fits(pool, f) }); i >= 0 {
			excused[l.events[i].kind]++
			continue
		}
		others = append(others, fmt.Sprintf("pool %s: %s; meanwhile: %s", pool, f, l.meanwhile(pool, f)))
	}
	return excused, others
}

// meanwhile are the events that a request was under way in.
func (l *ledger) meanwhile(pool string, f steady.Failure) string {
	var names []string
	for _, e := range l.events {
		if (e.pool == "" || e.pool == pool) && !f.At.After(e.end) && !f.At.Add(f.Took).Before(e.begin) {
			names = append(names, fmt.Sprintf("%s (%s to %s)", e.kind, e.begin.Format("15:04:05.000"), e.end.Format("15:04:05.000")))
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// counts are how often each kind of event was.
func (l *ledger) counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := make(map[string]int)
	for _, e := range l.events {
		n[e.kind]++
	}
	return n
}
