package front

import (
	"context"
	"fmt"
	"time"
)

// Drain closes the listeners and the idle connections, tells the others that the request they have is
// their last, and returns when none is in flight. If ctx ends before, it cuts those that are left, upgraded
// connections among them, and returns an error that says how many. The front is of no use after it.
func (f *Front) Drain(ctx context.Context) error {
	f.mu.Lock()
	f.draining.Store(true)
	for l := range f.listeners {
		l.Close()
	}
	f.mu.Unlock()
	f.each((*client).leaveIdle)
	err := f.wait(ctx)
	f.stop()
	return err
}

func (f *Front) wait(ctx context.Context) error {
	ticker := time.NewTicker(drainPoll)
	defer ticker.Stop()
	for f.inFlight.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("drain: %d requests cut: %w", f.inFlight.Load(), ctx.Err())
		}
	}
	return nil
}

// stop ends what is left, and waits for its goroutines.
func (f *Front) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.cut()
	f.each((*client).cutNow)
	f.serving.Wait()
	f.janitor.Wait()
	f.closeIdle()
	f.watcher.close()
}

func (f *Front) each(do func(*client)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		do(c)
	}
}
