package front_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// exhausted is what a dial ends with for want of something of our own.
func exhausted(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}
}

// Idle connections are what can be done without when there are no descriptors for another one.
func TestFront_closes_idle_connections_for_want_of_descriptors(t *testing.T) {
	ended := make(chan struct{})
	end := sync.OnceFunc(func() { close(ended) })
	idle := fronttest.NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		defer end()
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nidle")
		_, _ = r.ReadByte()
	})
	next := fronttest.NewBackend(t, fronttest.Replies("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnext"))
	var dials atomic.Int32
	s := newOwn(t, fronttest.Settings(), front.Options{Logger: zerolog.Nop(), Dial: func(ctx context.Context, address string) (net.Conn, error) {
		switch dials.Add(1) {
		case 2:
			return nil, exhausted(syscall.EMFILE)
		case 3:
			select {
			case <-ended:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}}, idle.Address, next.Address)
	got := map[string]int{}
	for range 2 {
		answer, err := s.Ask("GET", "/", nil)
		if err != nil || answer.Status != 200 {
			t.Errorf("answer %v, %v, want 200", answer, err)
		}
		got[answer.Body]++
	}
	if got["idle"] != 1 || got["next"] != 1 || dials.Load() != 3 {
		t.Errorf("answers %v with %d dials, want one of each backend with 3", got, dials.Load())
	}
	s.WantCounts(2, 0, 0)
	if n := s.Report().Retries; n != 0 {
		t.Errorf("%d retries, want 0", n)
	}
}

// What we lack is no backend's fault, and no other backend can help.
func TestFront_says_that_it_is_overloaded(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			a, b := fronttest.NewOK(t), fronttest.NewOK(t)
			var lacks atomic.Bool
			lacks.Store(true)
			s := newOwn(t, fronttest.Settings(), front.Options{Logger: zerolog.Nop(), Dial: func(ctx context.Context, address string) (net.Conn, error) {
				if lacks.Load() {
					return nil, exhausted(errno)
				}
				var d net.Dialer
				return d.DialContext(ctx, "tcp", address)
			}}, a.Address, b.Address)
			conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
			r := bufio.NewReader(conn)
			answer, err := fronttest.ReadAnswer(r)
			if err != nil || answer.Status != 503 || answer.Header.Get("X-Ballast-Error") != "overloaded" {
				t.Fatalf("answer %v, %v, want 503 overloaded", answer, err)
			}
			s.WantCounts(1, 1, 0)
			if got := s.Report(); got.Retries != 0 || got.Rejected["overloaded"] != 1 {
				t.Errorf("%d retries, rejected %v, want 0 and one for overload", got.Retries, got.Rejected)
			}
			lacks.Store(false)
			fmt.Fprint(conn, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n") // The connection is none the worse.
			if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
				t.Errorf("then %v, %v, want 200", answer, err)
			}
		})
	}
}
