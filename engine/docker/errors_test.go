package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/engine"
)

var sentinels = []error{engine.ErrNotFound, engine.ErrConflict, engine.ErrUnavailable, engine.ErrNoSpace}

// checkSentinel wants one of the sentinels, or none.
func checkSentinel(t *testing.T, err, want error) {
	t.Helper()
	if err == nil {
		t.Fatalf("error = nil, want %v", want)
	}
	for _, s := range sentinels {
		if errors.Is(err, s) != (s == want) {
			t.Errorf("error %q: Is(%v) = %v, want %v", err, s, errors.Is(err, s), s == want)
		}
	}
}

func TestErrors_by_status(t *testing.T) {
	tests := []struct {
		status int
		want   error
	}{
		{http.StatusBadRequest, nil},
		{http.StatusForbidden, nil},
		{http.StatusNotFound, engine.ErrNotFound},
		{http.StatusConflict, engine.ErrConflict},
		{http.StatusInternalServerError, nil},
		{http.StatusServiceUnavailable, engine.ErrUnavailable},
	}
	for _, test := range tests {
		t.Run(http.StatusText(test.status), func(t *testing.T) {
			e := newFake(t, map[string]http.HandlerFunc{"/": status(test.status)})
			_, err := e.Inspect(t.Context(), "web-a")
			checkSentinel(t, err, test.want)
			reason := strings.ToLower(http.StatusText(test.status))
			if !strings.Contains(err.Error(), reason) || !strings.HasPrefix(err.Error(), "inspect container web-a: ") {
				t.Errorf("error = %q, want the act and the daemon's own reason %q", err, reason)
			}
			checkSentinel(t, e.Start(t.Context(), "web-a"), test.want)
			_, err = e.List(t.Context())
			checkSentinel(t, err, test.want)
		})
	}
}

// Docker has no status for a full disk, and says so in words that are the kernel's.
func TestErrors_of_a_full_disk(t *testing.T) {
	const full = "failed to create shim task: mkdir /run/containerd/io: no space left on device: unknown"
	tests := []struct {
		name, message string
		status        int
		want          error
	}{
		{"full", full, http.StatusInternalServerError, engine.ErrNoSpace},
		{"something else", "mkdir /run/containerd/io: read-only file system", http.StatusInternalServerError, nil},
		{"a name with these words", "no such image: no space left on device", http.StatusNotFound, engine.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newFake(t, map[string]http.HandlerFunc{
				"/":                        func(w http.ResponseWriter, _ *http.Request) { refuse(w, tt.status, tt.message) },
				"GET /containers/web/json": answer(`{"Id":"1","Config":{},"HostConfig":{},"NetworkSettings":{}}`),
			})
			err := e.Start(t.Context(), "web-a")
			checkSentinel(t, err, tt.want)
			if !strings.Contains(err.Error(), tt.message) {
				t.Errorf("error = %q, want the daemon's own words in it", err)
			}
			_, err = e.Create(t.Context(), engine.Spec{Name: "web-b", Template: "web"})
			checkSentinel(t, err, tt.want)
		})
	}
}

func TestErrors_without_a_daemon(t *testing.T) {
	t.Run("no socket", func(t *testing.T) {
		checkUnreachable(t, "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	})
	t.Run("refused", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		checkUnreachable(t, "tcp://"+address)
	})
}

func TestMends(t *testing.T) {
	dial := func(err error) Options {
		return Options{Host: "unix:///fake", Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "unix", Err: err}
		}}
	}
	answers := func(code int) Options { return Options{Host: "unix://" + serve(t, status(code))} }
	secure := httptest.NewUnstartedServer(status(http.StatusOK))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, tt := range []struct {
		name    string
		options Options
		tls     bool
		want    bool
	}{
		{"no such socket", Options{Host: "unix://" + filepath.Join(t.TempDir(), "none.sock")}, false, true},
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), false, true},
		{"timeout", dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), false, true},
		{"unknown host", dial(&net.DNSError{Err: "no such host", Name: "docker", IsNotFound: true}), false, true},
		{"permission denied", dial(os.NewSyscallError("connect", syscall.EACCES)), false, false},
		{"certificate of another host", Options{Host: fmt.Sprintf("tcp://localhost:%d", secure.Listener.Addr().(*net.TCPAddr).Port)}, true, false},
		{"version that is not supported", answers(http.StatusBadRequest), false, false},
		{"forbidden", answers(http.StatusForbidden), false, false},
		{"fails", answers(http.StatusInternalServerError), false, true},
		{"fails behind a proxy", answers(http.StatusBadGateway), false, true},
		{"not available", answers(http.StatusServiceUnavailable), false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.tls {
				t.Setenv("DOCKER_TLS_VERIFY", "1")
				t.Setenv("DOCKER_CERT_PATH", clientCertificate(t, secure))
			}
			e, err := New(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.Close() })
			if _, err = e.Info(t.Context()); err == nil || Mends(err) != tt.want {
				t.Errorf("Mends(%v) = %t, want %t", err, !tt.want, tt.want)
			}
		})
	}
}

func checkUnreachable(t *testing.T, host string) {
	t.Helper()
	e, err := New(Options{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	_, err = e.Info(t.Context())
	checkSentinel(t, err, engine.ErrUnavailable)
	for event, err := range e.Watch(t.Context(), time.Time{}) {
		if event.Action == engine.ActionSubscribed {
			t.Error("subscribed to nobody")
		}
		checkSentinel(t, err, engine.ErrUnavailable)
	}
}

func TestErrors_of_a_daemon_that_stalls(t *testing.T) {
	handler, gone := hang()
	e := newFake(t, map[string]http.HandlerFunc{"/": handler})
	e.limits = limits{call: soon, list: soon, stop: soon}
	for name, call := range map[string]func(ctx context.Context) error{
		"List":   func(ctx context.Context) error { _, err := e.List(ctx); return err },
		"Start":  func(ctx context.Context) error { return e.Start(ctx, "web-a") },
		"Stop":   func(ctx context.Context) error { return e.Stop(ctx, "web-a", 0) },
		"Remove": func(ctx context.Context) error { return e.Remove(ctx, "web-a", true) },
		"Watch": func(ctx context.Context) error {
			for event, err := range e.Watch(ctx, time.Time{}) {
				if event.Action == engine.ActionSubscribed {
					t.Error("subscribed without an answer")
				}
				return err
			}
			return nil
		},
		"Stats": func(ctx context.Context) error {
			for _, err := range e.Stats(ctx, "web-a") {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			checkSentinel(t, call(t.Context()), engine.ErrUnavailable)
			patient(t, "the daemon notices", gone)
		})
		t.Run(name+" cancelled", func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), soon/5)
			defer cancel()
			err := call(ctx)
			checkSentinel(t, err, nil)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v, want the caller's DeadlineExceeded", err)
			}
			patient(t, "the daemon notices", gone)
		})
	}
}

func TestErrors_of_an_answer_that_breaks_off(t *testing.T) {
	e := newFake(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`[{"Id":"4f`))
		},
	})
	_, err := e.List(t.Context())
	checkSentinel(t, err, engine.ErrUnavailable)
}

func TestUnpause_what_is_not_paused(t *testing.T) {
	tests := []struct {
		name, state string
		want        error
	}{
		{"running", "running", engine.ErrConflict},
		{"paused, so something else is wrong", "paused", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newFake(t, map[string]http.HandlerFunc{
				"POST /containers/web-a/unpause": status(http.StatusInternalServerError),
				"GET /containers/web-a/json":     answer(`{"Id":"1","State":{"Status":"` + test.state + `"}}`),
			})
			checkSentinel(t, e.Unpause(t.Context(), "web-a"), test.want)
		})
	}
}

func TestStop_rounds_its_timeout_up(t *testing.T) {
	tests := []struct {
		timeout time.Duration
		want    string
	}{
		{0, "0"}, {-time.Second, "0"}, {time.Millisecond, "1"}, {time.Second, "1"}, {30 * time.Second, "30"},
	}
	for _, test := range tests {
		asked := make(chan string, 1)
		e := newFake(t, map[string]http.HandlerFunc{
			"POST /containers/web-a/stop": func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Query().Get("t") },
		})
		if err := e.Stop(t.Context(), "web-a", test.timeout); err != nil {
			t.Fatal(err)
		}
		if got := <-asked; got != test.want {
			t.Errorf("Stop(%v) asked for t=%s, want %s", test.timeout, got, test.want)
		}
	}
}
