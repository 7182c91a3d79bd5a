package front

import (
	"context"
	"fmt"
	"time"
)

// Drain closes the listeners and the idle connections, tells the others that the request they have is
// their last, and returns when all that has been sent is answered. If ctx ends before, it cuts what is left,
// upgraded connections among it, and returns an error that says how many requests. The front is of no use after it.
func (f *Front) Drain(ctx context.Context) error { return f.Retire(ctx, 0) }

// Retire is Drain for a front whose place another takes: a connection is closed when it has been idle for so long. Until then
// a request that comes on it is served, and its client told that it was the last, so that nobody asks in vain on a
// connection that is being closed.
func (f *Front) Retire(ctx context.Context, idle time.Duration) error {
	f.mu.Lock()
	f.retiring.Store(idle > 0)
	f.draining.Store(true)
	for l := range f.listeners {
		l.Close()
	}
	f.mu.Unlock()
	err := f.wait(ctx, idle)
	f.stop()
	return err
}

// wait closes what is idle, again and again, until nothing else is left. What a client has sent by then is served.
func (f *Front) wait(ctx context.Context, idle time.Duration) error {
	ticker := time.NewTicker(drainPoll)
	defer ticker.Stop()
	for {
		busy := 0
		f.each(func(c *client) {
			if c.leaveIdle(idle) {
				busy++
			}
		})
		if busy == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("drain: %d requests cut: %w", busy, ctx.Err())
		}
	}
}

// stop ends what is left, and waits for its goroutines.
func (f *Front) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.each((*client).cutNow) // Before the dials end, so that no backend is blamed for that.
	f.cut()
	f.serving.Wait()
	f.janitor.Wait()
	f.closeIdle()
	f.watcher.close()
}

// each does something with each connection, the oldest first, while none comes or leaves.
func (f *Front) each(do func(*client)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := f.conns.Front(); e != nil; e = e.Next() {
		do(e.Value.(*client))
	}
}
