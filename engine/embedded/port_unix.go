//go:build unix

package embedded

import (
	"net"
	"os"
	"syscall"
)

// socket is bound and does not listen: its port is taken, and connections to it are refused.
type socket struct {
	fd   int
	port uint16
}

// reserve takes a free port of the loopback interface.
func reserve() (*socket, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		s.close()
		return nil, os.NewSyscallError("bind", err)
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		s.close()
		return nil, os.NewSyscallError("getsockname", err)
	}
	if inet, ok := address.(*syscall.SockaddrInet4); ok {
		s.port = uint16(inet.Port)
	}
	return s, nil
}

// listen opens the port. The socket is used up, also by an error.
func (s *socket) listen() (net.Listener, error) {
	// The kernel lowers it to what the machine allows.
	const backlog = 4096
	if err := syscall.Listen(s.fd, backlog); err != nil {
		s.close()
		return nil, os.NewSyscallError("listen", err)
	}
	f := os.NewFile(uintptr(s.fd), "embedded container")
	defer f.Close()
	return net.FileListener(f)
}

func (s *socket) close() { _ = syscall.Close(s.fd) }
