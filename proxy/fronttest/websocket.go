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

	"github.com/coder/websocket"
)

var webSocketTests = []test{
	{"WebSocket goes both ways", testWebSocket},
	{"WebSocket: early bytes are delivered", testEarlyBytes},
	{"WebSocket ends when the backend has", testWebSocketEnds},
	{"WebSocket may be silent", testWebSocketSilent},
	{"WebSocket ends when the client takes nothing", testWebSocketUnreadDown},
	{"WebSocket ends when the backend takes nothing", testWebSocketUnreadUp},
	{"WebSocket: a refusal is an ordinary answer", testWebSocketRefused},
	{"WebSocket with a body is no upgrade", testWebSocketBody},
}

const (
	handshake = "GET /lb/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	switched  = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)

// echo is a WebSocket backend that says back what it hears.
func echo(t testing.TB) string {
	return Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Keep-Alive", "timeout=5")
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
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

func dialWebSocket(t testing.TB, s *Site) *websocket.Conn {
	t.Helper()
	//nolint:bodyclose // Dial says that it never needs to be.
	c, response, err := websocket.Dial(t.Context(), "ws://"+s.Address+"/lb/ws", &websocket.DialOptions{HTTPClient: s.client})
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

func testWebSocket(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{}, echo(t))
	c := dialWebSocket(t, s)
	for i := range 100 {
		say(t, c, fmt.Sprintf("message %d", i))
	}
	if n := s.InFlight(); n != 1 {
		t.Errorf("%d in flight, want the one connection", n)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("Close() = %v", err)
	}
	s.WantCounts(1, 0, 0)
	wantStatus(t, s, 101)
}

// wantStatus checks that the first backend has answered once, with a status.
func wantStatus(t *testing.T, s *Site, status int) {
	t.Helper()
	if got := s.Report().Backends[0].Statuses; len(got) != 1 || got[0].Status != status {
		t.Errorf("Statuses = %v, want one %d", got, status)
	}
}

// Case 15: what a client sends along with the handshake arrives, and hop-by-hop headers of the 101 don't.
func testEarlyBytes(t *testing.T, h Harness) {
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nUpgrade: websocket\r\n"+
			"Keep-Alive: timeout=5\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n")
		early := make([]byte, 5)
		_, _ = io.ReadFull(r, early)
		fmt.Fprintf(conn, "got %s", early)
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	conn := s.Dial("GET /lb/ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
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
	s.WantCounts(1, 0, 0)
}

// A client that never ends its side, when the backend has ended its own, is not waited for for ever.
func testWebSocketEnds(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{BodyIdle: 50 * time.Millisecond}, NewBackend(t, Replies(switched+"bye")).Address)
	conn := s.Dial(handshake + "\r\n")
	if all, _ := io.ReadAll(conn); !strings.HasSuffix(string(all), "\r\n\r\nbye") {
		t.Errorf("%q came, want a 101 and bye", all)
	}
	s.WantCounts(1, 0, 0) // The client's connection is open still.
}

// A tunnel that nobody says anything in lasts, however short the pauses within a body may be.
func testWebSocketSilent(t *testing.T, h Harness) {
	const pause = 50 * time.Millisecond
	s := NewSite(t, h, Settings(), Options{BodyIdle: pause}, echo(t))
	c := dialWebSocket(t, s)
	for range 2 {
		say(t, c, "hello")
		<-time.After(5 * pause)
	}
	say(t, c, "bye")
	_ = c.Close(websocket.StatusNormalClosure, "")
	s.WantCounts(1, 0, 0)
}

// writeOn writes until that fails.
func writeOn(conn net.Conn) {
	b := make([]byte, 64<<10)
	for err := error(nil); err == nil; {
		_, err = conn.Write(b)
	}
}

// A client that takes nothing of what the backend says is as gone as one that takes nothing of an answer.
func testWebSocketUnreadDown(t *testing.T, h Harness) {
	ended := make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
		defer close(ended)
		fmt.Fprint(conn, switched)
		writeOn(conn)
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: 100 * time.Millisecond}, backend.Address)
	conn := s.Dial(handshake + "\r\n")
	select {
	case <-ended:
	case <-time.After(Patience):
		t.Error("the backend's connection is still open")
	}
	s.WantCounts(1, 0, 0) // The client's connection is open still.
	conn.Close()
}

// A backend that takes nothing of what the client says is given up, and so is what it says itself.
func testWebSocketUnreadUp(t *testing.T, h Harness) {
	stop := make(chan struct{})
	backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
		fmt.Fprint(conn, switched)
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	s := NewSite(t, h, Settings(), Options{BodyIdle: 100 * time.Millisecond}, backend.Address)
	conn := s.Dial(handshake + "\r\n")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		writeOn(conn)
	}()
	select {
	case <-ended:
	case <-time.After(Patience):
		t.Error("the client's connection is still open")
	}
	s.WantCounts(1, 0, 0)
}

// Case 15, its end.
func testWebSocketRefused(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{}, Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no") }))
	for range 2 {
		if answer, _ := s.Say(handshake + "\r\n"); answer.Status != 200 || answer.Body != "no" {
			t.Errorf("%v, want 200 no", answer)
		}
	}
	s.WantCounts(2, 0, 0)
}

// A handshake has no body; what asks for an upgrade and has one is an ordinary request.
func testWebSocketBody(t *testing.T, h Harness) {
	backend := NewBackend(t, Replies(switched+"hello"))
	s := NewSite(t, h, Settings(), Options{BodyIdle: 200 * time.Millisecond}, backend.Address)
	all, _ := s.SayAll(handshake + "Content-Length: 10\r\n\r\nhe")
	if !strings.HasPrefix(all, "HTTP/1.1 502 ") {
		t.Errorf("answer %q, want 502 for a 101 that was not asked for", all)
	}
	for _, head := range backend.Received() {
		if strings.Contains(head, "Upgrade") {
			t.Errorf("the backend got:\n%s", head)
		}
	}
	s.WantCounts(1, 1, 1)
}
