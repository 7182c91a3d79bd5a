package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asBallast makes the test's binary the program itself.
const asBallast = "TEST_AS_BALLAST"

func TestMain(m *testing.M) {
	if os.Getenv(asBallast) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// ballast is the program in a process of its own; it ends with the test.
func ballast(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asBallast+"=1", "BALLAST_ADMIN_LISTEN=127.0.0.1:0", "BALLAST_TRAFFIC_LISTEN=127.0.0.1:0", "BALLAST_ENGINE=docker", "BALLAST_LOG_FORMAT=json")
	return cmd
}

func TestMain_exit_codes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yml")
	if err := os.WriteFile(bad, []byte("engine: docker\nengine: docker\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	tests := []struct {
		name  string
		args  []string
		code  int
		holds string
	}{
		{"help", []string{"help"}, 0, "healthcheck"},
		{"help_as_a_flag", []string{"--help"}, 0, "healthcheck"},
		{"help_of_a_command", []string{"serve", "-h"}, 0, "-admin.listen"},
		{"version", []string{"version"}, 0, "ballast "},
		{"version_as_a_flag", []string{"--version"}, 0, "ballast "},
		{"check", []string{"check"}, 0, "the configuration is valid"},
		{"check_finds", []string{"check", "--engine=podman"}, 1, `engine: "podman" (--engine) must be docker or embedded`},
		{"check_of_a_bad_file", []string{"check", "--config", bad}, 1, "can't be read"},
		{"unknown_command", []string{"sevre"}, 2, "see ballast help"},
		{"unknown_flag", []string{"serve", "--nope"}, 2, "see ballast serve --help"},
		{"serve_with_what_is_no_engine", []string{"serve", "--docker.host=tcp://" + other.Listener.Addr().String()}, 1, "or try ballast demo"},
		{"demo_with_another_engine", []string{"demo", "--engine=docker"}, 1, "leave the flag out"},
		{"status_of_nothing", []string{"status", "--admin.listen=127.0.0.1:1"}, 1, "no answer from Ballast at http://127.0.0.1:1"},
		{"help_of_status", []string{"status", "--help"}, 0, "ballast status --watch"},
		{"why_of_nothing", []string{"why", "web-1", "--admin.listen=127.0.0.1:1"}, 1, "no answer from Ballast at http://127.0.0.1:1"},
		{"help_of_why", []string{"why", "--help"}, 0, "ballast why web-1"},
		{"healthcheck_of_nothing", []string{"healthcheck", "--admin.listen=127.0.0.1:1"}, 1, "refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := ballast(t, tt.args...)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.holds) {
				t.Errorf("ballast %s ended with %d (%v), want %d and %q in:\n%s", strings.Join(tt.args, " "), code, err, tt.code, tt.holds, out)
			}
			if lines := bytes.Count(out, []byte("\n")); tt.code != 0 && lines != 1 {
				t.Errorf("ballast %s printed %d lines, want one:\n%s", strings.Join(tt.args, " "), lines, out)
			}
		})
	}
}

// demoProcess is a running demo.
type demoProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *bufio.Scanner
	base string
}

func startDemo(t *testing.T) *demoProcess {
	t.Helper()
	d := &demoProcess{t: t, cmd: ballast(t, "demo")}
	log, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.log = bufio.NewScanner(log)
	d.base = "http://" + d.until("serving").Admin
	return d
}

type logLine struct {
	Message string `json:"message"`
	Admin   string `json:"admin"`
}

// until reads the log up to a message.
func (d *demoProcess) until(message string) logLine {
	d.t.Helper()
	for d.log.Scan() {
		var l logLine
		if json.Unmarshal(d.log.Bytes(), &l) == nil && l.Message == message {
			return l
		}
	}
	d.t.Fatalf("the log ended without %q", message)
	return logLine{}
}

// end reads the rest of the log and waits for the process.
func (d *demoProcess) end() (took time.Duration, state *os.ProcessState) {
	d.t.Helper()
	began := time.Now()
	for d.log.Scan() { // Wait must come after the last line.
	}
	_ = d.cmd.Wait() // The state says it.
	return time.Since(began), d.cmd.ProcessState
}

// stream opens one as soon as a backend is ready.
func (d *demoProcess) stream() *http.Response {
	d.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		resp, err := http.Get(d.base + "/lb/sse?n=1000&ms=100")
		if err != nil {
			d.t.Fatal(err)
		}
		if resp.StatusCode == http.StatusOK {
			return resp
		}
		resp.Body.Close()
		if time.Now().After(deadline) {
			d.t.Fatalf("GET /lb/sse = %s for 20 s, want 200", resp.Status)
		}
	}
}

func (d *demoProcess) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

func TestMain_ends_with_0_on_a_signal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			d := startDemo(t)
			d.signal(s)
			if _, state := d.end(); state.ExitCode() != 0 {
				t.Errorf("the demo ended with %s, want exit status 0", state)
			}
		})
	}
}

func TestMain_second_interrupt_does_not_wait(t *testing.T) {
	d := startDemo(t)
	stream := d.stream()
	defer stream.Body.Close()
	d.signal(syscall.SIGINT)
	d.until("shutting down")
	d.signal(syscall.SIGINT)
	took, state := d.end()
	if took > 10*time.Second || state.ExitCode() != 1 {
		t.Errorf("the demo ended %s after the second interrupt with %s, want at once with exit status 1", took, state)
	}
	http.DefaultClient.CloseIdleConnections()
}
