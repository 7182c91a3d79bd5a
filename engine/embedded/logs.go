package embedded

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

// keptLines is how many lines of a container are kept.
const keptLines = 1000

// Logs yields the last lines that a container has written, of its last thousand.
func (e *Engine) Logs(ctx context.Context, id string, tail int) iter.Seq2[engine.LogLine, error] {
	return func(yield func(engine.LogLine, error) bool) {
		c, err := e.find(ctx, id)
		if err != nil {
			yield(engine.LogLine{}, fmt.Errorf("read logs of container %s: %w", id, err))
			return
		}
		log := c.log
		e.mu.Unlock()
		for _, line := range log.last(tail) {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// logbook keeps what a container wrote last. It has a lock of its own, so that a container may write at any time.
type logbook struct {
	mu    sync.Mutex
	lines []engine.LogLine
}

func (b *logbook) last(n int) []engine.LogLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(max(n, 0), len(b.lines), keptLines)
	return append([]engine.LogLine(nil), b.lines[len(b.lines)-n:]...)
}

// stream is stdout or stderr of one run of a container.
type stream struct {
	book  *logbook
	lines engine.Lines // guarded by book.mu
}

func newStream(b *logbook, stderr bool) *stream {
	s := &stream{book: b}
	s.lines = engine.Lines{Max: engine.MaxLogLine, Emit: func(line string) error {
		if len(b.lines) == 2*keptLines { // Seldom, so that a line costs little.
			b.lines = append([]engine.LogLine(nil), b.lines[keptLines:]...)
		}
		b.lines = append(b.lines, engine.LogLine{Time: time.Now(), Stderr: stderr, Text: line})
		return nil
	}}
	return s
}

func (s *stream) Write(p []byte) (int, error) {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	return s.lines.Write(p)
}
