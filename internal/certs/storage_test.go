package certs

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStorage_wait(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStorage(dir)
		s.wait() // nothing is held

		if err := s.Lock(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if ok, err := s.TryLock(t.Context(), "b"); !ok || err != nil {
			t.Fatalf("TryLock(b) = %t, %v", ok, err)
		}
		if ok, err := s.TryLock(t.Context(), "b"); ok || err != nil {
			t.Fatalf("TryLock(b) again = %t, %v, want false", ok, err)
		}
		waited := make(chan struct{})
		go func() {
			s.wait()
			close(waited)
		}()
		for _, name := range []string{"a", "b"} {
			synctest.Wait()
			select {
			case <-waited:
				t.Fatalf("wait() returned while %s was locked", name)
			default:
			}
			if err := s.Unlock(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		<-waited
		// certmagic keeps lock files fresh from goroutines that look every few seconds.
		time.Sleep(time.Minute)
	})
}
