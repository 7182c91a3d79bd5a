package nethttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/fronttest"
)

const breakAfter = 5

// breakable is a site with one backend, which is ejected after breakAfter failures.
func breakable(t *testing.T, h fronttest.Harness, o fronttest.Options, address, scheme string) *fronttest.Site {
	t.Helper()
	conf := fronttest.Settings()
	conf.Breaker = breakAfter
	s := fronttest.NewSite(t, h, conf, o)
	addBackend(s, "a", address, scheme)
	return s
}

// wantBlameless checks that nothing counts against the backend.
func wantBlameless(t *testing.T, s *fronttest.Site) {
	t.Helper()
	if b := s.Report().Backends[0]; b.Breaker.State != proxy.BreakerClosed || b.Breaker.Failures != 0 || b.Errors != 0 || b.State != containers.StateReady {
		t.Errorf("%s, breaker %s with %d failures, %d errors, want it ready without", b.State, b.Breaker.State, b.Breaker.Failures, b.Errors)
	}
}

// drains is a backend's handler that reads all of a body first.
func drains(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err == nil {
		fmt.Fprint(w, r.Method, " ", r.RequestURI)
	}
}

// What clients ask for, or fail to send, is no fault of backends of whatever kind.
func TestFront_blames_no_backend_for_requests(t *testing.T) {
	field := func(lines string) string { return "GET /lb/ HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n\r\n" }
	post := func(rest string) string { return "POST /lb/ HTTP/1.1\r\nHost: x\r\n" + rest }
	tests := []struct {
		name, request string
		leaves        bool // The client closes what it sends at once.
	}{
		{"no host", "GET /lb/ HTTP/1.1\r\nHost:\r\n\r\n", false},
		{"a host of another kind", "GET /lb/ HTTP/1.1\r\nHost: a_b!$&'(c):99999\r\n\r\n", false},
		{"bytes above ASCII", field("X: \xff\xfe\r\nUser-Agent: \xc3\xa4\r\nCookie: ;;; a=\xff;"), false},
		{"odd names", field("A!#$%&'*+.^_`|~: b\r\nTe: trailers, gzip\r\nHttp2-Settings: x\r\n:Protocol: x"), false},
		{"connection fields", field("Connection: close, upgrade, te\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\nProxy-Connection: x"), false},
		{"an upgrade with a body", post("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi"), false},
		{"an odd method", "A!#$%&'*+.^_`|~ /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"an odd target", "GET /lb/a%2f%2f/{}\"<>|\\^`?a=%zz&b=[] HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"two slashes", "GET /lb//evil//{} HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"an absolute target", "GET http://y/lb/a HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"an Expect of another kind", post("Expect: tea\r\nContent-Length: 2\r\n\r\nhi"), false},
		{"a GET with a body", "GET /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", false},
		{"a huge length", post("Content-Length: 9223372036854775807\r\n\r\nhi"), true},
		{"a body that ends early", post("Content-Length: 100\r\n\r\nhello"), true},
		{"chunks that end early", post("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), true},
		{"chunks that are none", post("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"), false},
		{"a body that stands still", post("Content-Length: 100\r\n\r\nhello"), false},
		{"an Expect without a body", post("Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"), false},
		{"an Expect, and gone", post("Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"), true},
		{"trailers that frame", post("Transfer-Encoding: chunked\r\nTrailer: X, Content-Length, Host, A\r\n\r\n0\r\nX: \xff\r\nA: b\r\n\r\n"), false},
		{"a trailer that was not told of", post("Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nContent-Length: 4\r\n\r\n"), false},
		{"a deadline that has passed", field("Grpc-Timeout: 1n\r\nTe: trailers\r\nContent-Type: application/grpc"), false},
	}
	for _, speaks := range speaks {
		t.Run(speaks.name, func(t *testing.T) {
			s := breakable(t, harness, fronttest.Options{BodyIdle: 50 * time.Millisecond}, serve(t, speaks.start, drains), speaks.scheme)
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					for range breakAfter {
						conn := s.Dial(tt.request)
						if half, ok := conn.(*net.TCPConn); tt.leaves && ok {
							_ = half.CloseWrite()
						}
						_, _ = fronttest.ReadAnswer(bufio.NewReader(conn))
						conn.Close()
					}
					wantBlameless(t, s)
				})
			}
		})
	}
}

// A list of fields that a backend does not take is refused by net/http's transport before it is sent. This test fails as
// well when the transport says so in other words.
func TestFront_answers_431_for_fields_that_a_backend_does_not_take(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			s := breakable(t, harness, fronttest.Options{}, serve(t, func(s *httptest.Server) {
				s.Config.MaxHeaderBytes = 1 << 10
				tt.start(s)
			}, drains), tt.scheme)
			long := "GET /lb/ HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n"
			for range 2 * breakAfter {
				if answer, _ := s.Say("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"); answer.Status != 200 {
					t.Errorf("few fields: %v, want 200", answer)
				}
				answer, _ := s.Say(long)
				if answer.Status != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("long fields: %v, want 431", answer)
				}
				if slug := answer.Header.Get("X-Ballast-Error"); tt.major > 1 && slug != "too-many-fields" {
					t.Errorf("X-Ballast-Error: %s, want too-many-fields", slug)
				}
			}
			wantBlameless(t, s)
			if r := s.Report(); r.Retries != 0 {
				t.Errorf("%d retries, want none", r.Retries)
			}
		})
	}
}

// onlyHTTP2 starts a backend that speaks TLS, and nothing but HTTP/2 by it. It counts connections.
func onlyHTTP2(t *testing.T, dials *atomic.Int32) string {
	return serve(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		// Go's own server would let who offers only http/1.1 in, as if it had offered nothing.
		s.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Contains(hello.SupportedProtos, "h2") {
				return nil, nil //nolint:nilnil // As it is.
			}
			strict := s.TLS.Clone()
			strict.NextProtos = []string{"none"}
			return strict, nil
		}
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				dials.Add(1)
			}
		}
		s.StartTLS()
	}, drains)
}

// Who asks a backend for a WebSocket that speaks nothing but HTTP/2 is answered as without it.
func TestFront_blames_no_backend_for_upgrades_that_it_can_not_have(t *testing.T) {
	var dials atomic.Int32
	s := breakable(t, harness, fronttest.Options{}, onlyHTTP2(t, &dials), containers.SchemeHTTPS)
	for range 2 * breakAfter {
		if answer, _ := s.Say(handshake); answer.Status != 200 || answer.Body != "GET /" {
			t.Errorf("answer %v, want 200 to a GET", answer)
		}
	}
	wantBlameless(t, s)
	if r := s.Report(); r.Retries != 0 {
		t.Errorf("%d retries, want none", r.Retries)
	}
	if got := dials.Load(); got > 2 {
		t.Errorf("%d connections, want one for all after the first try", got)
	}
}

// A client that resets its stream while it sends is the one who has left.
func TestFront_blames_no_backend_for_streams_that_clients_reset(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			s := breakable(t, fronttest.Harness{Start: startHTTP2}, fronttest.Options{}, serve(t, tt.start, func(w http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				drains(w, r)
			}), tt.scheme)
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetUnencryptedHTTP2(true)
			defer transport.CloseIdleConnections()
			for range 2 * breakAfter {
				ctx, cancel := context.WithCancel(t.Context())
				body, rest := io.Pipe()
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL("/"), body)
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					if response, err := transport.RoundTrip(r); err == nil {
						response.Body.Close()
					}
				}()
				fmt.Fprint(rest, "hello")
				<-arrived
				cancel()
				<-ended
				rest.Close()
			}
			wantBlameless(t, s)
		})
	}
}
