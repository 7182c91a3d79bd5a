package accesslog

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// most is how many bytes of lines may wait to be written.
	most = 4 << 20
	// tellEvery is how often somebody is told that lines are lost.
	tellEvery = time.Second
	// closeLimit is how long what waits may take to be written at the end.
	closeLimit = 2 * time.Second
)

// buffer is a writer that never waits: a goroutine of its own writes what has come since it last wrote, all at once.
// What does not fit, or can't be written, is lost.
type buffer struct {
	to io.Writer
	// lost is told, now and then, how many lines were, and why if it was not for want of room.
	lost func(lines int, err error)
	// some holds a token when there is something to write.
	some chan struct{}
	done chan struct{}

	mu      sync.Mutex
	waiting []byte // guarded by mu
	dropped int    // guarded by mu; lines for which there was no room
	closed  bool   // guarded by mu
}

func newBuffer(to io.Writer, lost func(lines int, err error)) *buffer {
	b := &buffer{to: to, lost: lost, some: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run() // Awaited by Close, unless what it writes to does not let it go.
	return b
}

// Write takes a line. It never fails.
func (b *buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	if b.closed || len(b.waiting)+len(line) > most {
		b.dropped++
	} else {
		b.waiting = append(b.waiting, line...)
	}
	b.mu.Unlock()
	b.wake()
	return len(line), nil
}

func (b *buffer) wake() {
	select {
	case b.some <- struct{}{}:
	default:
	}
}

// Close writes what waits. It gives up when that takes too long, which is the only error.
func (b *buffer) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wake()
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case <-b.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("access log: what it is written to took nothing for %v: lines are lost", closeLimit)
	}
}

func (b *buffer) run() {
	defer close(b.done)
	var (
		spare []byte
		loss  loss
	)
	for range b.some {
		b.mu.Lock()
		lines, closed := b.waiting, b.closed
		loss.lines += b.dropped
		b.waiting, b.dropped = spare[:0], 0
		b.mu.Unlock()
		if len(lines) > 0 {
			if n, err := b.to.Write(lines); err != nil {
				loss.lines += bytes.Count(lines[n:], []byte{'\n'})
				loss.err = err
			}
		}
		spare = lines
		loss.tell(b.lost, closed)
		if closed {
			if c, ok := b.to.(io.Closer); ok {
				_ = c.Close() // What was written has been.
			}
			return
		}
	}
}

// loss is what has not been told of.
type loss struct {
	lines int
	err   error
	told  time.Time
}

func (l *loss) tell(whom func(lines int, err error), last bool) {
	if l.lines == 0 || whom == nil || !last && time.Since(l.told) < tellEvery {
		return
	}
	whom(l.lines, l.err)
	*l = loss{told: time.Now()}
}
