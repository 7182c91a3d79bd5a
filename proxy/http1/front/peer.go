package front

import (
	"sync/atomic"
	"syscall"
)

// peer is what is known of who is at the other end of a connection.
type peer struct {
	watcher *watcher // nil if nobody tells.
	id      uint64
	// told is called when the state has changed.
	told  func()
	state atomic.Uint32
}

const (
	peerEnded uint32 = 1 + iota // It sends no more, but may still receive.
	peerGone                    // The connection is broken.
)

// watch has it told, from now until forget.
func (p *peer) watch(w *watcher, raw syscall.RawConn, told func()) {
	if w != nil && raw != nil {
		p.watcher, p.told = w, told
		w.watch(raw, p)
	}
}

// forget must come before raw is closed, or given away, which is told by letGo.
func (p *peer) forget(raw syscall.RawConn, letGo bool) {
	if p.watcher != nil {
		p.watcher.forget(raw, p, letGo)
	}
}

// ends is called by the watcher.
func (p *peer) ends(broken bool) {
	state := peerEnded
	if broken {
		state = peerGone
	}
	p.state.Store(state)
	if p.told != nil {
		p.told()
	}
}

// ended says that it sends no more, gone that it receives nothing either.
func (p *peer) ended() bool { return p.state.Load() >= peerEnded }

func (p *peer) gone() bool { return p.state.Load() == peerGone }
