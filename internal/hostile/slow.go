package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// pace is how a slow transfer goes: a portion, and the next one after a while. The zero pace is no slowness.
type pace struct {
	portion int64
	every   time.Duration
}

// runSlow makes slow transfers that last longer than any limit and never pause for as long as one.
func runSlow(ctx context.Context, st *stage, r *report) error {
	r.say("\nslow: transfers of %s, up and down, of known length and in chunks", st.slow)
	paces := []struct {
		pace

		name string
	}{
		{pace{20 << 10, 100 * time.Millisecond}, "200 KB/s"},
		// More than all buffers on the way hold: so Ballast itself has to wait.
		{pace{16 << 20, idleLimit - 10*time.Second}, fmt.Sprintf("16 MB, then nothing for %s", idleLimit-10*time.Second)},
	}
	transport := newTransport(4 * blockSize)
	defer transport.CloseIdleConnections()
	var all sync.WaitGroup
	errs := make([]error, 4*len(paces))
	began := time.Now()
	for i := range errs {
		p := paces[i/4]
		s := stream{bytes: p.portion * (1 + int64(st.slow/p.every)), up: i%2 == 1, chunked: i%4 >= 2, pace: p.pace}
		all.Go(func() {
			if err := s.move(ctx, transport, st.base); err != nil {
				errs[i] = fmt.Errorf("up %t, chunked %t, after %.0f s: %w", s.up, s.chunked, time.Since(began).Seconds(), err)
			}
		})
	}
	all.Wait()
	for i, p := range paces {
		whole := 0
		for _, err := range errs[4*i : 4*i+4] {
			if err == nil {
				whole++
			}
		}
		r.add("slow transfers: "+p.name, "all whole", fmt.Sprintf("%d of 4", whole), whole == 4)
	}
	return errors.Join(errs...)
}

// reader reads from another one at the pace, until ctx ends.
func (p pace) reader(ctx context.Context, r io.Reader) io.Reader {
	if p.every == 0 {
		return r
	}
	due := time.Now()
	return &paced{Reader: r, portion: p.portion, wait: func() error {
		timer := time.NewTimer(time.Until(due))
		defer timer.Stop()
		due = due.Add(p.every)
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

// paced waits before each portion.
type paced struct {
	io.Reader

	portion, left int64
	wait          func() error
}

func (p *paced) Read(b []byte) (int, error) {
	if p.left == 0 {
		if err := p.wait(); err != nil {
			return 0, err
		}
		p.left = p.portion
	}
	n, err := p.Reader.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, err
}
