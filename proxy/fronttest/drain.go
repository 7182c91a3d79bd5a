package fronttest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var drainTests = []test{
	{"Drain waits for what ends by itself", testDrainWaits},
	{"Drain waits for what has just been sent", testDrainSent},
	{"Drain cuts streams at the limit", testDrainCuts},
	{"Drain answers 503 to what waits for an answer", testDrainAnswers},
	{"Drain answers 503 to what waits for a connection", testDrainConnecting},
}

func testDrainWaits(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{}, echo(t))
	c := dialWebSocket(t, s)
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	say(t, c, "still here")
	select {
	case err := <-done:
		t.Errorf("Drain() = %v with a connection open", err)
	default:
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	if err := <-done; err != nil {
		t.Errorf("Drain() = %v", err)
	}
}

// Case 23, of what lies between a client and the front when that is told to drain.
func testDrainSent(t *testing.T, h Harness) {
	const rounds, clients = 20, 4
	const request = "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"
	backend := Serve(t, func(http.ResponseWriter, *http.Request) {})
	for range rounds {
		s := NewSite(t, h, Settings(), Options{}, backend)
		var conns []net.Conn
		for range clients {
			conn := s.Dial(request)
			if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 {
				t.Fatalf("answer %v, %v", answer, err)
			}
			conns = append(conns, conn)
		}
		done := make(chan error, 1)
		for _, conn := range conns { // Loopback delivers what is written before that returns.
			fmt.Fprint(conn, request)
		}
		go func() { done <- s.Drain(t.Context()) }()
		for i, conn := range conns {
			if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 {
				t.Errorf("client %d, who sent its request before: %v, %v, want 200", i, answer, err)
			}
			conn.Close()
		}
		if err := <-done; err != nil {
			t.Errorf("Drain() = %v", err)
		}
		s.WantCounts(2*clients, 0, 0)
	}
}

// Case 22, its streams: at the drain limit what is still open is cut, and not counted as failed.
func testDrainCuts(t *testing.T, h Harness) {
	started := make(chan struct{})
	events := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		close(started)
		<-r.Context().Done()
	})
	s := NewSite(t, h, Settings(), Options{}, echo(t), events)
	c := dialWebSocket(t, s)
	say(t, c, "hello")
	response, err := s.client.Do(Request(t, "GET", s.URL("/events"), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	<-started
	limit, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Drain(limit); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 requests") {
		t.Errorf("Drain() = %v, want the deadline and 2 requests", err)
	}
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Error("the WebSocket is still open")
	}
	_ = c.CloseNow()
	s.WantCounts(2, 0, 0)
}

func testDrainAnswers(t *testing.T, h Harness) {
	arrived := make(chan struct{})
	s := NewSite(t, h, Settings(), Options{}, Serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	s.drainNow()
	wantShutdown(t, conn)
	s.WantCounts(1, 1, 0)
}

// drainNow drains with a limit that has passed.
func (s *Site) drainNow() {
	s.t.Helper()
	limit, cancel := context.WithCancel(s.t.Context())
	cancel()
	if err := s.Drain(limit); err == nil {
		s.t.Error("Drain() = nil with a request cut")
	}
}

func wantShutdown(t *testing.T, conn net.Conn) {
	t.Helper()
	answer, err := ReadAnswer(bufio.NewReader(conn))
	if err != nil || answer.Status != 503 || answer.Header.Get("X-Ballast-Error") != "shutting-down" {
		t.Errorf("answer %v, %v, want 503", answer, err)
	}
}

// What is cut has not failed at the backend that it was being connected to, and is not tried at another one.
func testDrainConnecting(t *testing.T, h Harness) {
	const requests = 32
	conf := Settings()
	conf.ConnectTimeout = 4 * Patience
	silent := Silent(t)
	s := NewSite(t, h, conf, Options{}, silent, silent)
	var conns []net.Conn
	for range requests {
		conns = append(conns, s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	s.attempted(requests / 2)
	Eventually(t, "all to be in flight", func() bool { return s.InFlight() == requests })
	s.drainNow()
	for _, conn := range conns {
		wantShutdown(t, conn)
	}
	s.WantCounts(requests, requests, 0)
	if got := s.Report().Retries; got != 0 {
		t.Errorf("%d retries, want 0", got)
	}
}
