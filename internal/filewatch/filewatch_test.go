package filewatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The directory that files are in, however they are replaced there, is covered by the tests of who reads them.

func TestFollow_settles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events, aims, looks := make(chan fsnotify.Event), 0, 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_ = follow(ctx, Options{Look: func() { looks++ }}, signs{events: events, aim: func() { aims++ }})
		}()
		defer cancel()

		synctest.Wait()
		if aims != 1 || looks != 1 {
			t.Fatalf("looks at the start = %d, aims = %d, want 1", looks, aims)
		}
		// A directory that never rests: an event every 50 ms for 2 s.
		for range 40 {
			events <- fsnotify.Event{}
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		if aims != looks || looks < 9 || looks > 11 {
			t.Errorf("looks in 2 s = %d, aims = %d, want one per %v", looks-1, aims-1, settle)
		}
	})
}

func TestFollow_polls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = follow(ctx, Options{Look: func() { looks++ }}, signs{aim: func() {}}) }()
		defer cancel()

		time.Sleep(Poll - time.Second)
		synctest.Wait()
		if looks != 1 {
			t.Fatalf("looks before the poll = %d, want 1", looks)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if looks != 2 {
			t.Errorf("looks after the poll = %d, want 2", looks)
		}
	})
}
