package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// Trailers that a backend does not take are the client's doing, also if the answer has begun.
func TestFront_blames_no_backend_for_trailers_that_it_does_not_take(t *testing.T) {
	const field = 3000
	for _, early := range []bool{false, true} {
		for _, tt := range speaks {
			t.Run(fmt.Sprintf("%s, early answer %t", tt.name, early), func(t *testing.T) {
				s := breakable(t, harness, fronttest.Options{}, serve(t, func(s *httptest.Server) {
					s.Config.MaxHeaderBytes = 1 << 10
					tt.start(s)
				}, func(w http.ResponseWriter, r *http.Request) {
					if early {
						_ = http.NewResponseController(w).EnableFullDuplex()
						_ = http.NewResponseController(w).Flush()
					}
					_, _ = io.Copy(w, r.Body)
				}), tt.scheme)
				for range breakAfter {
					conn := s.Dial("POST /lb/ HTTP/1.1\r\nHost: x\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
					r := bufio.NewReader(conn)
					if early {
						if _, err := r.Peek(1); err != nil {
							t.Fatal(err)
						}
					}
					fmt.Fprintf(conn, "0\r\nX: %s\r\n\r\n", strings.Repeat("x", field))
					answer, _ := fronttest.ReadAnswer(r)
					// What a new connection may be sent is not known yet.
					if slug := answer.Header.Get("X-Ballast-Error"); tt.major > 1 && !early && slug != "too-many-fields" && slug != "refused" {
						t.Errorf("answer %v, want it refused", answer)
					}
					conn.Close()
					s.Settled()
				}
				if b := s.Report().Backends[0]; b.Breaker.State != proxy.BreakerClosed || b.Breaker.Failures != 0 {
					t.Errorf("breaker %s with %d failures, want it closed without", b.Breaker.State, b.Breaker.Failures)
				}
			})
		}
	}
}
