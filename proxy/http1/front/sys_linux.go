package front

import (
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

// waits says that a connection can be waited for without a buffer.
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
		return -1
	}
	return int(n)
}

// unsentMost is how many bytes of a long answer a socket takes before its peer makes room for them, and notSentLowAt the
// option that says so, TCP_NOTSENT_LOWAT of tcp(7).
const (
	unsentMost   = 256 << 10
	notSentLowAt = 25
)

// boundFD has a socket take little of what can't be sent yet.
func boundFD(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLowAt, unsentMost)
}

// errAgain says that nothing can be read now.
const errAgain = syscall.EAGAIN

// recv reads from a socket that does not block. It is a raw call, for the scheduler need not know of one that
// can't last. Without an error, 0 is the end.
func recv(fd uintptr, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			syscall.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return -1, errno
		}
	}
}

// send writes as much to a socket as it takes at once. Why it takes no more is told by the next write.
func send(fd uintptr, b []byte) int {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n)
		}
		if errno != syscall.EINTR {
			return 0
		}
	}
}

// keepAliveSeconds is how long a connection is silent before its peer is asked, how long between such questions; after
// keepAliveCount without an answer it is broken. They are Go's own.
const (
	keepAliveSeconds = 15
	keepAliveCount   = 9
)

// deferSeconds is how long a new connection may be silent before it is accepted nevertheless.
const deferSeconds = 1

// prepare has the peers of a listening socket's connections asked now and then whether they are there, and new ones
// accepted when there is something to read, as Apache does: so nothing is woken for a connection before that.
func prepare(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, deferSeconds)
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, keepAliveSeconds)
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, keepAliveSeconds)
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, keepAliveCount)
}
