package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/child"
)

func TestReverseProxy_takes_turns(t *testing.T) {
	var backends []string
	for _, name := range []string{"a", "b", "c"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RequestURI() != "/bytes?n=1" {
				t.Errorf("a backend was asked for %s", r.URL.RequestURI())
			}
			_, _ = w.Write([]byte(name))
		}))
		defer server.Close()
		backends = append(backends, strings.TrimPrefix(server.URL, "http://"))
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	handler := newRoundRobin(transport, backends)
	got := map[string]int{}
	for range 12 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://proxy/bytes?n=1", nil))
		got[w.Body.String()]++
	}
	if want := map[string]int{"a": 4, "b": 4, "c": 4}; !maps.Equal(got, want) {
		t.Errorf("answers = %v, want %v", got, want)
	}
}

func TestReverseProxy_serves_until_the_end(t *testing.T) {
	listen, err := child.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- run(ctx, []string{reverseProxyCommand, "-listen", listen, startResponder(t)}, new(bytes.Buffer))
	}()
	if err := child.WaitFor(t.Context(), "http://"+listen+"/bytes?n=1"); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run() = %v, want nil", err)
	}
}
