package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts the requests that did not get a whole answer, by what they got and why.
type tally struct {
	mu     sync.Mutex
	counts map[[2]string]int // guarded by mu
}

func newTally() tally { return tally{counts: make(map[[2]string]int)} }

func (t *tally) add(what, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[[2]string{what, why}]++
}

// watch looks at the front while it works, and reports.
type watch struct {
	s *soak
	f *front
	// at are the parts of the run, in percent, after which memory is read, and rss what it was.
	at   []int
	rss  []int64
	last time.Time
	then uint64 // Requests done by last.
}

const watchTick = 100 * time.Millisecond

func newWatch(s *soak, f *front) *watch { return &watch{s: s, f: f, at: []int{10, 50}, last: s.began} }

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(watchTick)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			done := w.s.done.Load()
			for len(w.rss) < len(w.at) && done >= uint64(w.s.requests)*uint64(w.at[len(w.rss)])/100 {
				w.rss = append(w.rss, w.ask().RSS)
			}
			if now.Sub(w.last) >= w.s.report {
				w.report(now)
			}
		case <-ctx.Done():
			return
		}
	}
}

// atEnd reads what memory is after the last request, before any is given back.
func (w *watch) atEnd() { w.rss = append(w.rss, w.ask().RSS) }

func (w *watch) ask() stats {
	now, err := w.f.ask(command{Op: opStats})
	if err != nil {
		w.s.fail("ask the front how it is: %v", err)
		w.s.stopped.Store(true)
	}
	return now
}

func (w *watch) report(now time.Time) {
	w.s.judgeSuspects(false)
	f := w.ask()
	done := w.s.done.Load()
	fmt.Fprintf(w.s.out, "%5.0f s  %9d requests  %6.0f/s  %9d whole  front: %d in flight, %d goroutines, %d descriptors, %d MB\n",
		now.Sub(w.s.began).Seconds(), done, float64(done-w.then)/now.Sub(w.last).Seconds(), w.s.whole.Load(),
		f.Serving, f.Goroutines, f.Descriptors, f.RSS>>20)
	w.last, w.then = now, done
}

const (
	// steady is how many requests a run must have for its memory to be judged, and maxGrowth and slack how much
	// more there may be at its end than after a tenth of it.
	steady    = 500_000
	maxGrowth = 1.25
	slack     = 8 << 20
)

// summary prints what came of the run, and looks whether memory was flat.
func (s *soak) summary(w *watch, c *chaos, took time.Duration) {
	done := s.done.Load()
	fmt.Fprintf(s.out, "%d requests in %.1f s, %.0f/s\n", done, took.Seconds(), float64(done)/took.Seconds())
	fmt.Fprintf(s.out, "%10d whole answers, byte for byte\n", s.whole.Load())
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	rows := slices.SortedFunc(maps.Keys(s.tally.counts), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, row := range rows {
		fmt.Fprintf(s.out, "%10d %s: %s\n", s.tally.counts[row], row[0], row[1])
	}
	for a, n := range c.counts {
		fmt.Fprintf(s.out, "%10d times a backend: %s\n", n, actNames[a])
	}
	if len(w.rss) != 3 {
		return
	}
	fmt.Fprintf(s.out, "memory of the front at 10 %%, 50 %% and 100 %%: %d, %d and %d MB\n", w.rss[0]>>20, w.rss[1]>>20, w.rss[2]>>20)
	if s.requests >= steady && float64(w.rss[2]) > maxGrowth*float64(w.rss[0])+slack {
		s.fail("the front's memory grew from %d MB to %d MB", w.rss[0]>>20, w.rss[2]>>20)
	}
}
