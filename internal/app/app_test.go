package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/config"
)

// running is an App in this test's process, on a free port.
type running struct {
	reload chan<- os.Signal
	t      *testing.T
	app    *App
	base   string
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
	log    *logged
}

// logged keeps what an App logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count is how often something was logged.
func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// start runs the demo; it is stopped when the test ends.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	return startLogged(t, zerolog.NewTestWriter(t), args...)
}

// startLogged is start with a log of the test's own.
func startLogged(t *testing.T, to io.Writer, args ...string) *running {
	t.Helper()
	r := launchLogged(t, to, config.EngineEmbedded, args...)
	r.until("three backends are ready", func() bool { return r.ready() == 3 })
	return r
}

// launch runs an App with an engine; it is stopped when the test ends.
func launch(t *testing.T, engine string, args ...string) *running {
	t.Helper()
	return launchLogged(t, zerolog.NewTestWriter(t), engine, args...)
}

func launchLogged(t *testing.T, to io.Writer, engine string, args ...string) *running {
	t.Helper()
	sources := config.Sources{
		Args:  append([]string{"--admin.listen=127.0.0.1:0", "--traffic.listen=127.0.0.1:0"}, args...),
		Fixed: map[string]string{"engine": engine},
	}
	load := func() (config.Config, error) { return config.Load(sources) }
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	reload, log := make(chan os.Signal), new(logged)
	r := run(t, Options{
		Config: c, Version: "test", Logger: zerolog.New(zerolog.MultiLevelWriter(to, log)), Load: load, Reload: reload,
	})
	r.reload, r.log = reload, log
	return r
}

// run runs an App until the test ends.
func run(t *testing.T, o Options) *running {
	t.Helper()
	a, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	transport := &http.Transport{}
	r := &running{
		t: t, app: a, base: "http://" + a.Addr().String(), stop: stop,
		client: &http.Client{Transport: transport}, ended: make(chan error, 1),
	}
	go func() { r.ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		transport.CloseIdleConnections()
		if err, ok := <-r.ended; ok && err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
	return r
}

// end waits for Run and returns its error.
func (r *running) end() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		close(r.ended)
		return err
	case <-time.After(20 * time.Second):
		r.t.Fatal("Run did not end within 20 s")
		return nil
	}
}

func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func (r *running) ready() (n int) {
	for _, p := range r.app.document().Pools {
		n += p.Replicas.Ready
	}
	return n
}

func (r *running) get(path string, header ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.base+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatalf("GET %s: %v", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("GET %s: %v", path, err)
	}
	return resp, string(body)
}

func TestApp_urls(t *testing.T) {
	r := start(t)
	r.get("/lb")
	tests := []struct {
		path, accept string
		status       int
		kind, holds  string
	}{
		{"/", "", 200, "text/html", "web-a"},
		{"/lb", "", 200, "application/json", `"container":"web-`},
		{"/lb/echo?a=1;b=%zz", "", 200, "application/json", `a=1;b=%zz`},
		{"/metrics", "", 200, "application/json", `"pools":[{"name":"default"`},
		{"/metrics", "text/plain", 200, "text/plain", "loadbalancer_requests_total{"},
		{"/prometheus", "", 200, "text/plain", "loadbalancer_backend_up{"},
		{"/prometheus", "application/openmetrics-text", 200, "application/openmetrics-text", "# EOF"},
		{"/health", "", 200, "application/json", `"status":"ok"`},
		{"/health/live", "", 200, "application/json", `"status":"ok"`},
		{"/health/ready", "", 200, "application/json", `"status":"ready"`},
		{"/api/v1/pools", "", 200, "application/json", `[{"name":"default"`},
		{"/api/v1/pools/default", "", 200, "application/json", `{"name":"default"`},
		{"/api/v1/pools/none", "", 404, "application/problem+json", "no-such-pool"},
		{"/api/v1/containers", "", 200, "application/json", `"routed":true`},
		{"/api/v1/decisions", "", 200, "application/json", "["},
		{"/nothing", "", 404, "application/problem+json", "not-found"},
	}
	for _, tt := range tests {
		t.Run(tt.path+"_"+tt.accept, func(t *testing.T) {
			resp, body := r.get(tt.path, "Accept", tt.accept)
			if resp.StatusCode != tt.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), tt.kind) || !strings.Contains(body, tt.holds) {
				t.Errorf("GET %s = %s %s, want %d %s with %q:\n%.600s", tt.path, resp.Status, resp.Header.Get("Content-Type"),
					tt.status, tt.kind, tt.holds, body)
			}
		})
	}
}

func TestApp_methods(t *testing.T) {
	r := start(t)
	tests := []struct {
		method, path string
		status       int
	}{
		{http.MethodPost, "/lb/echo", 200},
		{"PURGE", "/lb/echo", 200},
		{http.MethodOptions, "/lb/echo", 200},
		{http.MethodTrace, "/lb", 405},
		{http.MethodPost, "/metrics", 405},
		{"PURGE", "/metrics", 405},
		{http.MethodHead, "/metrics", 200},
		{http.MethodHead, "/", 200},
		{http.MethodHead, "/api/v1/pools", 200},
		{http.MethodHead, "/lb", 200},
	}
	for _, tt := range tests {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, r.base+tt.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := r.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("%s %s = %d, want %d", tt.method, tt.path, resp.StatusCode, tt.status)
			}
		})
	}
}

// A connection may be used for the pool and for pages in turn: it is handed over with the first page.
func TestApp_one_connection_for_pool_and_pages(t *testing.T) {
	r := start(t)
	conn, err := net.Dial("tcp", r.app.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, path := range []string{"/lb/echo", "/lb", "/health", "/lb/echo", "/metrics"} {
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("GET %s: %v", path, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || !json.Valid(body) {
			t.Errorf("GET %s = %s, %v: %.200s, want 200 and JSON", path, resp.Status, err, body)
		}
	}
	if in := r.app.document().Totals; in.Requests != 3 || in.InFlight != 0 {
		t.Errorf("%d requests and %d in flight, want 3 and 0", in.Requests, in.InFlight)
	}
}

func TestApp_weights(t *testing.T) {
	r := start(t)
	got := map[string]int{}
	for range 60 {
		_, body := r.get("/lb")
		var who struct{ Container string }
		if err := json.Unmarshal([]byte(body), &who); err != nil {
			t.Fatal(err)
		}
		got[who.Container]++
	}
	if got["web-a"] != 30 || got["web-b"] != 20 || got["web-c"] != 10 {
		t.Errorf("answers of 60 = %v, want 30, 20, 10", got)
	}
}

// TestApp_scales sends more than three backends serve well, and watches a clone come and serve.
func TestApp_scales(t *testing.T) {
	r := start(t)
	ctx, stop := context.WithCancel(t.Context())
	users := make(chan struct{})
	go func() {
		defer close(users)
		done := make(chan struct{})
		for range 30 {
			go func() {
				defer func() { done <- struct{}{} }()
				for ctx.Err() == nil {
					req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/lb", http.NoBody)
					resp, err := r.client.Do(req)
					if err != nil {
						if ctx.Err() == nil {
							t.Errorf("GET /lb: %v", err)
						}
						return
					}
					if resp.StatusCode != http.StatusOK {
						t.Errorf("GET /lb = %s, want 200", resp.Status)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
		}
		for range 30 {
			<-done
		}
	}()
	r.until("a clone is ready", func() bool { return r.ready() > 3 })
	stop()
	<-users
	_, body := r.get("/api/v1/decisions?pool=default")
	if !strings.Contains(body, `"action":"scale-out"`) || !strings.Contains(body, "busy slots") || !strings.Contains(body, `"service_seconds":`) {
		t.Errorf("decisions lack a scale-out with its reason and inputs:\n%s", body)
	}
	if _, body := r.get("/metrics"); !strings.Contains(body, `"last_decision":{"time":`) {
		t.Errorf("/metrics lacks the last decision:\n%s", body)
	}
}

func TestApp_finishes_requests_at_shutdown(t *testing.T) {
	r := start(t)
	type answer struct {
		status int
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := r.client.Get(r.base + "/lb/slow?ms=700")
		if err != nil {
			answered <- answer{0, err}
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		answered <- answer{resp.StatusCode, err}
	}()
	r.until("the request is in flight", func() bool { return r.app.document().Totals.InFlight == 1 })
	r.stop()
	if got := <-answered; got.err != nil || got.status != http.StatusOK {
		t.Errorf("request in flight at shutdown = %d, %v, want 200", got.status, got.err)
	}
	if err := r.end(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if conn, err := net.Dial("tcp", r.app.Addr().String()); err == nil {
		conn.Close()
		t.Error("the listener is open after Run ended")
	}
}

func TestApp_cuts_streams_at_the_limit(t *testing.T) {
	r := start(t, "--shutdown.timeout=300ms")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+"/lb/sse?n=1000000&ms=20", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() {
		t.Fatalf("no first line of the stream: %v", lines.Err())
	}
	began := time.Now()
	r.stop()
	for lines.Scan() {
	}
	if lines.Err() == nil {
		t.Error("the stream ended as if it were whole, want it broken off")
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("the stream was cut after %s, want at the limit of 300ms", took)
	}
	if err := r.end(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

func TestNew_says_what_stands_in_the_way(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"message":"client version 1.51 is too new"}`, http.StatusBadRequest)
	}))
	defer old.Close()
	tests := []struct {
		name  string
		args  []string
		holds []string
	}{
		{"port_taken", []string{"--engine=embedded", "--traffic.listen=off", "--admin.listen", taken.Addr().String()}, []string{"admin.listen", "address already in use", "--admin.listen"}},
		{"address_of_another_machine", []string{"--engine=embedded", "--admin.listen=192.0.2.77:0"}, []string{"admin.listen", "an address that this machine has", "--admin.listen"}},
		{"no_certificates", []string{"--admin.listen=127.0.0.1:0", "--traffic.listen=127.0.0.1:0", "--docker.host=tcp://127.0.0.1:1"}, []string{"docker.host", "DOCKER_CERT_PATH"}},
		{"engine_too_old", []string{"--admin.listen=127.0.0.1:0", "--traffic.listen=127.0.0.1:0", "--docker.host=tcp://" + old.Listener.Addr().String()}, []string{"no Docker Engine", "DOCKER_HOST", "ballast demo", "too new"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "no_certificates" {
				t.Setenv("DOCKER_TLS_VERIFY", "1")
				t.Setenv("DOCKER_CERT_PATH", t.TempDir())
			}
			c, err := config.Load(config.Sources{Args: tt.args})
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(t.Context(), Options{Config: c, Logger: zerolog.Nop()})
			if err == nil {
				t.Fatal("New() succeeded, want an error")
			}
			for _, want := range tt.holds {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("New() = %q, want it to name %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("New() = %q, want one line", err)
			}
		})
	}
}

func TestForgetful(t *testing.T) {
	const self = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for instance, warns := range map[string]bool{"0123456789ab": true, "compose": false, "0": false} {
		if got := forgetful(instance, self) != ""; got != warns {
			t.Errorf("forgetful(%q) warns: %t, want %t", instance, got, warns)
		}
		if got := forgetful(instance, ""); got != "" {
			t.Errorf("forgetful(%q) on the host = %q, want nothing", instance, got)
		}
	}
}
