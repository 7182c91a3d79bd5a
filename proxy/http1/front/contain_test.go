package front_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// lines are what was logged.
type lines chan string

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// A panic ends its connection, and no other one.
func TestFront_contains_panics(t *testing.T) {
	tests := []struct {
		name string
		// before is answered on the same connection, which then has the request.
		before, request string
		requests        uint64
	}{
		{"on the way to a backend", "", "GET /lb/panic HTTP/1.1\r\nHost: x\r\n\r\n", 1},
		{"behind another request", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /lb/panic HTTP/1.1\r\nHost: x\r\n\r\n", 2},
		{"with a body to come", "", "POST /lb/panic HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", 1},
		{"before there is a pool", "", "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"before there is a pool, behind another request", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logged := make(lines, 16)
			var panics atomic.Bool
			var core *proxy.Core
			h := own(front.Options{
				Logger: zerolog.New(logged).Level(zerolog.ErrorLevel),
				Route: func(host, path []byte, secure bool) (proxy.Target, front.Whose) {
					if string(path) == "/panic" {
						panic("no route")
					}
					panics.Store(strings.HasSuffix(string(path), "/panic"))
					return lb(core)(host, path, secure)
				},
				Dial: func(ctx context.Context, address string) (net.Conn, error) {
					if panics.Load() {
						panic("no dial")
					}
					var d net.Dialer
					return d.DialContext(ctx, "tcp", address)
				},
			}, nil)
			start := h.Start
			h.Start = func(t testing.TB, c *proxy.Core, o fronttest.Options) fronttest.Front {
				core = c // Before anything can be routed.
				return start(t, c, o)
			}
			s := fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, fronttest.NewOK(t).Address)
			other := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
			others := bufio.NewReader(other)
			if answer, err := fronttest.ReadAnswer(others); err != nil || answer.Status != 200 {
				t.Fatalf("answer %v, %v", answer, err)
			}
			conn := s.Dial(tt.before)
			r := bufio.NewReader(conn)
			if tt.before != "" {
				if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
					t.Fatalf("answer %v, %v", answer, err)
				}
			}
			fmt.Fprint(conn, tt.request)
			if all, _ := io.ReadAll(r); len(all) != 0 {
				t.Errorf("the panic was answered %q", all)
			}
			if line := <-logged; !strings.Contains(line, `"level":"error"`) || !strings.Contains(line, `"panic":"no `) || len(logged) != 0 {
				t.Errorf("logged %s and %d more, want one error", line, len(logged))
			}
			fmt.Fprint(other, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
			if answer, err := fronttest.ReadAnswer(others); err != nil || answer.Status != 200 {
				t.Errorf("another client gets %v, %v, want 200", answer, err)
			}
			if got := s.Report(); got.Requests != 2+tt.requests {
				t.Errorf("%d requests, want %d", got.Requests, 2+tt.requests)
			}
		})
	}
}
