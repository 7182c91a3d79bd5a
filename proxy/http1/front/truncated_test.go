package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Case 28 in HTTP/1.0, where an answer ends with its connection: only a reset tells that it broke off.
func TestFront_resets_what_breaks_off_without_framing(t *testing.T) {
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	backend := fronttest.NewBackend(t, fronttest.Replies(chunks))
	s := newSite(t, fronttest.Settings(), front.Options{}, backend.Address)
	conn := s.Dial("GET /lb/ HTTP/1.0\r\nHost: x\r\n\r\n")
	all, err := io.ReadAll(conn)
	if !errors.Is(err, syscall.ECONNRESET) || strings.Contains(string(all), "Content-Length") {
		t.Errorf("%v after:\n%s\nwant a reset", err, all)
	}
	s.WantCounts(1, 1, 1)
}

// What was answered before on the same connection is the client's, however slowly it reads.
func TestFront_breaks_off_after_what_was_answered_before(t *testing.T) {
	body := strings.Repeat("x", 300_000)
	for _, test := range []struct{ name, second string }{
		{"by a reset", "GET /lb/2 HTTP/1.0\r\nHost: x\r\n\r\n"},
		{"with more requests unread", "GET /lb/2 HTTP/1.1\r\nHost: x\r\n\r\nPOST /lb/3 HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + body},
	} {
		t.Run(test.name, func(t *testing.T) {
			backend := fronttest.NewBackend(t, func(conn net.Conn, _ *bufio.Reader, head string) {
				if strings.Contains(head, " /1") {
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
					return
				}
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
				_ = conn.(*net.TCPConn).SetLinger(0)
			})
			s := newSite(t, fronttest.Settings(), front.Options{}, backend.Address)
			conn := s.Dial("GET /lb/1 HTTP/1.1\r\nHost: x\r\n\r\n" + test.second)
			fronttest.Eventually(t, "both are over", func() bool { return s.Report().Requests == 2 })
			first, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(first.Body); err != nil || string(got) != body {
				t.Errorf("the first answer: %d bytes, %v, want %d", len(got), err, len(body))
			}
		})
	}
}
