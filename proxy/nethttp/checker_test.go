package nethttp_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/health"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

func TestChecker(t *testing.T) {
	tests := []struct {
		name     string
		status   int
		min, max int
		want     string // In the error; empty passes.
	}{
		{"ok", 200, 200, 399, ""},
		{"the end of the range", 399, 200, 399, ""},
		{"beyond it", 400, 200, 399, "status 400, want 200-399"},
		{"an error", 503, 200, 399, "status 503"},
		{"a redirect is its own answer", 302, 200, 299, "status 302"},
		{"a redirect that passes", 302, 200, 399, ""},
		{"one status only", 200, 204, 204, "status 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requests := make(chan *http.Request, 4)
			addr := fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests <- r
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
			})
			check := health.Check{Scheme: "http", Path: "/health?deep=1", StatusMin: tt.min, StatusMax: tt.max}
			err := nethttp.NewChecker().Check(t.Context(), netip.MustParseAddrPort(addr), check)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Check() = %v, want %q", err, tt.want)
			}
			r := <-requests
			if r.URL.String() != "/health?deep=1" || r.UserAgent() != "ballast-health" || r.Method != "GET" || len(requests) != 0 {
				t.Errorf("%s %s by %s and %d more, want one GET by ballast-health", r.Method, r.URL, r.UserAgent(), len(requests))
			}
		})
	}
}

func TestChecker_fails_without_an_answer(t *testing.T) {
	for name, addr := range map[string]string{
		"refused":  fronttest.Refusing(t),
		"not HTTP": fronttest.NewBackend(t, fronttest.Replies("hello\r\n\r\n")).Address,
		"short":    fronttest.NewBackend(t, fronttest.Replies("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")).Address,
	} {
		t.Run(name, func(t *testing.T) {
			check := health.Check{Path: "/", StatusMin: 200, StatusMax: 399}
			if err := nethttp.NewChecker().Check(t.Context(), netip.MustParseAddrPort(addr), check); err == nil {
				t.Error("Check() = nil, want an error")
			}
		})
	}
}
