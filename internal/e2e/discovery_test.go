//go:build docker

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// logLine is what the tests look at in Ballast's log.
type logLine struct {
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
	Backend string    `json:"backend"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Pool    string    `json:"pool"`
	// FrozenFor is in milliseconds.
	FrozenFor int64  `json:"frozen_for"`
	Admin     string `json:"admin"`
	Traffic   string `json:"traffic"`
}

// journal collects the log of a Ballast on the host.
type journal struct {
	mu    sync.Mutex
	lines []logLine
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for text := range bytes.Lines(p) { // zerolog writes whole lines
		var l logLine
		if json.Unmarshal(text, &l) == nil {
			j.lines = append(j.lines, l)
		}
	}
	return len(p), nil
}

// find waits for a line that fits and returns it.
func (j *journal) find(t *testing.T, what string, fits func(logLine) bool) logLine {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		j.mu.Lock()
		i := slices.IndexFunc(j.lines, fits)
		var l logLine
		if i >= 0 {
			l = j.lines[i]
		}
		j.mu.Unlock()
		if i >= 0 {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in the log within 20 s: %s", what)
		}
	}
}

// has says whether there is a line that fits.
func (j *journal) has(fits func(logLine) bool) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.lines, fits)
}

// TestDiscovery measures, with ten containers one after the other, how long they take from their start
// to ready, and from Docker's kill event until they are out of rotation.
func TestDiscovery(t *testing.T) {
	s := onBridge(t)
	events := watchKills(t, s.prefix)
	j := s.onHost()

	var joined, left []time.Duration
	for i := range 10 {
		name := s.join(strconv.Itoa(i), nil)
		ready := j.find(t, name+" ready", func(l logLine) bool { return l.Backend == name && l.To == "ready" })
		started, err := time.Parse(time.RFC3339Nano, s.docker("inspect", "--format", "{{.State.StartedAt}}", name))
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, ready.Time.Sub(started))

		s.docker("stop", name)
		out := j.find(t, name+" out", func(l logLine) bool { return l.Backend == name && l.From == "ready" })
		if out.To != "draining" {
			t.Errorf("%s went from ready to %q, want draining: the kill event comes before the end", name, out.To)
		}
		left = append(left, out.Time.Sub(events(name)))
	}
	t.Logf("container started -> ready: %s", spread(joined))
	t.Logf("kill event -> out of rotation: %s", spread(left))
	// spread has sorted them. The medians: a shared machine may be slow once.
	if m := joined[len(joined)/2]; m >= time.Second {
		t.Errorf("a started container was ready after %s in the median, want under 1s", m)
	}
	if m := left[len(left)/2]; m > 100*time.Millisecond {
		t.Errorf("a stopped container was out %s after its kill event in the median, want within 100ms", m)
	}
}

// watchKills follows Docker's own event stream and returns when a container's kill event was made.
func watchKills(t *testing.T, prefix string) func(name string) time.Time {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "docker", "events", "--filter", "event=kill", "--filter", "label="+prefix+".enable=true",
		"--since", strconv.FormatInt(time.Now().Unix(), 10), "--format", `{{.Actor.Attributes.name}} {{.TimeNano}}`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kills := make(chan string, 64)
	go func() {
		defer close(kills)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			kills <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range kills {
		}
		_ = cmd.Wait() // It was killed.
	})
	return func(name string) time.Time {
		t.Helper()
		for {
			select {
			case line := <-kills:
				who, at, _ := strings.Cut(line, " ")
				nano, err := strconv.ParseInt(at, 10, 64)
				if err != nil {
					t.Fatalf("docker events said %q: %v", line, err)
				}
				if who == name {
					return time.Unix(0, nano)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no kill event of %s within 10 s", name)
			}
		}
	}
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return "median " + d[len(d)/2].Round(10*time.Microsecond).String() + ", max " + d[len(d)-1].Round(10*time.Microsecond).String()
}
