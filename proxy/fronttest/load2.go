package fronttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

var loadTests2 = []test{
	{"gives a client up that does not read", testUnreading2},
	{"serves as many streams at once as it says, and refuses more", testStreams2},
	{"finishes what has begun when it shuts down", testShutdown2},
	{"answers 503 to what waits for an answer at the drain limit", testDrainAnswers2},
	{"breaks off what is being answered at the drain limit", testDrainCuts2},
	{"leaves nothing behind after many connections", testLeavesNothing2},
}

// Streams up to the limit are served at once; one more is refused (RFC 9113 5.1.2) and reaches no backend.
func testStreams2(t *testing.T, h Harness) {
	answer := make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
		<-answer
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	limit := int(w.settings[http2.SettingMaxConcurrentStreams])
	if limit < 100 || limit > 1000 {
		t.Fatalf("%d streams may be open at once, want at least 100 (RFC 9113 6.5.2) and an end", limit)
	}
	var streams []uint32
	for range limit {
		streams = append(streams, w.open(fields2("GET", "/lb/"), true))
	}
	s.attempted(limit)
	if r := w.exchange(fields2("GET", "/lb/more")); !r.reset || r.code != http2.ErrCodeRefusedStream && r.code != http2.ErrCodeProtocol {
		t.Errorf("one more: %v, want REFUSED_STREAM or PROTOCOL_ERROR", r)
	}
	close(answer)
	for _, stream := range streams {
		if r := w.reply(stream); r.status != 200 || r.body.String() != "ok" {
			t.Errorf("answer %v, want 200 ok", r)
		}
	}
	if r := w.exchange(fields2("GET", "/lb/")); r.status != 200 {
		t.Errorf("then %v, want 200", r)
	}
	s.WantCounts(uint64(limit+1), 0, 0)
	if got := len(backend.Received()); got != limit+1 {
		t.Errorf("the backend got %d requests, want %d", got, limit+1)
	}
}

// A client that gives room and then reads nothing, not even that its streams are over, loses its connection.
func testUnreading2(t *testing.T, h Harness) {
	backend := Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		b := make([]byte, 64<<10)
		for err := error(nil); err == nil; {
			_, err = w.Write(b)
		}
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: 100 * time.Millisecond}, backend)
	files := descriptors(t)
	w := newWire2(s, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = w.framer.WriteWindowUpdate(0, 1<<30)
	for range 10 {
		w.open(fields2("GET", "/lb/"), true)
	}
	s.attempted(10)
	Eventually(t, "all to end but the client's own side", func() bool { return s.InFlight() == 0 && descriptors(t) <= files+1 })
	s.wantBlameless()
}

// Case 23: a client is told that there will be no more streams, and those that are open end as they would have.
func testShutdown2(t *testing.T, h Harness) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhe")
		close(arrived)
		<-answer
		_, _ = io.WriteString(conn, "re")
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	stream := w.open(fields2("GET", "/lb/"), true)
	wait(t, arrived, "the request to arrive")
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.WithoutCancel(t.Context())) }()
	w.until(func() bool { return w.away != nil || w.replies[stream].ended() })
	if w.away == nil || w.away.ErrCode != http2.ErrCodeNo {
		t.Errorf("%v came, want GOAWAY without an error", w.away)
	}
	close(answer)
	if r := w.reply(stream); r.status != 200 || r.body.String() != "here" || !r.whole {
		t.Errorf("answer %v, want all of it", r)
	}
	for err := error(nil); err == nil; {
		err = w.next()
	}
	if w.away.LastStreamID < stream {
		t.Errorf("GOAWAY says that %d was the last, want %d", w.away.LastStreamID, stream)
	}
	if err := receive(t, done, "the shutdown to end"); err != nil {
		t.Errorf("Shutdown() = %v", err)
	}
	s.WantCounts(1, 0, 0)
}

func testDrainAnswers2(t *testing.T, h Harness) {
	const streams = 10
	arrived := make(chan struct{}, streams)
	s := NewSite(t, h, Settings(), Options{}, Serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	w := newWire2(s)
	for range streams {
		w.open(fields2("GET", "/lb/"), true)
		receive(t, arrived, "the request to arrive")
	}
	s.drainNow()
	for _, r := range w.replies {
		w.until(r.ended)
		if r.status != 503 || r.header.Get("X-Ballast-Error") != "shutting-down" || !r.whole {
			t.Errorf("answer %v, want 503", r)
		}
	}
	s.WantCounts(streams, streams, 0)
}

func testDrainCuts2(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	w := newWire2(s)
	stream := w.open(fields2("GET", "/lb/"), true)
	if r := w.head(stream); r.status != 200 {
		t.Fatalf("answer %v, want 200", r)
	}
	s.drainNow()
	if r := w.reply(stream); r.whole || !r.reset {
		t.Errorf("answer %v, want a reset", r)
	}
	s.WantCounts(1, 0, 0)
}

// Descriptors and goroutines are as many as before when all have left.
func testLeavesNothing2(t *testing.T, h Harness) {
	const connections, streams = 100, 12
	s := NewSite(t, h, Settings(), Options{BackendIdle: 50 * time.Millisecond}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK) // At once, and all that comes after it.
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	for n := range connections {
		w := newWire2(s)
		for i := range streams {
			stream := w.open(fields2("POST", "/lb/"), i%4 == 0)
			if i%4 > 0 {
				w.data(stream, "hello", i%4 == 1)
			}
			if i%4 == 2 {
				w.cancel(stream)
			}
		}
		if n%2 == 0 { // Others leave without a look at what they are answered.
			if r := w.reply(1); r.status != 200 || !r.whole {
				t.Errorf("answer %v, want 200", r)
			}
		}
		reset(w.raw)
	}
	s.Settled()
	Eventually(t, "descriptors and goroutines to be as many as before", func() bool {
		return descriptors(t) <= files && runtime.NumGoroutine() <= goroutines+h.Spare
	})
	s.wantBlameless()
}
