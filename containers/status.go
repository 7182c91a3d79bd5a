package containers

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// statusBoard keeps the EngineStatus and logs its changes. Reads are safe from anywhere; only
// Run's goroutine writes.
type statusBoard struct {
	log zerolog.Logger

	mu     sync.Mutex
	status EngineStatus
	// Each of stream and sync is up once it went well, and down with an error.
	streamUp, syncUp   bool
	streamErr, syncErr error
	logged             logged
}

// logged is what the log was told last.
type logged int

const (
	loggedNothing logged = iota
	loggedUp
	loggedDown
)

func (b *statusBoard) load() EngineStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *statusBoard) begin(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Since = now
}

// stream notes that the subscription stands, or why it does not.
func (b *statusBoard) stream(now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streamUp, b.streamErr = err == nil, err
	b.syncUp = false // What was missed is known when there has been a list again.
	b.judge(now)
}

// silent notes that a sync has had no answer since then.
func (b *statusBoard) silent(since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.syncUp, b.syncErr = false, fmt.Errorf("the engine does not answer since %s UTC", since.UTC().Format(time.TimeOnly))
	b.judge(since)
}

// sync notes how a sync went; with a failure it may have found something nonetheless. One that is not fresh began before the
// subscription stood, and need not know what was missed.
func (b *statusBoard) sync(now time.Time, got result, failure error, fresh bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.syncUp, b.syncErr = failure == nil && (fresh || b.syncUp), failure
	if got.err == nil {
		b.status.LastSync, b.status.SyncDuration = now, got.took
		if got.task.place {
			b.status.ContainersReachable = got.info.ContainersReachable
		}
		b.status.Kind = cmp.Or(got.info.Kind, b.status.Kind)
		b.status.Version = cmp.Or(got.info.Version, b.status.Version)
	}
	b.judge(now)
}

// judge draws the conclusion of both, and logs it once per change.
func (b *statusBoard) judge(now time.Time) {
	failure := cmp.Or(b.syncErr, b.streamErr)
	connected := b.streamUp && b.syncUp
	if connected != b.status.Connected {
		b.status.Connected, b.status.Since = connected, now
	}
	b.status.Error = ""
	if failure != nil {
		b.status.Error = failure.Error()
	}
	switch {
	case connected && b.logged != loggedUp:
		b.logged = loggedUp
		b.log.Info().Str("kind", b.status.Kind).Str("version", b.status.Version).Msg("engine connected")
	case failure != nil && b.logged != loggedDown:
		b.logged = loggedDown
		b.log.Warn().Err(failure).Msg("engine not reachable, keeping the last known containers")
	}
}
