package front_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/forward"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// records is an access log that keeps what tests look at.
type records struct {
	mu  sync.Mutex
	all []string // Guarded by mu.
}

func (*records) Wants(int) bool { return true }

func (l *records) Log(a *proxy.Access) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, strings.Join([]string{
		a.Client.String(), a.Method, a.Target, a.Cause.String(), a.Pool, a.Backend, a.ID,
	}, " "))
}

func (l *records) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// noted is options with a log, that trust this host.
func noted() (front.Options, *records) {
	log := &records{}
	trust := forward.NewTrust([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})
	return front.Options{Logger: zerolog.Nop(), Edge: proxy.Edge{Trust: trust, IDs: forward.NewIDs(), Log: log}}, log
}

// What is for no pool is logged as well, with nothing of the request before it.
func TestFront_logs_what_it_turns_away(t *testing.T) {
	const before = "GET /lb/first HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nX-Request-Id: one\r\n\r\n"
	tests := []struct{ name, request, want string }{
		{"no route", "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.2\r\nX-Request-Id: two\r\n\r\n", "192.0.2.2 GET /nowhere not-found   two"},
		{"a method", "TRACE /lb/x HTTP/1.1\r\nHost: x\r\nX-Request-Id: two\r\n\r\n", "127.0.0.1 TRACE /lb/x method-not-allowed   two"},
		{"a tunnel", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\nX-Request-Id: two\r\n\r\n", "127.0.0.1 CONNECT x:80 method-not-allowed   two"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := fronttest.NewBackend(t, fronttest.Replies("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
			o, log := noted()
			s := newOwn(t, fronttest.Settings(), o, backend.Address)
			if _, err := s.SayAll(before + tt.request); err != nil {
				t.Fatal(err)
			}
			fronttest.Eventually(t, "two lines", func() bool { return log.count() == 2 })
			if want := "192.0.2.1 GET /lb/first  default a one"; log.all[0] != want {
				t.Errorf("%q was logged first, want %q", log.all[0], want)
			}
			if log.all[1] != tt.want {
				t.Errorf("%q was logged, want %q", log.all[1], tt.want)
			}
		})
	}
}

// A path that a route strips more of than there is must not be taken for a request of whoever had the buffers before.
func TestFront_logs_what_it_can_not_forward(t *testing.T) {
	o, log := noted()
	var core *proxy.Core
	o.Route = func(_, path []byte, _ bool) (proxy.Target, front.Whose) {
		return proxy.Target{Pool: core.Pool("default"), Strip: len(path) + 1}, front.Pools
	}
	h := own(o, nil)
	start := h.Start
	h.Start = func(t testing.TB, c *proxy.Core, limits fronttest.Options) fronttest.Front {
		core = c
		return start(t, c, limits)
	}
	s := fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{})
	if answer, _ := s.Say("GET /x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nX-Request-Id: one\r\n\r\n"); answer.Status != 400 {
		t.Errorf("status %d, want 400", answer.Status)
	}
	fronttest.Eventually(t, "a line", func() bool { return log.count() == 1 })
	if want := "192.0.2.1 GET /x bad-request default  one"; log.all[0] != want {
		t.Errorf("%q was logged, want %q", log.all[0], want)
	}
}

// A panic is logged as what it interrupted, once, and not at all if there was no request of a pool yet.
func TestFront_logs_a_panic_once(t *testing.T) {
	o, log := noted()
	var core *proxy.Core
	o.Route = func(host, path []byte, secure bool) (proxy.Target, front.Whose) {
		if string(path) == "/panic" {
			panic("no route")
		}
		return lb(core)(host, path, secure)
	}
	o.Dial = func(context.Context, string) (net.Conn, error) { panic("no dial") }
	h := own(o, nil)
	start := h.Start
	h.Start = func(t testing.TB, c *proxy.Core, limits fronttest.Options) fronttest.Front {
		core = c
		return start(t, c, limits)
	}
	s := fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, fronttest.Refusing(t))
	for _, path := range []string{"/panic", "/lb/x"} {
		if all, _ := s.SayAll("GET " + path + " HTTP/1.1\r\nHost: x\r\nX-Request-Id: one\r\n\r\n"); all != "" {
			t.Errorf("%s was answered %q", path, all)
		}
	}
	fronttest.Eventually(t, "a line", func() bool { return log.count() > 0 })
	s.Settled()
	if want := "127.0.0.1 GET /lb/x no-answer default a one"; log.count() != 1 || log.all[0] != want {
		t.Errorf("%q was logged, want only %q", log.all, want)
	}
}
