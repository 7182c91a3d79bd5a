//go:build docker

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stack is one run of the compose file with names and a port of its own, so that it runs beside
// whatever else is on the machine.
type stack struct {
	t *testing.T
	// name is part of every name; prefix stands before every label.
	name, prefix, network string
	// mock is the image of the mock backend, built for this stack.
	mock string
	// bin is the binary for the host, empty until it is built.
	bin string
	// port is that of the admin listener, traffic of the other one.
	port, traffic int
	env           []string
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// needEngine skips loudly where there is no engine, and fails in CI, where there must be one.
func needEngine(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", "version", "--format", "{{.Server.Version}}").CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("no Docker Engine answers, and CI must have one: %v\n%s", err, out)
	}
	t.Skipf("LEFT OUT: no Docker Engine answers: %v", err)
}

func randomName(t *testing.T) string {
	t.Helper()
	b := make([]byte, 4)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newStack names everything that a stack has, and removes its images when the test ends.
func newStack(t *testing.T) *stack {
	t.Helper()
	needEngine(t)
	name := "e2e-" + randomName(t)
	s := &stack{t: t, name: name, prefix: name, network: "net-" + name, mock: name + "-mock", port: freePort(t), traffic: freePort(t)}
	s.env = append(os.Environ(),
		"COMPOSE_PROJECT_NAME="+name, "BALLAST_PREFIX="+name+"-", "BALLAST_LABELS_PREFIX="+s.prefix,
		"BALLAST_NETWORK="+s.network, "BALLAST_PORT="+strconv.Itoa(s.port), "BALLAST_TRAFFIC_PORT="+strconv.Itoa(s.traffic),
		"BALLAST_INSTANCE="+name,
		"BALLAST_IMAGE="+name+"-image", "MOCK_IMAGE="+s.mock)
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "rmi", name+"-image", s.mock).CombinedOutput(); err != nil {
			t.Errorf("docker rmi: %v\n%s", err, out)
		}
	})
	return s
}

// up starts a stack with make up, and takes it down with make down when the test ends.
func up(t *testing.T) *stack {
	t.Helper()
	s := newStack(t)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := exec.Command("docker", "logs", "--tail", "100", s.name+"-ballast").CombinedOutput()
			t.Logf("log of Ballast:\n%s", out)
		}
		s.make(context.Background(), "down")
	})
	t.Log(s.make(t.Context(), "up"))
	return s
}

// onBridge is a stack without a compose file: its images, and Docker's default network.
func onBridge(t *testing.T) *stack {
	t.Helper()
	s := newStack(t)
	s.network = "bridge"
	s.make(t.Context(), "images")
	return s
}

// make runs a target of the Makefile in the project's root and returns what it printed.
func (s *stack) make(ctx context.Context, target string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", target)
	cmd.Dir, cmd.Env = root(s.t), s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("make %s: %v\n%s", target, err, out)
	}
	return string(out)
}

// docker runs the docker command line and returns what it printed, without the last newline.
func (s *stack) docker(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), "docker", args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// join runs a labelled mock backend on the stack's network, as a user would by hand, and removes it
// when the test ends. more are arguments of docker run; the image can be among them.
func (s *stack) join(suffix string, labels map[string]string, more ...string) (name string) {
	s.t.Helper()
	name = s.name + "-" + suffix
	args := []string{"run", "-d", "--name", name, "--network", s.network, "-e", "MOCK_NAME=" + name, "--label", s.prefix + ".enable=true"}
	for k, v := range labels {
		args = append(args, "--label", s.prefix+"."+k+"="+v)
	}
	s.t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
	if len(more) == 0 {
		more = []string{s.mock}
	}
	s.docker(append(args, more...)...)
	return name
}

func (s *stack) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path)
}

// answer is what a mock backend says of itself.
type answer struct {
	Container string `json:"container"`
}

// ask sends a request to /lb and returns who answered.
func (s *stack) ask(client *http.Client) (string, *http.Response) {
	s.t.Helper()
	who, resp, err := s.tryAsk(client)
	if err != nil {
		s.t.Fatal(err)
	}
	return who, resp
}

// tryAsk is ask for goroutines, which must not end the test.
func (s *stack) tryAsk(client *http.Client) (string, *http.Response, error) {
	resp, body, err := s.tryFetch(client, "/lb")
	if err != nil {
		return "", nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("GET /lb = %s: %s", resp.Status, body)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return "", nil, fmt.Errorf("GET /lb answered %q: %w", body, err)
	}
	if a.Container == "" {
		return "", nil, fmt.Errorf("GET /lb answered %q, want it to name a container", body)
	}
	return a.Container, resp, nil
}

func (s *stack) fetch(client *http.Client, path string) (*http.Response, []byte) {
	s.t.Helper()
	resp, body, err := s.tryFetch(client, path)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, body
}

func (s *stack) tryFetch(client *http.Client, path string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url(path), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return resp, bytes.TrimSpace(body), nil
}

func (s *stack) pool() pool {
	s.t.Helper()
	_, body := s.fetch(http.DefaultClient, "/metrics")
	var m metrics
	if err := json.Unmarshal(body, &m); err != nil {
		s.t.Fatalf("GET /metrics: %v\n%s", err, body)
	}
	for _, p := range m.Pools {
		if p.Name == "default" {
			return p
		}
	}
	return pool{}
}

// waitFor polls until the pool is as wanted, and returns how long that took.
func (s *stack) waitFor(what string, limit time.Duration, want func(pool) bool) time.Duration {
	s.t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		p := s.pool()
		if want(p) {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			s.t.Fatalf("not within %s: %s; the pool is %+v", limit, what, p)
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatal(s.t.Context().Err())
		case <-tick.C:
		}
	}
}
