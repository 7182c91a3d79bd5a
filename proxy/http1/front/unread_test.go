package front_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// Who does not take an answer is cut by a reset: with an end in good order the system would keep what was written for it
// for minutes, and an attacker could have it keep much.
func TestFront_resets_who_does_not_read(t *testing.T) {
	const size = 32 << 20
	s := newTight(t, 200*time.Millisecond, fronttest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = w.Write(make([]byte, size))
	}))
	conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	defer conn.Close()
	fronttest.Eventually(t, "the answer to be given up", func() bool {
		return s.InFlight() == 0 && s.Core.Report(time.Now()).Pools[0].Requests == 1
	})
	if n, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) || n >= size {
		t.Errorf("after %d bytes of %d: %v, want a reset", n, size, err)
	}
	s.WantCounts(1, 0, 0)
}

// A WebSocket whose client takes nothing leaves nothing to send behind.
func TestFront_resets_a_tunnel_whose_client_takes_nothing(t *testing.T) {
	s := newTight(t, 200*time.Millisecond, fronttest.NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, endless{})
	}).Address)
	conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	fronttest.Eventually(t, "the tunnel to be given up", func() bool {
		return s.InFlight() == 0 && s.Core.Report(time.Now()).Pools[0].Requests == 1
	})
	s.WantCounts(1, 0, 0)
	if err := s.Drain(context.Background()); err != nil { // Then the connection is closed.
		t.Errorf("Drain() = %v", err)
	}
	if n, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes and %v came, want a reset", n, err)
	}
}
