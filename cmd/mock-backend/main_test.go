package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func env(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func hostname() (string, error) { return "4f2a9c", nil }

// start runs the command and returns the address it says it listens on, and where its error will
// arrive. It is asked to stop, and awaited, when the test ends.
func start(t *testing.T, ctx context.Context, p program) (address string, ended <-chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	reader, writer := io.Pipe()
	p.out = writer
	errs, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		errs <- p.run(ctx, nil)
		writer.Close()
	}()
	lines := bufio.NewReader(reader)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("read the command's output: %v; it ended with %v", err, <-errs)
	}
	_, address, ok := strings.Cut(strings.TrimSpace(line), " listens on ")
	if !ok {
		t.Fatalf("output = %q, want the address", line)
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		<-rest
		http.DefaultClient.CloseIdleConnections()
	})
	return address, errs
}

func TestRun_serves_under_its_host_name(t *testing.T) {
	address, _ := start(t, t.Context(), program{env: env("MOCK_LISTEN", "127.0.0.1:0"), hostname: hostname})
	response, err := http.Get("http://" + address + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("X-Mock-Backend"); response.StatusCode != http.StatusOK || got != "4f2a9c" {
		t.Errorf("GET /health = %s from %q, want 200 from 4f2a9c", response.Status, got)
	}
	if err := (program{env: env("MOCK_LISTEN", address)}).run(t.Context(), []string{"healthcheck"}); err != nil {
		t.Errorf("healthcheck = %v, want healthy", err)
	}
}

func TestRun_finishes_what_is_in_flight(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	address, ended := start(t, ctx, program{env: env("MOCK_LISTEN", "127.0.0.1:0"), hostname: hostname, drain: time.Minute})
	response, err := http.Get("http://" + address + "/sse?n=3&ms=50")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stop()
	body, err := io.ReadAll(response.Body)
	if err != nil || strings.Count(string(body), "data:") != 3 {
		t.Errorf("stream = %q, %v, want all 3 events", body, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("run() = %v, want nil", err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("still listening after it ended")
	}
}

func TestRun_cuts_what_does_not_end(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	address, ended := start(t, ctx, program{env: env("MOCK_LISTEN", "127.0.0.1:0"), hostname: hostname, drain: time.Millisecond})
	response, err := http.Get("http://" + address + "/sse?n=0&ms=10")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stop()
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("run() = %v, want that requests were cut", err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("the stream ended as if it were whole, want an error")
	}
}

func TestRun_cuts_WebSockets(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	address, ended := start(t, ctx, program{env: env("MOCK_LISTEN", "127.0.0.1:0"), hostname: hostname, drain: time.Minute})
	conn, _, err := websocket.Dial(t.Context(), "ws://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run() = %v, want nil", err)
	}
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("Read() error = nil, want the connection to have ended")
	}
}

func TestRun_waits_for_its_boot_delay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		// Not an address of this machine: run ends by itself as soon as it tries to listen.
		p := program{env: env("MOCK_LISTEN", "203.0.113.1:1", "MOCK_BOOT_DELAY", "3s"), hostname: hostname, out: io.Discard}
		if err := p.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), `MOCK_LISTEN="203.0.113.1:1"`) {
			t.Errorf("run() = %v, want that it can't listen", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("listened after %s, want 3s", took)
		}
	})
}

func TestRun_can_be_stopped_while_it_boots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		p := program{env: env("MOCK_BOOT_DELAY", "1h"), hostname: hostname, out: io.Discard}
		if err := p.run(ctx, nil); err != nil {
			t.Errorf("run() = %v, want nil", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("ended after %s, want 1s", took)
		}
	})
}

func TestRun_exits_on_demand(t *testing.T) {
	codes := make(chan int, 1)
	p := program{env: env("MOCK_LISTEN", "127.0.0.1:0"), hostname: hostname, exit: func(code int) { codes <- code }}
	address, _ := start(t, t.Context(), p)
	response, err := http.Get("http://" + address + "/exit?code=3")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := <-codes; response.StatusCode != http.StatusAccepted || got != 3 {
		t.Errorf("GET /exit?code=3 = %s, exit code %d, want 202 and 3", response.Status, got)
	}
}

func TestRun_goes_deaf_on_demand(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	address, ended := start(t, ctx, program{env: env("MOCK_LISTEN", "127.0.0.1:0"), hostname: hostname, drain: time.Minute})
	for _, path := range []string{"/", "/deaf"} {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || len(body) == 0 {
			t.Errorf("GET %s = %s, %v: %q, want an answer", path, response.Status, err, body)
		}
	}
	if response, err := http.Get("http://" + address + "/"); err == nil {
		response.Body.Close()
		t.Errorf("GET / = %s after it went deaf, want no connection", response.Status)
	}
	select {
	case err := <-ended:
		t.Errorf("run() = %v, want it to go on", err)
	default:
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run() = %v, want nil", err)
	}
}

func TestRun_speaks_HTTP2_without_TLS_on_demand(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "": false} {
		t.Run("MOCK_H2C="+value, func(t *testing.T) {
			address, _ := start(t, t.Context(), program{env: env("MOCK_LISTEN", "127.0.0.1:0", "MOCK_H2C", value), hostname: hostname})
			h2c := &http.Transport{Protocols: new(http.Protocols)}
			h2c.Protocols.SetUnencryptedHTTP2(true)
			defer h2c.CloseIdleConnections()
			response, err := (&http.Client{Transport: h2c}).Get("http://" + address + "/health")
			if err == nil {
				response.Body.Close()
			}
			if got := err == nil && response.ProtoMajor == 2; got != want {
				t.Errorf("speaks HTTP/2: %t (%v), want %t", got, err, want)
			}
			if err := (program{env: env("MOCK_LISTEN", address)}).run(t.Context(), []string{"healthcheck"}); err != nil {
				t.Errorf("healthcheck over HTTP/1.1 = %v, want healthy", err)
			}
		})
	}
}

func TestRun_says_what_is_wrong(t *testing.T) {
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := unused.Addr().String()
	unused.Close()
	tests := []struct {
		name string
		p    program
		args []string
		want string
	}{
		{"bad option", program{env: env("MOCK_SLOTS", "many")}, nil, `MOCK_SLOTS="many"`},
		{"unknown argument", program{env: env()}, []string{"--latency=1s"}, `"--latency=1s"`},
		{"no host name", program{env: env(), hostname: func() (string, error) { return "", errors.New("none") }}, nil, "MOCK_NAME"},
		{"nothing listens", program{env: env("MOCK_LISTEN", address)}, []string{"healthcheck"}, "refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.out = io.Discard
			err := tt.p.run(t.Context(), tt.args)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("run() = %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestCheck_fails_on_another_status(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		server.Close()
		<-served
	}()
	// An unspecified address is asked for over the loopback.
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := check(t.Context(), ":"+port); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("check() = %v, want that it answered 404", err)
	}
}
