package nethttp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
)

const handshake = "GET /lb/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// HTTP/2 has no upgrades. Whoever asks a backend for one that speaks nothing else is answered as without it, and the
// backend is not to blame.
func TestFront_upgrades_to_backends_of_any_scheme(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, tt.start, func(w http.ResponseWriter, r *http.Request) {
				if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
					return
				}
				if c, err := websocket.Accept(w, r, nil); err == nil {
					c.CloseNow()
				}
			})
			conf := fronttest.Settings()
			conf.Breaker = 3
			s := fronttest.NewSite(t, harness, conf, fronttest.Options{})
			addBackend(s, "a", address, tt.scheme)
			want := http.StatusSwitchingProtocols
			if tt.scheme == containers.SchemeH2C {
				want = http.StatusOK
			}
			for range 6 {
				conn := s.Dial(handshake)
				line := make([]byte, len("HTTP/1.1 000"))
				_ = conn.SetReadDeadline(time.Now().Add(fronttest.Patience))
				if n, err := conn.Read(line); err != nil || string(line[:n]) != "HTTP/1.1 "+status(want) {
					t.Errorf("answered %q, %v, want %d", line[:n], err, want)
				}
				conn.Close()
			}
			if b := s.Report().Backends[0]; b.Breaker.State != proxy.BreakerClosed || b.Breaker.Failures != 0 || b.Errors != 0 {
				t.Errorf("breaker is %s with %d failures, %d errors, want it closed without", b.Breaker.State, b.Breaker.Failures, b.Errors)
			}
		})
	}
}

func status(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// What one front answers with 431 the other does as well.
func TestFront_refuses_too_many_fields(t *testing.T) {
	s := fronttest.NewSite(t, harness, fronttest.Settings(), fronttest.Options{}, fronttest.NewOK(t).Address)
	for fields, want := range map[int]int{99: http.StatusOK, 101: http.StatusRequestHeaderFieldsTooLarge} {
		answer, _ := s.Say("GET /lb/ HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", fields) + "\r\n")
		if answer.Status != want {
			t.Errorf("%d fields and Host: %d, want %d", fields, answer.Status, want)
		}
	}
}
