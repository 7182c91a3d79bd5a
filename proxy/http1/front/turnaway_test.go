package front_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// What nobody serves ends a connection only if it is not known where the next request begins.
func TestFront_goes_on_after_what_it_turns_away(t *testing.T) {
	const served = "GET /lb/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	tests := []struct {
		name, request string
		goesOn        bool
	}{
		{"no body", "GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", true},
		{"a body that has come", "POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", true},
		{"chunks", "POST /elsewhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		{"a body that has not come", "POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nhello", false},
		{"the last request", "GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
		{"HTTP/1.0", "GET /elsewhere HTTP/1.0\r\n\r\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newOwn(t, fronttest.Settings(), front.Options{}, fronttest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "served")
			}))
			answer, r := s.Say(tt.request + served)
			if answer.Status != http.StatusNotFound || answer.Header.Get("X-Ballast-Error") != "not-found" {
				t.Errorf("answer is %d %v, want 404, not-found", answer.Status, answer.Header)
			}
			next, err := fronttest.ReadAnswer(r)
			if got := err == nil && next.Status == http.StatusOK; got != tt.goesOn {
				t.Errorf("the next request is answered: %t (%v), want %t", got, err, tt.goesOn)
			}
		})
	}
}
