//go:build unix

package handover

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// sendWith sends bytes and listening sockets along with them. Their descriptors are asked for by SyscallConn: os.File's would
// make the socket block, for whoever holds it.
func sendWith(conn *net.UnixConn, b []byte, offers []Offer) error {
	fds := make([]int, 0, len(offers))
	return withFDs(offers, fds, func(fds []int) error {
		n, oob, err := conn.WriteMsgUnix(b, syscall.UnixRights(fds...), nil)
		if err == nil && (n != len(b) || oob == 0) {
			err = fmt.Errorf("sent %d bytes of %d", n, len(b))
		}
		return err
	})
}

// withFDs calls do with the descriptors of listeners, none of which is closed meanwhile.
func withFDs(offers []Offer, fds []int, do func([]int) error) error {
	if len(offers) == 0 {
		return do(fds)
	}
	raw, err := offers[0].Listener.SyscallConn()
	if err != nil {
		return fmt.Errorf("%s: %w", offers[0].Key, err)
	}
	inner := error(nil)
	err = raw.Control(func(fd uintptr) { inner = withFDs(offers[1:], append(fds, int(fd)), do) })
	if err != nil {
		return fmt.Errorf("%s: %w", offers[0].Key, err)
	}
	return inner
}

// receive reads once: bytes, and the descriptors that came with them, which are the caller's.
func receive(conn *net.UnixConn, b []byte) (int, []*os.File, error) {
	oob := make([]byte, syscall.CmsgSpace(4*socketsMost))
	n, oobn, _, _, err := conn.ReadMsgUnix(b, oob)
	if err != nil {
		return n, nil, err
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return n, nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue // It is something else.
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed-over"))
		}
	}
	return n, files, nil
}
