package nethttp_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/health"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// speaks are the ways in which backends speak.
var speaks = []struct {
	name, scheme string
	start        func(*httptest.Server)
	major        int
	secure       bool
}{
	{"http", containers.SchemeHTTP, (*httptest.Server).Start, 1, false},
	{"https", containers.SchemeHTTPS, (*httptest.Server).StartTLS, 1, true},
	{"https with HTTP/2", containers.SchemeHTTPS, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	}, 2, true},
	{"h2c", containers.SchemeH2C, func(s *httptest.Server) {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}, 2, false},
}

// serve starts a backend, whose certificate, where it has one, nobody knows. It returns the address.
func serve(t *testing.T, start func(*httptest.Server), h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // Some are spoken to as they don't expect.
	start(s)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// addBackend adds a backend with a scheme to a site.
func addBackend(s *fronttest.Site, name, address, scheme string) {
	b := fronttest.Spec(name, address)
	b.Scheme = scheme
	s.Backends = append(s.Backends, b)
	s.Apply()
}

func TestFront_speaks_as_backends_do(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			address := serve(t, tt.start, func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != tt.major || (r.TLS != nil) != tt.secure {
					t.Errorf("the backend got HTTP/%d, TLS %t, want %d, %t", r.ProtoMajor, r.TLS != nil, tt.major, tt.secure)
				}
				// What the client speaks, not what we do.
				if got := r.Header.Get("X-Forwarded-Proto"); got != "http" || r.Host != "example.com" {
					t.Errorf("X-Forwarded-Proto: %s, Host: %s, want http, example.com", got, r.Host)
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Errorf("the backend reads: %v", err)
				}
				w.Header().Set("Trailer", "X-Sum")
				w.WriteHeader(http.StatusAccepted)
				fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
				w.Header().Set("X-Sum", "42")
			})
			s := fronttest.NewSite(t, harness, fronttest.Settings(), fronttest.Options{})
			addBackend(s, "a", address, tt.scheme)
			body := strings.Repeat("x", 200_000)
			r := fronttest.Request(t, "POST", s.URL("/a?b"), strings.NewReader(body))
			r.Host = "example.com"
			response, err := fronttest.Client(t).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != 202 || string(got) != "POST /a?b "+body {
				t.Errorf("%d with %d bytes, %v, want 202 with the request", response.StatusCode, len(got), err)
			}
			if got := response.Trailer.Get("X-Sum"); got != "42" {
				t.Errorf("trailer X-Sum = %q, want 42", got)
			}
			s.WantCounts(1, 0, 0)
		})
	}
}

// Backends of one pool need not speak alike.
func TestFront_serves_pools_that_speak_in_several_ways(t *testing.T) {
	s := fronttest.NewSite(t, harness, fronttest.Settings(), fronttest.Options{})
	for i, tt := range speaks {
		addBackend(s, string(rune('a'+i)), serve(t, tt.start, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.name) }), tt.scheme)
	}
	got := map[string]int{}
	const each = 3
	for range each * len(speaks) {
		answer, err := s.Ask("GET", "/", nil)
		if err != nil || answer.Status != 200 {
			t.Errorf("answer %v, %v, want 200", answer, err)
		}
		got[answer.Body]++
	}
	for _, tt := range speaks {
		if got[tt.name] != each {
			t.Errorf("answers %v, want %d of each", got, each)
		}
	}
	s.WantCounts(uint64(each*len(speaks)), 0, 0)
}

// Who waits for the first backend of a pool can't know how that will speak.
func TestFront_holds_for_backends_that_speak_in_any_way(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			conf := fronttest.Settings()
			conf.Scale.Max, conf.Queue = 1, containers.Queue{Size: 1, Timeout: fronttest.Patience}
			s := fronttest.NewSite(t, fronttest.Harness{Start: startPlane, Lenient: true}, conf, fronttest.Options{})
			conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
			defer conn.Close()
			fronttest.Eventually(t, "one to be held", func() bool { return s.Core.Report(time.Now()).Pools[0].Queued == 1 })
			addBackend(s, "a", serve(t, tt.start, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.ProtoMajor, r.TLS != nil) }), tt.scheme)
			answer, err := fronttest.ReadAnswer(bufio.NewReader(conn))
			if want := fmt.Sprint(tt.major, tt.secure); err != nil || answer.Status != 200 || answer.Body != want {
				t.Errorf("%v, %v, want 200 and %s", answer, err, want)
			}
			s.WantCounts(1, 0, 0)
		})
	}
}

func TestChecker_speaks_as_backends_do(t *testing.T) {
	for _, tt := range speaks {
		t.Run(tt.name, func(t *testing.T) {
			address := netip.MustParseAddrPort(serve(t, tt.start, func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != tt.major || (r.TLS != nil) != tt.secure || r.URL.Path != "/health" {
					w.WriteHeader(http.StatusTeapot)
				}
			}))
			checker := nethttp.NewChecker()
			for _, scheme := range []string{containers.SchemeHTTP, containers.SchemeHTTPS, containers.SchemeH2C} {
				check := health.Check{Scheme: scheme, Path: "/health", StatusMin: 200, StatusMax: 200}
				if err := checker.Check(t.Context(), address, check); (err == nil) != (scheme == tt.scheme) {
					t.Errorf("Check() with scheme %s = %v, want it to pass with %s only", scheme, err, tt.scheme)
				}
			}
		})
	}
}
