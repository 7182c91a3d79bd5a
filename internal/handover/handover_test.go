//go:build unix

package handover_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/internal/handover"
)

const key, address = "traffic.listen", "127.0.0.1:0"

// patience is how long anything here may take; all of it takes milliseconds.
const patience = 20 * time.Second

// serving is a Ballast that gives away one listener.
type serving struct {
	path     string
	listener *net.TCPListener
	yielded  chan struct{}
	given    chan bool
	heir     io.Closer // To be read when given was.
	stop     context.CancelFunc
	// ends says that it lends nothing. steps are what it was asked for, to be read when Give has returned.
	ends  atomic.Bool
	steps []string
}

func serve(t *testing.T, path string) *serving {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g, err := handover.Listen(t.Context(), path, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{path: path, listener: l.(*net.TCPListener), yielded: make(chan struct{}), given: make(chan bool, 1), stop: stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		heir, err := g.Give(ctx, []handover.Offer{{Key: key, Address: address, Listener: s.listener}}, handover.Steps{
			Lend:   func() bool { s.steps = append(s.steps, "lend"); return !s.ends.Load() },
			Regain: func() { s.steps = append(s.steps, "regain") },
			Yield: func() time.Duration {
				s.steps = append(s.steps, "yield")
				close(s.yielded)
				return patience
			},
		})
		if err != nil {
			t.Errorf("Give() = %v", err)
		}
		s.heir = heir
		s.given <- heir != nil
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if s.heir != nil {
			_ = s.heir.Close()
		}
	})
	return s
}

func take(t *testing.T, path string) *handover.Taken {
	t.Helper()
	taken, err := handover.Take(t.Context(), path)
	if err != nil || taken == nil {
		t.Fatalf("Take() = %v, %v", taken, err)
	}
	t.Cleanup(func() { taken.Close() })
	return taken
}

func hears[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// Who connected before, and waits to be accepted, is accepted by the next one, whose socket it is when the first has closed its own.
func TestTake_loses_nobody_who_waits(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"))
	const clients = 50
	var conns []net.Conn
	for i := range clients {
		c, err := net.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "%d\n", i)
		conns = append(conns, c)
	}
	taken := take(t, s.path)
	l, err := taken.Listener(key, address)
	if err != nil || l == nil {
		t.Fatalf("Listener() = %v, %v", l, err)
	}
	defer l.Close()
	select {
	case <-s.yielded:
		t.Error("it yielded before the next one was ready")
	default:
	}
	if err := taken.Ready(t.Context()); err != nil {
		t.Errorf("Ready() = %v", err)
	}
	hears(t, s.yielded, "the first to yield")
	if !hears(t, s.given, "the end of Give") {
		t.Error("Give() = false")
	}
	s.listener.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadString('\n')
				fmt.Fprint(c, line)
			}()
		}
	}()
	for i, c := range conns {
		_ = c.SetDeadline(time.Now().Add(patience))
		if got, err := io.ReadAll(c); err != nil || string(got) != fmt.Sprintf("%d\n", i) {
			t.Errorf("client %d got %q, %v", i, got, err)
		}
	}
}

// A next one that ends before it is ready changes nothing, and another can come.
func TestGive_goes_on_when_the_next_one_fails(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"))
	for range 3 {
		if err := take(t, s.path).Close(); err != nil {
			t.Error(err)
		}
	}
	c, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(c, `{"version":99,"word":"hello"}`)
	if got, err := io.ReadAll(c); len(got) > 0 {
		t.Errorf("another version was answered %q, %v", got, err)
	}
	c.Close()
	accepted := make(chan error, 1)
	go func() {
		c, err := s.listener.Accept()
		if err == nil {
			c.Close()
		}
		accepted <- err
	}()
	client, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if err := hears(t, accepted, "the first to accept"); err != nil {
		t.Errorf("the first accepts no more: %v", err)
	}
	if err := take(t, s.path).Ready(t.Context()); err != nil {
		t.Errorf("Ready() = %v", err)
	}
	hears(t, s.given, "the end of Give")
	want := []string{"lend", "regain", "lend", "regain", "lend", "regain", "lend", "yield"}
	if !slices.Equal(s.steps, want) {
		t.Errorf("it was asked to %q, want %q", s.steps, want)
	}
}

// One that ends does not send its sockets, and says why.
func TestGive_refuses(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"))
	s.ends.Store(true)
	for range 2 {
		if taken, err := handover.Take(t.Context(), s.path); taken != nil || !errors.Is(err, handover.ErrEnds) {
			t.Errorf("Take() = %v, %v, want that it ends", taken, err)
		}
	}
	s.stop()
	if hears(t, s.given, "the end of Give") {
		t.Error("Give() = true")
	}
	if want := []string{"lend", "lend"}; !slices.Equal(s.steps, want) {
		t.Errorf("it was asked to %q, want %q", s.steps, want)
	}
}

func TestTake_when_nobody_serves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, left := range []string{"nothing", "the socket of one that was killed"} {
		if left != "nothing" {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
		}
		if taken, err := handover.Take(t.Context(), path); taken != nil || err != nil {
			t.Errorf("with %s: Take() = %v, %v, want nothing", left, taken, err)
		}
	}
	s := serve(t, path) // In the place of what was left.
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v, want 0600", info.Mode(), err)
	}
	take(t, s.path)
}

func TestTaken_Listener_is_for_what_is_configured(t *testing.T) {
	taken := take(t, serve(t, filepath.Join(t.TempDir(), "s")).path)
	for _, asked := range [][2]string{{key, ":80"}, {"admin.listen", address}} {
		if l, err := taken.Listener(asked[0], asked[1]); l != nil || err != nil {
			t.Errorf("Listener(%s, %s) = %v, %v, want none", asked[0], asked[1], l, err)
		}
	}
	l, err := taken.Listener(key, address)
	if err != nil || l == nil {
		t.Fatalf("Listener() = %v, %v", l, err)
	}
	l.Close()
	if l, err := taken.Listener(key, address); l != nil || err != nil {
		t.Errorf("asked again: %v, %v, want none", l, err)
	}
}

// One that goes away instead of saying that the sockets are the next one's is not waited for.
func TestTaken_Ready_when_the_other_is_gone(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"))
	taken := take(t, s.path)
	s.stop()
	hears(t, s.given, "the end of Give")
	if err := taken.Ready(t.Context()); err == nil {
		t.Error("Ready() = nil")
	}
}

func TestTake_refuses_what_it_does_not_understand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct{ answer, want string }{
		{`{"version":2,"word":"take"}`, "version 2"},
		{`{"version":1,"word":"take","sockets":[{"key":"a","address":"b"}]}`, "1 sockets were announced and 0 came"},
		{"HTTP/1.1 400 Bad Request", "no message"},
		{"", "EOF"},
	} {
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = bufio.NewReader(c).ReadString('\n')
			if tt.answer != "" {
				fmt.Fprintln(c, tt.answer)
			}
		}()
		taken, err := handover.Take(t.Context(), path)
		if taken != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: Take() = %v, %v, want an error with %q", tt.answer, taken, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := handover.Take(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("Take() = %v, want the end of its context", err)
	}
}

// The next one knows when the first has nothing in flight any more.
func TestTaken_Gone_when_the_other_has_finished(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"))
	taken := take(t, s.path)
	if err := taken.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	hears(t, s.given, "the end of Give")
	gone := make(chan struct{})
	go func() { defer close(gone); taken.Gone(t.Context(), 0) }()
	select {
	case <-gone:
		t.Error("Gone() returned while the first has requests in flight")
	case <-time.After(50 * time.Millisecond):
	}
	if err := s.heir.Close(); err != nil {
		t.Error(err)
	}
	hears(t, gone, "Gone")
}

// Versions that do not say how long they take close the connection before they have finished.
func TestTaken_Gone_of_an_earlier_version(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct {
		answer  string
		assumes bool
	}{
		{`{"version":1,"word":"yours"}`, true},
		{``, false}, // It is gone before it has said anything.
	} {
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			_, _ = r.ReadString('\n')
			fmt.Fprintln(c, `{"version":1,"word":"take"}`)
			_, _ = r.ReadString('\n')
			_, _ = io.WriteString(c, strings.TrimPrefix(tt.answer+"\n", "\n"))
		}()
		taken := take(t, path)
		if err := taken.Ready(t.Context()); (err == nil) != tt.assumes {
			t.Errorf("%q: Ready() = %v", tt.answer, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		const assumed = 100 * time.Millisecond
		began := time.Now()
		taken.Gone(ctx, map[bool]time.Duration{true: assumed, false: patience}[tt.assumes])
		if took := time.Since(began); tt.assumes && took < assumed || took >= patience {
			t.Errorf("%q: Gone() took %v", tt.answer, took)
		}
		cancel()
	}
}

// One that is told to stop while it starts takes nothing over.
func TestTaken_Ready_when_told_to_stop(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"))
	taken := take(t, s.path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := taken.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ready() = %v, want the end of its context", err)
	}
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
	if err := take(t, s.path).Ready(t.Context()); err != nil { // Else it would have yielded already.
		t.Errorf("Ready() = %v of the next one", err)
	}
}
