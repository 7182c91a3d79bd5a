package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoad_counts_what_was_answered(t *testing.T) {
	tests := []struct {
		name   string
		closes bool
	}{{"connections stay", false}, {"connections close", true}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var served, connections atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RawQuery != "n=126" || r.Close != tt.closes {
					t.Errorf("query = %q, close = %t, want n=126, %t", r.URL.RawQuery, r.Close, tt.closes)
				}
				served.Add(1)
				_, _ = w.Write(make([]byte, 126))
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			args := []string{loadCommand, "-connections", "4", "-duration", "50ms", server.URL + "/bytes?n=126"}
			if tt.closes {
				args = append([]string{loadCommand, "-close"}, args[1:]...)
			}
			var out bytes.Buffer
			if err := run(t.Context(), args, &out); err != nil {
				t.Fatal(err)
			}
			got, err := parseReport(out.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if got.failed != 0 || got.requests != served.Load() || got.requests < 4 || got.took < 50*time.Millisecond {
				t.Errorf("load = %+v, want the %d requests that were served, in 50ms or more", got, served.Load())
			}
			if got.p50 <= 0 || got.p99 < got.p50 {
				t.Errorf("p50 = %s, p99 = %s, want some latency and as much again", got.p50, got.p99)
			}
			want := int64(4)
			if tt.closes {
				want = served.Load()
			}
			if got := connections.Load(); got != want {
				t.Errorf("connections = %d, want %d", got, want)
			}
		})
	}
}

func TestLoad_counts_failures(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := client{target: address}
	if got := c.send(t.Context(), 3, time.Second); got.failed != 3 || got.requests != 3 {
		t.Errorf("answered 404: load = %+v, want 3 requests, all failed", got)
	}
	server.Close()
	if got := c.send(t.Context(), 3, time.Second); got.failed != 3 {
		t.Errorf("nobody listens: load = %+v, want 3 failures", got)
	}
}
