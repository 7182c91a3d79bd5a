package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes the test binary a front when a test starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == frontCommand {
		if err := frontMain(os.Stdin, os.Stdout); err != nil {
			os.Stderr.WriteString("front: " + err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func newTestSoak(t *testing.T, requests int) (*soak, *bytes.Buffer) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("backends have loopback addresses of their own: this needs Linux")
	}
	var out bytes.Buffer
	return newSoak(uint64(time.Now().UnixNano()), settings{requests: requests, connections: 16, backends: 3, report: time.Minute}, &out), &out
}

// The soak itself, but short.
func TestSoak(t *testing.T) {
	s, out := newTestSoak(t, 5000)
	err := s.run(t.Context())
	t.Logf("seed %d\n%s", s.seed, out)
	if err != nil {
		t.Errorf("run() = %v", err)
	}
	if done := s.done.Load(); done != 5000 {
		t.Errorf("%d requests were made, want 5000", done)
	}
}

// tamper does something to a piece of answers on its way to a client. It returns false to cut it off there.
type tamper func(b []byte) bool

// What a soak does not see it can't prove: something in between that changes what the front says is found out.
func TestSoak_sees(t *testing.T) {
	tests := []struct {
		name string
		do   tamper
		want string
	}{
		{"nothing where nothing is changed", func([]byte) bool { return true }, ""},
		{"a byte that is changed", func(b []byte) bool {
			b[len(b)-1] ^= 1
			return true
		}, " of the body differs: "},
		{"an answer that is another's", func(b []byte) bool {
			if i := bytes.Index(b, []byte(fieldID)); i >= 0 && i+12 < len(b) {
				b[i+11] ^= 1
			}
			return true
		}, "wrong: the answer to request"},
		{"an answer that is cut off", func([]byte) bool { return false }, "broken off: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, out := newTestSoak(t, 2000)
			s.via, s.patience = relay(t, tt.do), 5*time.Second // A length that is changed may let a client wait.
			err := s.run(t.Context())
			if (err != nil) != (tt.want != "") || tt.want != "" && !seen(out.String(), tt.want) {
				t.Errorf("run() = %v, want violations: %q\nseed %d\n%s", err, tt.want, s.seed, out)
			}
		})
	}
}

// seen says whether a violation was reported that has text in it.
func seen(out, text string) bool {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "VIOLATION") && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// relay returns what starts a server that passes on all to the front and back. Each hundredth piece of
// answers is tampered with.
func relay(t *testing.T, do tamper) func(string) string {
	return func(front string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		t.Cleanup(func() {
			cancel()
			l.Close()
			wg.Wait()
		})
		var mu sync.Mutex
		pieces := 0
		answers := func(b []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			if pieces++; pieces%100 != 0 {
				return true
			}
			return do(b)
		}
		wg.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				wg.Go(func() { relayOne(ctx, conn.(*net.TCPConn), front, answers) })
			}
		})
		return l.Addr().String()
	}
}

func relayOne(ctx context.Context, client *net.TCPConn, front string, answers tamper) {
	defer client.Close()
	conn, err := net.Dial("tcp", front)
	if err != nil {
		return
	}
	defer conn.Close()
	server := conn.(*net.TCPConn)
	defer context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})()
	var wg sync.WaitGroup
	wg.Go(func() { relayHalf(server, client, func([]byte) bool { return true }) })
	relayHalf(client, server, answers)
	wg.Wait()
}

// relayHalf passes on one direction, with the way it ends.
func relayHalf(dst, src *net.TCPConn, do tamper) {
	b := make([]byte, 64<<10)
	for {
		n, err := src.Read(b)
		if n > 0 && !do(b[:n]) {
			dst.Close()
			src.Close()
			return
		}
		if _, failed := dst.Write(b[:n]); failed != nil {
			reset(src)
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = dst.CloseWrite()
			return
		case errors.Is(err, syscall.ECONNRESET):
			reset(dst)
			return
		case err != nil:
			return
		}
	}
}
