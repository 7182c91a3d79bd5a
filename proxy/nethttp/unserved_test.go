package nethttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

// entries is an access log that keeps all.
type entries []proxy.Access

func (*entries) Wants(int) bool { return true }

func (l *entries) Log(a *proxy.Access) { *l = append(*l, *a) }

// What is answered besides, such as a CA's challenge, is logged; what was left to another is that one's.
func TestFront_Aside(t *testing.T) {
	write := func(w http.ResponseWriter) bool {
		_, _ = io.WriteString(w, "token")
		return true
	}
	tests := []struct {
		name, method string
		serve        func(http.ResponseWriter) bool
		status       int // 0 if nothing is logged.
		sent         int64
	}{
		{"written at once", http.MethodGet, write, 200, 5},
		{"HEAD", http.MethodHead, write, 200, 0},
		{"a status", http.MethodGet, func(w http.ResponseWriter) bool {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusPermanentRedirect)
			return true
		}, 308, 0},
		{"left to another", http.MethodGet, func(http.ResponseWriter) bool { return false }, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			core, log := proxy.New(proxy.Options{Logger: zerolog.Nop()}), &entries{}
			f := nethttp.New(core, nethttp.Options{Logger: zerolog.Nop(), Edge: proxy.Edge{Log: log}})
			f.Aside(httptest.NewRecorder(), httptest.NewRequest(tt.method, "http://a.example/x?y", http.NoBody), tt.serve)
			if tt.status == 0 {
				if len(*log) != 0 {
					t.Errorf("%+v was logged, want nothing", *log)
				}
				return
			}
			if len(*log) != 1 {
				t.Fatalf("%d entries, want 1", len(*log))
			}
			a := (*log)[0]
			if a.Status != tt.status || a.Sent != tt.sent || a.Method != tt.method || a.Host != "a.example" || a.Cause != proxy.CauseNone {
				t.Errorf("%+v was logged, want status %d and %d bytes", a, tt.status, tt.sent)
			}
		})
	}
}
