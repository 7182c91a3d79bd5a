package front_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// A client that never sends the body that it announced is not waited for for ever, although nobody
// wants to read it.
func TestFront_Server_waits_no_longer_than_the_limit_for_a_body_that_nobody_reads(t *testing.T) {
	s := newSite(t, settings(), front.Options{BodyIdle: 50 * time.Millisecond})
	for _, path := range []string{"/lb/", "/elsewhere"} {
		conn := s.dial("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
		if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 ") {
			t.Errorf("%s: %q, %v came, want an answer and the end", path, all, err)
		}
		conn.Close()
	}
	s.wantCounts(1, 1, 0)
}

// A handshake has no body; what asks for an upgrade and has one is an ordinary request.
func TestFront_WebSocket_with_a_body_is_no_upgrade(t *testing.T) {
	backend := newRaw(t, replies("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello"))
	s := newSite(t, settings(), front.Options{BodyIdle: 200 * time.Millisecond}, backend.addr)
	conn := s.dial("GET /lb/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 10\r\n\r\nhe")
	all, _ := io.ReadAll(conn)
	conn.Close()
	if !strings.HasPrefix(string(all), "HTTP/1.1 502 ") {
		t.Errorf("answer %q, want 502 for a 101 that was not asked for", all)
	}
	for _, head := range backend.received() {
		if strings.Contains(head, "Upgrade") {
			t.Errorf("the backend got:\n%s", head)
		}
	}
	s.wantCounts(1, 1, 1)
}

// A backend may answer before it has read the request: the answer is passed on at once, and the rest
// of the request still reaches it.
func TestFront_passes_on_a_body_while_the_answer_comes(t *testing.T) {
	backend := newRaw(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
		_, _ = io.CopyN(conn, r, 10)
	})
	s := newSite(t, settings(), front.Options{}, backend.addr)
	conn := s.dial("")
	if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	const post = "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"
	for range 2 { // The connection is kept.
		fmt.Fprint(conn, post)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("no answer while the body goes on: %v", err)
		}
		fmt.Fprint(conn, "world")
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != "helloworld" {
			t.Errorf("%q, %v came back, want helloworld", body, err)
		}
	}
	s.wantCounts(2, 0, 0)
}
