package accesslog_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/accesslog"
	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// access is one request with all there is to it.
func access() proxy.Access {
	return proxy.Access{
		At: time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("", 3600)), Took: 12345 * time.Microsecond,
		Client: netip.MustParseAddr("2001:db8::1"), Peer: netip.MustParseAddr("127.0.0.1"),
		Method: "GET", Host: "example.com:81", Target: "/a?b=\"c\"\x01\xff", Protocol: "HTTP/1.1",
		Status: 502, Cause: proxy.CauseNoAnswer, Pool: "default", Backend: "web-a", Sent: 5_000_000_000,
		ID: "id-1", UserAgent: "agent\\1", Referrer: "http://r/",
	}
}

// lines reads what was written.
func lines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		line := make(map[string]any)
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("line %q: %v", scanner.Text(), err)
		}
		out = append(out, line)
	}
	return out
}

// heard is a disk that tells what is written to it.
type heard chan string

func (h heard) Write(p []byte) (int, error) {
	h <- string(p)
	return len(p), nil
}

// written is what a log makes of a request.
func written(t *testing.T, a *proxy.Access) string {
	t.Helper()
	disk := make(heard, 1)
	l := accesslog.New(disk, 1, nil)
	l.Log(a)
	select {
	case line := <-disk:
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		return line
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was written")
		return ""
	}
}

func TestLog_writes_a_line_of_JSON(t *testing.T) {
	whole := map[string]any{
		"time": "2026-01-02T03:04:05Z", "client": "2001:db8::1", "peer": "127.0.0.1",
		"method": "GET", "host": "example.com:81", "target": "/a?b=\"c\"\x01\ufffd", "protocol": "HTTP/1.1",
		"status": 502.0, "bytes": 5e9, "duration_ms": 12.345, "pool": "default", "backend": "web-a",
		"error": "no-answer", "request_id": "id-1", "user_agent": "agent\\1", "referrer": "http://r/",
	}
	without := func(names ...string) map[string]any {
		out := maps.Clone(whole)
		for _, name := range names {
			delete(out, name)
		}
		return out
	}
	with := func(name, value string) map[string]any {
		out := maps.Clone(whole)
		out[name] = value
		return out
	}
	tests := []struct {
		name   string
		change func(*proxy.Access)
		want   map[string]any
	}{
		{"all there is", func(*proxy.Access) {}, whole},
		{"told more exactly", func(a *proxy.Access) { a.Cause, a.Slug = proxy.CauseBadHead, "bare-lf" }, with("error", "bare-lf")},
		{"no proxy between", func(a *proxy.Access) { a.Peer = a.Client }, without("peer")},
		{
			"nothing known", func(a *proxy.Access) {
				a.Cause, a.Pool, a.Backend, a.ID, a.UserAgent, a.Referrer = proxy.CauseNone, "", "", "", "", ""
			},
			without("pool", "backend", "error", "request_id", "user_agent", "referrer"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := access()
			tt.change(&a)
			if diff := cmp.Diff([]map[string]any{tt.want}, lines(t, written(t, &a))); diff != "" {
				t.Errorf("line differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLog_keeps_no_client_that_is_none(t *testing.T) {
	if got := lines(t, written(t, &proxy.Access{Status: 200})); len(got) != 1 || got[0]["client"] != "" {
		t.Errorf("%v, want an empty client", got)
	}
}

// 20,000 draws: the standard deviation of the share is at most 0.0035, and five of them are allowed.
func TestLog_Wants_a_share(t *testing.T) {
	const draws, tolerance = 20_000, 0.018
	for _, sample := range []float64{0, 0.1, 0.5, 0.99, 1} {
		l := accesslog.New(&bytes.Buffer{}, sample, nil)
		wanted := 0
		for range draws {
			if l.Wants(200) {
				wanted++
			}
			if !l.Wants(500) || !l.Wants(599) {
				t.Fatalf("sample %g: an error is not wanted", sample)
			}
		}
		share := float64(wanted) / draws
		if share < sample-tolerance || share > sample+tolerance || (sample == 0 || sample == 1) && share != sample {
			t.Errorf("sample %g: a share of %g is wanted", sample, share)
		}
		_ = l.Close()
	}
}

// stuck is a disk that takes nothing until it is let go. It tells when it was reached.
type stuck struct {
	open, reached chan struct{}
	once          sync.Once
	written       atomic.Int64
}

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.reached) })
	<-s.open
	s.written.Add(int64(bytes.Count(p, []byte{'\n'})))
	return len(p), nil
}

// What waits for a slow disk when the log is closed is written.
func TestLog_Close_writes_what_waits(t *testing.T) {
	const writers, each = 8, 1000 // Fewer than may wait.
	var dropped atomic.Int64
	disk := &stuck{open: make(chan struct{}), reached: make(chan struct{})}
	l := accesslog.New(disk, 1, func(n int, _ error) { dropped.Add(int64(n)) })
	a := access()
	l.Log(&a)
	<-disk.reached
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				l.Log(&a)
			}
		})
	}
	wg.Wait()
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	close(disk.open)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if got := disk.written.Load(); got != writers*each+1 || dropped.Load() != 0 {
		t.Errorf("%d lines and %d dropped, want %d and 0", got, dropped.Load(), writers*each+1)
	}
}

// Nobody waits for a disk; what it is too slow for is counted.
func TestLog_drops_and_counts_what_is_too_much(t *testing.T) {
	const entries = 50_000 // Several times what may wait.
	var dropped atomic.Int64
	disk := &stuck{open: make(chan struct{}), reached: make(chan struct{})}
	l := accesslog.New(disk, 1, func(n int, _ error) { dropped.Add(int64(n)) })
	a := access()
	l.Log(&a)
	<-disk.reached
	for range entries - 1 {
		l.Log(&a)
	}
	close(disk.open)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if written, lost := disk.written.Load(), dropped.Load(); written+lost != entries || written == 0 || lost == 0 {
		t.Errorf("%d written and %d dropped of %d", written, lost, entries)
	}
}

func TestOpen(t *testing.T) {
	t.Run("off", func(t *testing.T) {
		if l, err := accesslog.Open(config.AccessLog{}, nil); l != nil || err != nil {
			t.Errorf("Open() = %v, %v, want nothing", l, err)
		}
	})
	t.Run("a file goes on", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "access.log")
		for n := range 2 {
			l, err := accesslog.Open(config.AccessLog{To: path, Sample: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			a := access()
			l.Log(&a)
			wantLines(t, path, n+1)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%v, %v, want a file that others can't read", info, err)
		}
	})
	t.Run("a file that can't be", func(t *testing.T) {
		_, err := accesslog.Open(config.AccessLog{To: filepath.Join(t.TempDir(), "no", "log")}, nil)
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "access-log") {
			t.Errorf("Open() = %v, want one that names the key", err)
		}
	})
	for _, to := range []string{config.AccessLogStdout, config.AccessLogStderr} {
		t.Run(to+" stays open", func(t *testing.T) {
			l, err := accesslog.Open(config.AccessLog{To: to}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
			if _, err := os.Stdout.Stat(); err != nil {
				t.Errorf("stdout: %v", err)
			}
			if _, err := os.Stderr.Stat(); err != nil {
				t.Errorf("stderr: %v", err)
			}
		})
	}
}

// wantLines waits until a file has n whole lines.
func wantLines(t *testing.T, path string, n int) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.After(20 * time.Second); ; {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), "\n") == n {
			if got := len(lines(t, string(text))); got != n {
				t.Errorf("%d lines, want %d", got, n)
			}
			return
		}
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("%q in the file, want %d lines", text, n)
		}
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLog_tells_of_what_can_not_be_written(t *testing.T) {
	var lost atomic.Int64
	var why atomic.Value
	l := accesslog.New(full{}, 1, func(n int, err error) {
		lost.Add(int64(n))
		if err != nil {
			why.Store(err.Error())
		}
	})
	a := access()
	const entries = 100
	for range entries {
		l.Log(&a)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close() = %v, want nil: it is told of by the callback", err)
	}
	if lost.Load() != entries || why.Load() != "no space left" {
		t.Errorf("%d lines are lost for %v, want %d and the error", lost.Load(), why.Load(), entries)
	}
}

// What reads a pipe may stand still: nobody waits for that for long.
func TestLog_Close_gives_up(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &stuck{open: make(chan struct{}), reached: make(chan struct{})}
		l := accesslog.New(disk, 1, nil)
		a := access()
		l.Log(&a)
		<-disk.reached
		began := time.Now()
		if err := l.Close(); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("Close() = %v after %v, want an error soon", err, time.Since(began))
		}
		close(disk.open)
	})
}
