package fronttest

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// Refusing returns an address where nobody listens, and nobody else can until the test ends.
func Refusing(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(bound.(*syscall.SockaddrInet4).Port)).String()
}

// Silent returns an address where connecting never ends: somebody listens, whose queue is full.
func Silent(t testing.TB) string {
	t.Helper()
	return silent(t).Addr().String()
}

// silent returns a listener with which connecting does not end before it accepts.
func silent(t testing.TB) net.Listener {
	t.Helper()
	listener := Listen(t).(*net.TCPListener)
	t.Cleanup(func() { _ = listener.Close() })
	raw, err := listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); e != nil || err != nil {
		t.Fatalf("shorten the queue: %v, %v", e, err)
	}
	// How many fit is the system's choice. One that waits for this long is one that did not.
	d := net.Dialer{Timeout: 100 * time.Millisecond}
	for range 64 {
		conn, err := d.DialContext(t.Context(), "tcp", listener.Addr().String())
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			return listener
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue is never full")
	return nil
}
