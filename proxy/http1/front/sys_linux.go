package front

import (
	"errors"
	"syscall"
	"unsafe"
)

// peeked is what is known of a connection without reading from it.
type peeked uint8

const (
	peekNothing peeked = iota // It is open, and there is nothing to read.
	peekData
	peekEnd // It has ended or broken.
)

// waits says that tryRead can wait without a buffer.
const waits = true

// peekFD looks at what a socket has to read, without waiting.
func peekFD(fd uintptr) peeked {
	var b byte
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1,
		syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return peekNothing
	case errno == 0 && n > 0:
		return peekData
	}
	return peekEnd
}

// unsentFD is how many bytes a socket has that its peer has not confirmed.
func unsentFD(fd uintptr) int {
	var n int32
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 1
	}
	return int(n)
}

// tryRead is called when there may be something to read. It takes work, and so a buffer, only if there is.
func (c *client) tryRead(fd uintptr) bool {
	w := c.f.works.Get().(*work)
	w.reset()
	n, err := syscall.Read(int(fd), w.in.b)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), w.in.b)
	}
	if errors.Is(err, syscall.EAGAIN) {
		c.f.works.Put(w)
		return false
	}
	c.work = w
	w.in.w = max(n, 0)
	return true
}
