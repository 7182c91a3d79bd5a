package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxViolations is how many are reported before the run ends.
const maxViolations = 20

// soak is a run.
type soak struct {
	settings
	script

	out    io.Writer
	ledger ledger
	tally  tally
	// deaths are backends' that died with requests in flight, resets those of idle connections.
	// downs are the times in which one takes no new connections, from its end to its return.
	deaths, resets, downs window

	next, done, whole atomic.Uint64
	// stopped says that the run ends before its time.
	stopped atomic.Bool

	// patience is how long a client waits for anything.
	patience time.Duration

	front string // Its address.
	// via returns the address of something in between, for tests. It may be nil.
	via     func(front string) string
	origins []*origin
	began   time.Time

	suspectsMu sync.Mutex
	// suspects came since the last time they were judged, waiting before it. Guarded by suspectsMu.
	suspects, waiting []suspect

	violationsMu sync.Mutex
	violations   int // guarded by violationsMu
}

func newSoak(seed uint64, c settings, out io.Writer) *soak {
	return &soak{
		settings: c, script: script{seed: seed, content: newContent(seed)},
		out: out, patience: patience, ledger: newLedger(c.requests), tally: newTally(),
	}
}

// violate reports what must not happen. It can be called by anyone.
func (s *soak) violate(id uint64, format string, args ...any) {
	p := newPlan(s.seed, id)
	s.fail("request %d: %s\n  plan %s", id, fmt.Sprintf(format, args...), p.String())
}

// fail reports what is wrong with the run as a whole.
func (s *soak) fail(format string, args ...any) {
	s.violationsMu.Lock()
	defer s.violationsMu.Unlock()
	if s.violations++; s.violations > maxViolations {
		s.stopped.Store(true)
		return
	}
	fmt.Fprintf(s.out, "VIOLATION (seed %d) %s\n", s.seed, fmt.Sprintf(format, args...))
}

// run makes all requests, and returns an error if anything was wrong.
func (s *soak) run(ctx context.Context) error {
	fmt.Fprintf(s.out, "seed %d: %d requests on %d connections to %d backends\n", s.seed, s.requests, s.connections, s.backends)
	defer func() {
		for _, o := range s.origins {
			o.close()
		}
	}()
	for n := range s.backends + 1 { // The last one is that of the hurry pool.
		o, err := newOrigin(ctx, s, n)
		if err != nil {
			return err
		}
		s.origins = append(s.origins, o)
	}
	f, err := startFront(ctx)
	if err != nil {
		return err
	}
	if s.front = f.address; s.via != nil {
		s.front = s.via(f.address)
	}
	err = s.soak(ctx, f)
	return errors.Join(err, f.close(), s.verdict(ctx))
}

// soak drives the traffic and all that goes on beside it.
func (s *soak) soak(ctx context.Context, f *front) error {
	c := newChaos(s, f)
	if err := c.apply(); err != nil {
		return err
	}
	start, err := f.ask(command{Op: opRest})
	if err != nil {
		return err
	}
	s.began = time.Now()
	defer context.AfterFunc(ctx, func() { s.stopped.Store(true) })()
	beside, cancel := context.WithCancel(ctx)
	defer cancel()
	w := newWatch(s, f)
	var others sync.WaitGroup
	others.Go(func() { c.run(beside) })
	others.Go(func() { w.run(beside) })
	s.drive(ctx)
	cancel()
	others.Wait()
	took := time.Since(s.began)
	w.atEnd()
	s.settle(f, start)
	for _, o := range s.origins {
		o.close() // Now all that they know is in the ledger.
	}
	s.judgeSuspects(true)
	s.summary(w, c, took)
	return nil
}

// drive makes the requests.
func (s *soak) drive(ctx context.Context) {
	var clients sync.WaitGroup
	for range s.connections {
		c := &client{s: s, r: newReader(nil)}
		clients.Go(func() { c.run(ctx) })
	}
	clients.Wait()
}

const (
	settleLimit = 30 * time.Second
	// spare is how many goroutines a front keeps for connections that come.
	spare = 64
)

// settle waits until the front is as it was before the first request, but for goroutines that it keeps.
func (s *soak) settle(f *front, start stats) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.After(settleLimit); ; {
		now, err := f.ask(command{Op: opRest})
		if err != nil {
			s.fail("ask the front how it is: %v", err)
			return
		}
		if now.InFlight == 0 && now.Goroutines <= start.Goroutines+spare && now.Descriptors <= start.Descriptors {
			fmt.Fprintf(s.out, "at rest: 0 in flight, goroutines %d (%d at the start), descriptors %d (%d), %d MB\n",
				now.Goroutines, start.Goroutines, now.Descriptors, start.Descriptors, now.RSS>>20)
			return
		}
		select {
		case <-ticker.C:
		case <-limit:
			s.fail("the front does not come to rest: in flight %d, goroutines %d, descriptors %d; %d and %d at the start",
				now.InFlight, now.Goroutines, now.Descriptors, start.Goroutines, start.Descriptors)
			return
		}
	}
}

// verdict is the run's result.
func (s *soak) verdict(ctx context.Context) error {
	s.violationsMu.Lock()
	defer s.violationsMu.Unlock()
	switch {
	case s.violations > 0:
		return fmt.Errorf("%d violations; seed %d", s.violations, s.seed)
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
	return nil
}
