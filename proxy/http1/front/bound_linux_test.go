package front_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// accepted tells of connections that were.
type accepted struct {
	net.Listener

	conns chan<- net.Conn
}

// Accept implements net.Listener.
func (l accepted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.conns <- conn
	}
	return conn, err
}

// Who does not read a long answer must not have the kernel hold as much of it as it would for somebody who does.
func TestFront_bounds_what_is_written_ahead(t *testing.T) {
	const long, most = 200 << 10, 256 << 10
	tests := []struct {
		name  string
		head  string // Of the answer.
		body  string
		bound bool
	}{
		{"short", "Content-Length: 2\r\n", "ok", false},
		{"of_known_length", fmt.Sprintf("Content-Length: %d\r\n", long), strings.Repeat("x", long), true},
		{"in_chunks", "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", long, strings.Repeat("x", long)), true},
		{"until_the_end", "Connection: close\r\n", strings.Repeat("x", long), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := fronttest.NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+tt.head+"\r\n"+tt.body)
				conn.Close()
			})
			conns := make(chan net.Conn, 1)
			h := own(front.Options{Logger: zerolog.Nop()}, func(l net.Listener) net.Listener { return accepted{l, conns} })
			s := fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, backend.Address)
			r := bufio.NewReader(s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"))
			response, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil {
				t.Fatal(err)
			}
			if got := mayWait(t, <-conns); (got == most) != tt.bound {
				t.Errorf("as much as %d bytes may wait to be sent; want %t that it is %d", got, tt.bound, most)
			}
		})
	}
}

// mayWait is how much a connection takes of what can't be sent yet: TCP_NOTSENT_LOWAT of tcp(7).
func mayWait(t *testing.T, conn net.Conn) (n int) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) { n, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 25) }); e != nil || err != nil {
		t.Fatalf("ask for the limit: %v, %v", e, err)
	}
	return n
}
