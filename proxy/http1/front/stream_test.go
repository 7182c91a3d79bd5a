package front_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// echo is a WebSocket backend that says back what it hears.
func echo(t testing.TB) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Keep-Alive", "timeout=5")
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, message); err != nil {
				return
			}
		}
	})
}

func dialWebSocket(t testing.TB, s *site) *websocket.Conn {
	t.Helper()
	c, response, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/lb/ws", &websocket.DialOptions{HTTPClient: client(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Keep-Alive", "Transfer-Encoding"} {
		if got := response.Header.Get(name); got != "" {
			t.Errorf("the 101 has %s: %s", name, got)
		}
	}
	return c
}

func say(t testing.TB, c *websocket.Conn, message string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != message {
		t.Fatalf("heard %q, %v, want %q", got, err, message)
	}
}

func TestFront_WebSocket_both_ways(t *testing.T) {
	s := newSite(t, settings(), front.Options{}, echo(t))
	c := dialWebSocket(t, s)
	for i := range 100 {
		say(t, c, fmt.Sprintf("message %d", i))
	}
	if n := s.front.InFlight(); n != 1 {
		t.Errorf("%d in flight, want the one connection", n)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("Close() = %v", err)
	}
	s.wantCounts(1, 0, 0)
	if got := s.report().Backends[0].Statuses; len(got) != 1 || got[0].Status != 101 {
		t.Errorf("Statuses = %v, want one 101", got)
	}
}

// Case 15: what a client sends along with the handshake arrives, and hop-by-hop headers of the 101 don't.
func TestFront_WebSocket_early_bytes_are_delivered(t *testing.T) {
	backend := newRaw(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nUpgrade: websocket\r\n"+
			"Keep-Alive: timeout=5\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n")
		early := make([]byte, 5)
		_, _ = io.ReadFull(r, early)
		fmt.Fprintf(conn, "got %s", early)
	})
	s := newSite(t, settings(), front.Options{}, backend.addr)
	conn := s.dial("GET /lb/ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\nearly")
	all, _ := io.ReadAll(conn)
	head, rest, _ := strings.Cut(string(all), "\r\n\r\n")
	if rest != "got early" {
		t.Errorf("after the head %q came, want the early bytes", rest)
	}
	for _, text := range []string{"Keep-Alive", "X-Hop"} {
		if strings.Contains(head, text) {
			t.Errorf("the 101 has %s:\n%s", text, head)
		}
	}
	conn.Close()
	if !strings.Contains(head, "101 ") || !strings.Contains(head, "X-End: 2") || !strings.Contains(head, "Connection: Upgrade") {
		t.Errorf("the 101 lacks something:\n%s", head)
	}
	s.wantCounts(1, 0, 0)
}

// A client that never ends its side, when the backend has ended its own, is not waited for for ever.
func TestFront_WebSocket_ends_when_the_backend_has(t *testing.T) {
	backend := newRaw(t, replies("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye"))
	s := newSite(t, settings(), front.Options{BodyIdle: 50 * time.Millisecond}, backend.addr)
	conn := s.dial("GET /lb/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if all, _ := io.ReadAll(conn); !strings.HasSuffix(string(all), "\r\n\r\nbye") {
		t.Errorf("%q came, want a 101 and bye", all)
	}
	s.wantCounts(1, 0, 0)
}

func TestFront_WebSocket_refused_is_an_ordinary_answer(t *testing.T) {
	s := newSite(t, settings(), front.Options{}, serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no") }))
	for range 2 {
		conn := s.dial("GET /lb/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); response.StatusCode != 200 || string(body) != "no" || err != nil {
			t.Errorf("%d %q %v, want 200 no", response.StatusCode, body, err)
		}
	}
	s.wantCounts(2, 0, 0)
}

func TestFront_events_are_passed_on_at_once(t *testing.T) {
	heard := make(chan struct{})
	for _, header := range []string{"Content-Type: text/event-stream", "Content-Type: text/plain", "Content-Length: 20"} {
		t.Run(header, func(t *testing.T) {
			name, value, _ := strings.Cut(header, ": ")
			backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(name, value)
				w.WriteHeader(200)
				for i := range 2 {
					_ = http.NewResponseController(w).Flush()
					select {
					case <-heard: // The next comes only when this one, or the head, was heard.
					case <-r.Context().Done():
						return
					}
					fmt.Fprintf(w, "data: %d\n\n\n", i)
				}
			})
			s := newSite(t, settings(), front.Options{}, backend)
			response, err := client(t).Do(request(t, "GET", s.url("/"), nil))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			r := bufio.NewReader(response.Body)
			for i := range 2 {
				heard <- struct{}{}
				if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("event %d is %q, %v", i, line, err)
				}
				_, _ = r.Discard(2)
			}
		})
	}
}

// Case 30: a client that leaves ends the attempt, and is no failure of the backend's.
func TestFront_client_goes_away(t *testing.T) {
	tests := []struct {
		name, send string
		body       bool // The backend begins an answer.
		status     int
	}{
		{"while it waits", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", false, 499},
		{"while its body is sent", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello", false, 499},
		{"while the answer comes", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", true, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			arrived, ended := make(chan struct{}), make(chan struct{})
			backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				if tt.body {
					_, _ = w.Write([]byte("x"))
					_ = http.NewResponseController(w).Flush()
				}
				close(arrived)
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			})
			s := newSite(t, settings(), front.Options{}, backend)
			conn := s.dial(tt.send)
			<-arrived
			if tt.body {
				if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != 200 {
					t.Fatalf("answer %v, %v", response, err)
				}
			}
			conn.Close()
			<-ended // The attempt was cancelled.
			s.wantCounts(1, 0, 0)
			statuses := s.report().Backends[0].Statuses
			if len(statuses) != 1 || statuses[0].Status != tt.status {
				t.Errorf("Statuses = %v, want one %d", statuses, tt.status)
			}
		})
	}
}

// net/http takes a client that closed its half of the connection for one that left. It must not be
// told that all is well.
func TestFront_client_that_half_closes_gets_no_empty_200(t *testing.T) {
	arrived := make(chan struct{})
	backend := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	s := newSite(t, settings(), front.Options{}, backend)
	conn := s.dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all, _ := io.ReadAll(conn); len(all) != 0 {
		t.Errorf("the client was answered %q", all)
	}
	s.wantCounts(1, 0, 0)
}

func TestFront_a_malformed_body_is_the_clients_fault(t *testing.T) {
	backend := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	s := newSite(t, settings(), front.Options{}, backend)
	conn := s.dial("POST /lb/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != 400 || response.Header.Get("X-Ballast-Error") != "bad-request" {
		t.Errorf("answer %v, %v, want 400", response, err)
	}
	s.wantCounts(1, 0, 0)
}

func TestFront_cuts_bodies_that_stand_still_but_not_slow_ones(t *testing.T) {
	const pause = 100 * time.Millisecond
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	s := newSite(t, settings(), front.Options{BodyIdle: pause}, backend)

	reader, writer := io.Pipe()
	go func() { // Eight times the pause in all, but never longer than a quarter of it at a time.
		ticker := time.NewTicker(pause / 4)
		defer ticker.Stop()
		for range 32 {
			<-ticker.C
			_, _ = writer.Write([]byte("x"))
		}
		writer.Close()
	}()
	if response, body, err := get(t, client(t), request(t, "POST", s.url("/"), reader)); err != nil || response.StatusCode != 200 || body != "32" {
		t.Errorf("slow body: %v, %q, %v, want 200 and 32", response, body, err)
	}

	conn := s.dial("POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 400 {
		t.Errorf("body that stands still: %v, %v, want 400", response, err)
	}
	s.wantCounts(2, 0, 0)
}

// An answer may take longer than the pause that a body may have.
func TestFront_waits_for_a_slow_answer_after_a_body(t *testing.T) {
	const pause = 50 * time.Millisecond
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-time.After(4 * pause)
		fmt.Fprint(w, "ok")
	})
	s := newSite(t, settings(), front.Options{BodyIdle: pause}, backend)
	response, body, err := get(t, client(t), request(t, "POST", s.url("/"), bytes.NewReader(make([]byte, 1000))))
	if err != nil || response.StatusCode != 200 || body != "ok" {
		t.Errorf("%v, %q, %v, want 200 ok", response, body, err)
	}
}
