package front

import (
	"runtime"
	"sync"
	"syscall"
)

// pipe carries bytes between two sockets inside the kernel (splice(2)). It belongs to one direction of one exchange
// from takePipe to give.
type pipe struct {
	ends        [2]int
	cleanup     runtime.Cleanup
	fill, drain func(uintptr) bool

	held  int // What is in it.
	want  int // How much fill may take.
	more  bool
	moved int
	errno syscall.Errno
}

const (
	pipeSize = 256 << 10

	spliceMove     = 1 // SPLICE_F_MOVE, NONBLOCK and MORE of splice(2).
	spliceNonblock = 2
	spliceMore     = 4
	setPipeSize    = 1031 // F_SETPIPE_SZ of fcntl(2).
)

var pipes sync.Pool

// takePipe returns nil if there is none to be had; then bytes are copied.
func takePipe() *pipe {
	if p, ok := pipes.Get().(*pipe); ok {
		return p
	}
	var ends [2]int
	if syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return nil
	}
	// More than the usual 64 KiB saves system calls; users without privileges may have used up what they get.
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(ends[0]), setPipeSize, pipeSize)
	p := &pipe{ends: ends}
	p.fill, p.drain = p.fillInside, p.drainInside
	// The pool lets go of what is not used for long.
	p.cleanup = runtime.AddCleanup(p, closeEnds, ends)
	return p
}

func closeEnds(ends [2]int) {
	_ = syscall.Close(ends[0])
	_ = syscall.Close(ends[1])
}

// give returns a pipe, empty. One that is not must not serve anybody else.
func (p *pipe) give() {
	if p.held == 0 {
		pipes.Put(p)
		return
	}
	p.cleanup.Stop()
	closeEnds(p.ends)
}

// from takes up to n bytes from a socket. It returns when there are some, with 0 at the end, or with an error.
func (p *pipe) from(src syscall.RawConn, n int64) (int, error) {
	p.want, p.moved, p.errno = int(min(n, pipeSize)), 0, 0
	if err := src.Read(p.fill); err != nil {
		return 0, err
	}
	if p.errno != 0 {
		return 0, p.errno
	}
	p.held += p.moved
	return p.moved, nil
}

func (p *pipe) fillInside(fd uintptr) bool {
	p.splice(fd, uintptr(p.ends[1]), p.want, 0)
	return p.errno != errAgain
}

// to gives a socket what it takes of the pipe's bytes; more says that others will follow. It returns when it took some.
func (p *pipe) to(dst syscall.RawConn, more bool) error {
	p.more, p.moved, p.errno = more, 0, 0
	if err := dst.Write(p.drain); err != nil {
		return err
	}
	if p.errno != 0 {
		return p.errno
	}
	p.held -= p.moved
	return nil
}

func (p *pipe) drainInside(fd uintptr) bool {
	flags := 0
	if p.more {
		flags = spliceMore
	}
	p.splice(uintptr(p.ends[0]), fd, p.held, flags)
	return p.errno != errAgain
}

func (p *pipe) splice(src, dst uintptr, n, flags int) {
	for {
		moved, _, errno := syscall.RawSyscall6(syscall.SYS_SPLICE, src, 0, dst, 0, uintptr(n), uintptr(flags)|spliceMove|spliceNonblock)
		if errno == syscall.EINTR {
			continue
		}
		if p.errno = errno; errno == 0 {
			p.moved = int(moved)
		}
		return
	}
}
