package certs

import (
	"context"
	"sync"

	"github.com/caddyserver/certmagic"
)

// storage is certmagic's directory of accounts, keys and certificates. It counts the locks that are
// held: certmagic renews in jobs that nobody can wait for, but each of them holds one from its start
// to its end, and a lock file that is left behind delays the next start.
type storage struct {
	certmagic.FileStorage
	mu    sync.Mutex
	held  int
	freed sync.Cond
}

// certmagic asks for them by type assertion.
var (
	_ certmagic.Storage   = (*storage)(nil)
	_ certmagic.TryLocker = (*storage)(nil)
)

func newStorage(path string) *storage {
	s := &storage{FileStorage: certmagic.FileStorage{Path: path}}
	s.freed.L = &s.mu
	return s
}

// Lock implements certmagic.Storage.
func (s *storage) Lock(ctx context.Context, name string) error {
	err := s.FileStorage.Lock(ctx, name)
	if err == nil {
		s.count(1)
	}
	return err
}

// TryLock implements certmagic.TryLocker.
func (s *storage) TryLock(ctx context.Context, name string) (bool, error) {
	ok, err := s.FileStorage.TryLock(ctx, name)
	if ok {
		s.count(1)
	}
	return ok, err
}

// Unlock implements certmagic.Storage.
func (s *storage) Unlock(ctx context.Context, name string) error {
	defer s.count(-1)
	return s.FileStorage.Unlock(ctx, name)
}

func (s *storage) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
	s.freed.Broadcast()
}

// wait returns when no lock is held.
func (s *storage) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held > 0 {
		s.freed.Wait()
	}
}
