//go:build !unix

package embedded

import (
	"net"
	"strconv"
)

// socket is a port that was free a moment ago.
type socket struct{ port uint16 }

// reserve finds a free port of the loopback interface.
func reserve() (*socket, error) {
	l, err := net.Listen("tcp4", loopback+":0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return &socket{port: uint16(l.Addr().(*net.TCPAddr).Port)}, nil
}

func (s *socket) listen() (net.Listener, error) {
	return net.Listen("tcp4", net.JoinHostPort(loopback, strconv.Itoa(int(s.port))))
}

func (s *socket) close() {}
