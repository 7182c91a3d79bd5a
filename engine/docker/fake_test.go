package docker

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newFake returns an engine that talks to a daemon of API 1.41 at a unix socket, which answers with
// handlers by pattern, without the version in the path.
func newFake(t *testing.T, handlers map[string]http.HandlerFunc) *Engine {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range handlers {
		mux.Handle(pattern, handler)
	}
	e, err := New(Options{Host: "unix://" + serve(t, versioned("1.41", mux))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// versioned answers _ping and strips the version that it offers there.
func versioned(version string, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", version) })
	mux.Handle("/v"+version+"/", http.StripPrefix("/v"+version, api))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusBadRequest, "client version is not supported: "+r.URL.Path)
	})
	return mux
}

// serve listens at a unix socket and returns its path.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener = listener
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return path
}

// refuse answers with an error as the daemon writes it.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// answer returns a handler that answers with JSON.
func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// status returns a handler that refuses.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, strings.ToLower(http.StatusText(code))) }
}

// hang returns a handler that never answers, and tells when its client has gone.
func hang() (http.HandlerFunc, <-chan struct{}) {
	gone := make(chan struct{}, 16)
	return func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		gone <- struct{}{}
	}, gone
}

// soon is a limit for calls that are to run into it.
const soon = 50 * time.Millisecond

// patient waits for what should happen at once.
func patient[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("waited in vain until %s", what)
		panic("unreachable")
	}
}
