package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// An end that comes together with a request is not news for the wait for the next one, for which there is then none. It
// must not last for as long as idle clients may stay.
func TestFront_closes_what_ended_with_its_request(t *testing.T) {
	const request = "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, before := range map[string]int{"first": 0, "later": 1} {
		t.Run(name, func(t *testing.T) {
			s := newOwn(t, fronttest.Settings(), quick, fronttest.Serve(t, func(http.ResponseWriter, *http.Request) {}))
			const clients = 10
			for range clients {
				conn := s.Dial("")
				r := bufio.NewReader(conn)
				for range before {
					fmt.Fprint(conn, request)
					if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
						t.Fatalf("answer %v, %v", answer, err)
					}
				}
				// Meanwhile the connection is waited for, and one to the backend is kept, so that nothing delays the request.
				s.Say(request)
				cork(t, conn)
				fmt.Fprint(conn, request)
				halfClose(t, conn)
				// It may also be closed before the request is read, which is then lost: who sent it has left.
				if all, err := io.ReadAll(r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
					t.Fatalf("%v after %q, want the end long before ClientIdle", err, all)
				}
			}
		})
	}
}

// cork has what is written sent together with what comes next.
func cork(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, 1)
	}); e != nil || err != nil {
		t.Fatalf("cork: %v, %v", e, err)
	}
}
