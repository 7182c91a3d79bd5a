package filewatch

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The directory that files are in, however they are replaced there, is covered by the tests of who reads them.

func TestFollow_settles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var aims, looks atomic.Int64
		events := make(chan fsnotify.Event)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_ = follow(ctx, Options{Look: func() { looks.Add(1) }}, signs{events: events, aim: func() { aims.Add(1) }})
		}()
		defer cancel()

		synctest.Wait()
		if aims.Load() != 1 || looks.Load() != 1 {
			t.Fatalf("looks at the start = %d, aims = %d, want 1", looks.Load(), aims.Load())
		}
		// A directory that never rests: an event every 50 ms for 2 s.
		for range 40 {
			events <- fsnotify.Event{}
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		if n := looks.Load(); aims.Load() != n || n < 9 || n > 11 {
			t.Errorf("looks in 2 s = %d, aims = %d, want one per %v", n-1, aims.Load()-1, settle)
		}
	})
}

func TestFollow_polls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = follow(ctx, Options{Look: func() { looks.Add(1) }}, signs{aim: func() {}}) }()
		defer cancel()

		time.Sleep(Poll - time.Second)
		synctest.Wait()
		if n := looks.Load(); n != 1 {
			t.Fatalf("looks before the poll = %d, want 1", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := looks.Load(); n != 2 {
			t.Errorf("looks after the poll = %d, want 2", n)
		}
	})
}
