package front

import (
	"os"
	"sync"
	"syscall"
)

// watcher tells when clients end their half of a connection, or all, without reading from it: the runtime's
// poller tells that only to who reads. It is an epoll of its own, which needs one system call per connection
// and none per request.
type watcher struct {
	file *os.File
	raw  syscall.RawConn
	done chan struct{}

	mu    sync.Mutex
	last  uint64
	peers map[uint64]*peer // guarded by mu
}

// newWatcher returns nil if the system has no more of it; then nobody is told.
func newWatcher() *watcher {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // For os.NewFile to hand it to the runtime's poller.
		_ = syscall.Close(fd)
		return nil
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}), peers: make(map[uint64]*peer)}
	if w.raw, err = w.file.SyscallConn(); err != nil {
		w.file.Close()
		return nil
	}
	go w.run() // Awaited by close.
	return w
}

func (w *watcher) close() {
	if w != nil {
		w.file.Close()
		<-w.done
	}
}

func (w *watcher) run() {
	defer close(w.done)
	var events [64]syscall.EpollEvent
	_ = w.raw.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(fd), events[:], 0)
			if n <= 0 && err != syscall.EINTR {
				return false
			}
			for i := range max(n, 0) {
				w.tell(&events[i])
			}
		}
	})
}

func (w *watcher) tell(e *syscall.EpollEvent) {
	id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
	w.mu.Lock()
	p := w.peers[id]
	w.mu.Unlock()
	if p != nil {
		p.ends(e.Events&(syscall.EPOLLHUP|syscall.EPOLLERR) != 0)
	}
}

// watch has p told when the peer ends, or has ended.
func (w *watcher) watch(raw syscall.RawConn, p *peer) {
	w.mu.Lock()
	if p.id != 0 || p.over {
		w.mu.Unlock()
		return
	}
	w.last++
	id := w.last
	p.id = id
	w.peers[id] = p
	w.mu.Unlock()
	e := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | epollET, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	w.control(raw, syscall.EPOLL_CTL_ADD, &e)
}

// forget ends that. A connection that is not closed then has to be let go.
func (w *watcher) forget(raw syscall.RawConn, p *peer, letGo bool) {
	w.mu.Lock()
	delete(w.peers, p.id)
	letGo = letGo && p.id != 0
	p.id, p.over = 0, true
	w.mu.Unlock()
	if letGo {
		w.control(raw, syscall.EPOLL_CTL_DEL, nil)
	}
}

func (w *watcher) control(raw syscall.RawConn, what int, e *syscall.EpollEvent) {
	_ = raw.Control(func(fd uintptr) {
		_ = w.raw.Control(func(epoll uintptr) { _ = syscall.EpollCtl(int(epoll), what, int(fd), e) })
	})
}

const epollET = 1 << 31
