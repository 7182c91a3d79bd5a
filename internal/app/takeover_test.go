//go:build unix

package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/internal/config"
	"github.com/ballast-lb/ballast/internal/steady"
)

// more waits until n more requests have been answered.
func more(t *testing.T, l *steady.Load, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := l.More(ctx, n); err != nil {
		t.Fatal(err)
	}
}

// end says what has failed.
func end(t *testing.T, l *steady.Load) {
	t.Helper()
	r := l.Stop()
	for _, f := range r.Failures[:min(len(r.Failures), 10)] {
		t.Error(f)
	}
	if n := len(r.Failures); n > 0 {
		t.Errorf("%d of %d requests failed", n, r.Sent)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// One Ballast after the other takes over while requests come all the time, and none of them fails.
func TestApp_hands_over_without_losing_a_request(t *testing.T) {
	flags := []string{
		"--admin.listen=" + freeAddress(t), "--traffic.listen=" + freeAddress(t), "--instance=a",
		"--handover.socket=" + filepath.Join(t.TempDir(), "s"), "--on-exit=remove",
	}
	first := start(t, flags...)
	load := steady.Start(steady.Options{URL: "http://" + first.app.TrafficAddr().String() + "/", Body: 10 << 10})
	admin := steady.Start(steady.Options{URL: first.base + "/lb", Body: 10})
	for serving := first; ; {
		more(t, load, 100)
		next := start(t, flags...)
		if err := serving.end(); err != nil {
			t.Errorf("Run() = %v of the one that handed over", err)
		}
		more(t, load, 100)
		more(t, admin, 100)
		if serving != first {
			break
		}
		serving = next
	}
	end(t, load)
	end(t, admin)
}

// An event stream that was open lasts until it ends, and one that begins goes to the next.
func TestApp_hands_over_but_finishes_what_it_has(t *testing.T) {
	flags := []string{
		"--admin.listen=" + freeAddress(t), "--traffic.listen=" + freeAddress(t),
		"--handover.socket=" + filepath.Join(t.TempDir(), "s"),
	}
	first := start(t, flags...)
	response, err := http.Get(first.base + "/lb/sse?n=20&ms=100")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	second := start(t, flags...)
	body, err := io.ReadAll(response.Body)
	if n := strings.Count(string(body), "data:"); err != nil || n < 20 {
		t.Errorf("%d events came, %v, want 20 and the end: %.300s", n, err, body)
	}
	if err := first.end(); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if response, _ := second.get("/lb"); response.StatusCode != http.StatusOK {
		t.Errorf("the second answers %s", response.Status)
	}
}

// The one that took over gives up nothing as long as the first has requests in flight there, of which it does not know.
func TestApp_gives_up_nothing_under_the_one_that_it_took_over_from(t *testing.T) {
	flags := []string{
		"--admin.listen=" + freeAddress(t), "--traffic.listen=" + freeAddress(t),
		"--handover.socket=" + filepath.Join(t.TempDir(), "s"),
	}
	first := start(t, flags...)
	response, err := http.Get(first.base + "/lb/sse?n=1000000&ms=20")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	second := start(t, flags...)
	second.until("it took over", func() bool { return second.log.count("took over") > 0 })
	second.app.fleet.Bring(t.Context(), "default", 4, nil)
	second.until("a clone is ready", func() bool { return second.ready() == 4 })
	second.app.fleet.Bring(t.Context(), "default", 3, nil)
	if n := second.acted(containers.ActedRemove); n != 0 || !second.app.fleet.Status("default").Keeps {
		t.Errorf("while a request is in flight there: it removed %d clones, and may give up any", n)
	}
	response.Body.Close()
	if err := first.end(); err != nil {
		t.Errorf("Run() = %v of the first", err)
	}
	second.until("it gives up the clone", func() bool { return second.acted(containers.ActedRemove) == 1 })
}

// One that can't start after it got the sockets leaves the first one as it was.
func TestApp_goes_on_when_the_next_one_ends_early(t *testing.T) {
	socket := "--handover.socket=" + filepath.Join(t.TempDir(), "s")
	flags := []string{"--admin.listen=" + freeAddress(t), "--traffic.listen=" + freeAddress(t), socket}
	first := start(t, flags...)
	taken := freeAddress(t)
	busy, err := net.Listen("tcp", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	c, err := config.Load(config.Sources{Args: []string{"--engine=embedded", "--admin.listen=" + taken, flags[1], socket}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(t.Context(), Options{Config: c, Logger: zerolog.Nop()})
	if err == nil || !strings.Contains(err.Error(), "admin.listen") {
		t.Errorf("New() = %v, want that admin.listen is in use", err)
	}
	if response, _ := first.get("/lb"); response.StatusCode != http.StatusOK {
		t.Errorf("the first answers %s", response.Status)
	}
	select {
	case err := <-first.ended:
		t.Fatalf("the first ended: %v", err)
	default:
	}
}
