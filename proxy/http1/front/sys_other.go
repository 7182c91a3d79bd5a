//go:build !linux

package front

import "syscall"

// peeked is what is known of a connection without reading from it.
type peeked uint8

const (
	peekNothing peeked = iota // It is open, and there is nothing to read.
	peekData
	peekEnd // It has ended or broken.
)

// waits says that a connection can be waited for without a buffer.
const waits = false

func peekFD(uintptr) peeked { return peekNothing }

func unsentFD(uintptr) int { return -1 }

func boundFD(uintptr) {}

const errAgain = syscall.EAGAIN

func recv(uintptr, []byte) (int, syscall.Errno) { return -1, syscall.ENOSYS }

func send(uintptr, []byte) int { return 0 }

func prepare(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
}
