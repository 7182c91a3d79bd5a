package front

import (
	"sync/atomic"
	"syscall"
)

// peer is what is known of who is at a client's end of its connection.
type peer struct {
	client *client // Whose it is.
	state  atomic.Uint32
	id     uint64 // Where the watcher finds it; 0 before and after. Guarded by watcher.mu.
	over   bool   // It was forgotten. Guarded by watcher.mu.
}

const (
	peerEnded uint32 = 1 + iota // It sends no more, but may still receive.
	peerGone                    // The connection is broken.
)

// watch has it told, from now until forget. Anyone may call it, more than once.
func (p *peer) watch(w *watcher, raw syscall.RawConn) {
	if w != nil && raw != nil {
		w.watch(raw, p)
	}
}

// forget must come before raw is closed, or given away, which is told by letGo.
func (p *peer) forget(w *watcher, raw syscall.RawConn, letGo bool) {
	if w != nil && raw != nil {
		w.forget(raw, p, letGo)
	}
}

// ends is called by the watcher.
func (p *peer) ends(broken bool) {
	state := peerEnded
	if broken {
		state = peerGone
	}
	p.state.Store(state)
	p.client.lookLeft()
}

// ended says that it sends no more, gone that it receives nothing either.
func (p *peer) ended() bool { return p.state.Load() >= peerEnded }

func (p *peer) gone() bool { return p.state.Load() == peerGone }
