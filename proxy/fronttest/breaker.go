package fronttest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
)

var breakerTests = []test{
	{"ejects a backend that fails", testEjects},
	{"ejects nobody who answers", testEjectsNobody},
	{"asks sick backends if there are no others", testPanics},
}

var hashTests = []test{
	{"keeps keys at their backends", testHash},
}

const breakAfter = 5

// Case 19: who fails gets no more than so many requests, and the others serve.
func testEjects(t *testing.T, h Harness) {
	replies := func(text string) func(t *testing.T) string {
		return func(t *testing.T) string { return NewBackend(t, Replies(text)).Address }
	}
	tests := []struct {
		name   string
		sick   func(t *testing.T) string
		status int // What its requests are answered, 0 if the answer breaks off.
	}{
		{"500 at once", replies("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), 500},
		{"refused", func(t *testing.T) string { return Refusing(t) }, 200}, // Another one gets it.
		{"no answer", replies(""), 502},
		{"no HTTP", replies("hello\r\n\r\n"), 502},
		{"a body that breaks off", replies("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), 0},
		{"a long body that breaks off", func(t *testing.T) string {
			return NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
				_, _ = conn.Write(make([]byte, 300_000))
			}).Address
		}, 0},
		{"too slow", func(t *testing.T) string {
			return NewBackend(t, func(_ net.Conn, r *bufio.Reader, _ string) { _, _ = r.ReadByte() }).Address
		}, 504},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf := Settings()
			conf.Breaker = breakAfter
			if tt.status == 504 {
				conf.Timeout = 30 * time.Millisecond
			}
			s := NewSite(t, h, conf, Options{}, tt.sick(t), NewOK(t).Address, NewOK(t).Address)
			seen := 0
			for range 10 * breakAfter {
				answer, err := s.Ask("POST", "/", nil)
				switch {
				case err == nil && answer.Status == 200:
				case err == nil && answer.Status == tt.status, err != nil && tt.status == 0:
					seen++
					s.Settled() // The client is answered before the backend is blamed, and may come again by another connection.
				default:
					t.Errorf("POST = %v, %v", answer, err)
				}
			}
			if want := breakAfter; tt.status != 200 && seen != want {
				t.Errorf("%d requests failed, want %d", seen, want)
			}
			sick := s.Report().Backends[0]
			if sick.Errors != breakAfter || sick.State != containers.StateEjected || sick.Breaker.State != proxy.BreakerOpen || sick.Breaker.Ejections != 1 {
				t.Errorf("errors, state, breaker = %d, %s, %+v, want %d, ejected once", sick.Errors, sick.State, sick.Breaker, breakAfter)
			}
		})
	}
}

func testEjectsNobody(t *testing.T, h Harness) {
	n := 0
	sometimes := Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n%breakAfter != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	missing := Serve(t, http.NotFound)
	conf := Settings()
	conf.Breaker = breakAfter
	s := NewSite(t, h, conf, Options{}, sometimes, missing, NewOK(t).Address)
	for range 12 * breakAfter {
		if _, err := s.Ask("GET", "/", nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range s.Report().Backends {
		if b.Breaker.Ejections != 0 || b.State != containers.StateReady || b.Requests != 4*breakAfter {
			t.Errorf("%s: %s with %+v after %d requests, want it ready", b.Name, b.State, b.Breaker, b.Requests)
		}
	}
}

// Case 20: when all checks fail requests go to all of them, and the report says so.
func testPanics(t *testing.T, h Harness) {
	a, b := NewOK(t), NewOK(t)
	s := NewSite(t, h, Settings(), Options{}, a.Address, b.Address)
	if s.Report().Panic {
		t.Error("Panic = true with all healthy")
	}
	for _, b := range s.Backends {
		s.Core.SetHealth(b.Identity, false, "no answer")
	}
	for range 4 {
		if answer, err := s.Ask("GET", "/", nil); err != nil || answer.Status != 200 {
			t.Errorf("GET = %v, %v, want 200", answer, err)
		}
	}
	if got := [2]int{len(a.Received()), len(b.Received())}; got != [2]int{2, 2} {
		t.Errorf("the backends got %v requests, want 2 each", got)
	}
	if r := s.Report(); !r.Panic || r.Backends[0].State != containers.StateUnhealthy {
		t.Errorf("Panic = %t with a backend that is %s, want true and unhealthy", r.Panic, r.Backends[0].State)
	}
}

func testHash(t *testing.T, h Harness) {
	const keys, each = 24, 4
	tests := []struct {
		hash    containers.Hash
		request string // With the key.
	}{
		{containers.Hash{Source: containers.HashHeader, Name: "x-user"}, "GET /lb/ HTTP/1.1\r\nHost: x\r\nX-USER: %d\r\n\r\n"},
		{containers.Hash{Source: containers.HashHeader, Name: "host"}, "GET /lb/ HTTP/1.1\r\nHost: h%d\r\n\r\n"},
		{containers.Hash{Source: containers.HashCookie, Name: "User"}, "GET /lb/ HTTP/1.1\r\nHost: x\r\nCookie: user=0; a=b;User=%d\r\n\r\n"},
		{containers.Hash{Source: containers.HashPath}, "GET /lb/%d HTTP/1.1\r\nHost: x\r\n\r\n"},
		{containers.Hash{Source: containers.HashIP}, "GET /lb/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n"},
		// Who has no key goes by the address.
		{containers.Hash{Source: containers.HashHeader, Name: "x-none"}, "GET /lb/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n"},
	}
	var addresses []string
	for _, name := range []string{"a", "b", "c"} {
		addresses = append(addresses, Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	}
	for _, tt := range tests {
		t.Run(tt.hash.Source+" "+tt.hash.Name, func(t *testing.T) {
			conf := Settings()
			conf.Policy, conf.Hash = balance.PolicyMaglev, tt.hash
			s := NewSite(t, h, conf, edge("127.0.0.1/32"), addresses...)
			homes, used := make(map[int]string), make(map[string]bool)
			for range each {
				for key := range keys {
					answer, _ := s.Say(fmt.Sprintf(tt.request, key))
					if homes[key] == "" {
						homes[key] = answer.Body
					}
					if answer.Status != 200 || answer.Body != homes[key] {
						t.Errorf("key %d came to %v, and to %s before", key, answer, homes[key])
					}
					used[answer.Body] = true
				}
			}
			if len(used) != len(addresses) {
				t.Errorf("%d keys are all at %v", keys, used)
			}
		})
	}
}
