package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

var stallTests2 = []test{
	{"cuts bodies that stand still but not slow ones", testStalled2},
	{"cuts an answer that is not taken but not one that is taken slowly", testUntaken2},
	{"blames no backend that gives up who takes no small piece", testGivesUp2},
	{"holds up no stream for another", testHeldUp2},
}

// Case 17, scaled down, and its counterpart: what goes on is let go on however slow it is, what stands still is not.
func testStalled2(t *testing.T, h Harness) {
	const pause = time.Second
	backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: pause}, backend)
	w := newWire2(s)
	slow := w.open(fields2("POST", "/lb/"), false)
	stalled := w.open(fields2("POST", "/lb/", "content-length: 100"), false)
	w.data(stalled, "hello", false)
	ticker := time.NewTicker(pause / 4)
	defer ticker.Stop()
	for i := range 24 { // Six times the pause in all.
		<-ticker.C
		w.data(slow, "x", i == 23)
	}
	if r := w.reply(slow); r.status != 200 || r.body.String() != "24" {
		t.Errorf("slow body: %v, want 200 and 24", r)
	}
	if r := w.reply(stalled); r.status != 400 && !r.reset {
		t.Errorf("body that stands still: %v, want 400 or a reset", r)
	}
	s.WantCounts(2, 0, 0)
}

// The same of answers, where it is the client who gives out the room. What is not taken is not fetched from the backend
// without end either.
func testUntaken2(t *testing.T, h Harness) {
	const pause, piece, pieces = time.Second, 32 << 10, 24
	fetched := make(chan int, 1)
	backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, n := make([]byte, piece), 0
		for r.URL.Path == "/endless" || n < pieces*piece {
			m, err := w.Write(b)
			if n += m; err != nil {
				break
			}
		}
		if r.URL.Path == "/endless" {
			fetched <- n
		}
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: pause}, backend)
	w := newWire2(s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	w.grant = nil
	slow, untaken := w.open(fields2("GET", "/lb/"), true), w.open(fields2("GET", "/lb/endless"), true)
	ticker := time.NewTicker(pause / 4)
	defer ticker.Stop()
	for range pieces {
		<-ticker.C
		w.window(slow, piece)
	}
	if r := w.reply(slow); r.status != 200 || r.body.Len() != pieces*piece || !r.whole {
		t.Errorf("answer that is taken slowly: %v, want 200 and all of it", r)
	}
	if r := w.reply(untaken); !r.reset {
		t.Errorf("answer that is not taken: %v, want a reset", r)
	}
	const most = 32 << 20 // What sockets on the way may hold.
	if n := receive(t, fetched, "the backend to be told"); n > most {
		t.Errorf("the backend got rid of %d bytes that nobody took, want %d at most", n, most)
	}
	s.wantBlameless()
}

// A piece that is small is not waited with until there are more: it is itself what the client is waited for with.
func testGivesUp2(t *testing.T, h Harness) {
	const limit, window = 3 * time.Second, 1000
	tired := make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("x", window+100))
		<-tired
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: limit}, backend.Address)
	w := newWire2(s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	w.grant = nil
	id := w.open(fields2("GET", "/lb/"), true)
	w.until(func() bool { return w.replies[id].body.Len() == window || w.replies[id].ended() })
	<-time.After(limit / 6)
	close(tired)
	w.window(id, 1_000_000)
	if r := w.reply(id); r.status != 200 || r.whole {
		t.Errorf("answer that breaks off: %v, want its beginning", r)
	}
	s.wantBlameless()
}

// One stream that is full, in either direction, is no reason for another to wait.
func testHeldUp2(t *testing.T, h Harness) {
	stop := make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, head string) {
		switch {
		case strings.HasPrefix(head, "GET /big"):
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("x", 1_000_000))
		case strings.HasPrefix(head, "POST /unread"):
			<-stop
		default:
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		}
	})
	t.Cleanup(func() { close(stop) })
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000})
	w.grant = nil
	big := w.open(fields2("GET", "/lb/big"), true)
	unread := w.open(fields2("POST", "/lb/unread"), false)
	w.data(unread, strings.Repeat("x", 16<<10), false)
	w.until(func() bool { return w.replies[big].body.Len() == 1000 || w.replies[big].ended() })
	for range 10 {
		if r := w.exchange(fields2("GET", "/lb/small")); r.status != 200 || r.body.String() != "ok" {
			t.Errorf("beside streams that are full: %v, want 200 ok", r)
		}
	}
	for r := w.replies[big]; !r.ended(); {
		before := r.body.Len()
		w.window(big, 100_000)
		w.until(func() bool { return r.body.Len() > before || r.ended() })
	}
	if r := w.replies[big]; r.body.Len() != 1_000_000 || !r.whole {
		t.Errorf("then %v, want all of the big one", r)
	}
	w.cancel(unread)
	s.WantCounts(12, 0, 0)
}
