package main

import (
	"fmt"
	"sync"
	"time"
)

// during tells, once it has taken longer than quietFor, how far something is: what text says at that moment, and how long it
// has taken. stop ends that and clears the line. Where s is no terminal nothing is told.
func (s *screen) during(text func() string) (stop func()) {
	if !s.terminal {
		return func() {}
	}
	began, done := time.Now(), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		shown := false
		for {
			select {
			case <-done:
				if shown {
					fmt.Fprint(s.out, "\r"+clearLine)
				}
				return
			case <-ticker.C:
			}
			if took := time.Since(began); took >= quietFor {
				shown = true
				fmt.Fprint(s.out, "\r"+clearLine+s.clipped(fmt.Sprintf("%s, for %s", printable(text()), took.Truncate(time.Second))))
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// clipped is what of text fits into a line: one that is broken can't be written over.
func (s *screen) clipped(text string) string {
	runes := []rune(text)
	if columns := s.columns(); columns > 0 && len(runes) > columns {
		return string(runes[:columns])
	}
	return text
}

// runs is how far a comparison is. Its methods may be called at once.
type runs struct {
	mu       sync.Mutex
	done, of int
	policy   string
	seed     uint64
}

// begin says which run is the last that has begun.
func (r *runs) begin(policy string, seed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policy, r.seed = policy, seed
}

// end says how many runs have ended.
func (r *runs) end(done, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done, r.of = done, of
}

func (r *runs) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d of %d runs, at policy %s with seed %d", r.done, r.of, r.policy, r.seed)
}
