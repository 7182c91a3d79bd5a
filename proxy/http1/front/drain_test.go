package front_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Case 22, its streams: at the drain limit what is still open is cut, and not counted as failed.
func TestFront_Drain(t *testing.T) {
	t.Run("waits for what ends by itself", func(t *testing.T) {
		s := newSite(t, settings(), front.Options{}, echo(t))
		c := dialWebSocket(t, s)
		done := make(chan error, 1)
		go func() { done <- s.front.Drain(t.Context()) }()
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
	})
	t.Run("cuts streams at the limit", func(t *testing.T) {
		started := make(chan struct{})
		events := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			close(started)
			<-r.Context().Done()
		})
		s := newSite(t, settings(), front.Options{}, echo(t), events)
		c := dialWebSocket(t, s)
		say(t, c, "hello")
		response, err := client(t).Do(request(t, "GET", s.url("/events"), nil))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		<-started
		limit, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := s.front.Drain(limit); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 requests") {
			t.Errorf("Drain() = %v, want the deadline and 2 requests", err)
		}
		if _, err := io.ReadAll(response.Body); err == nil {
			t.Error("the stream ended as if it were whole")
		}
		if _, _, err := c.Read(t.Context()); err == nil {
			t.Error("the WebSocket is still open")
		}
		c.CloseNow()
		s.wantCounts(2, 0, 0)
	})
}

func TestFront_Drain_answers_503_to_what_waits_for_an_answer(t *testing.T) {
	arrived := make(chan struct{})
	s := newSite(t, settings(), front.Options{}, serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	conn := s.dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	limit, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.front.Drain(limit); err == nil {
		t.Error("Drain() = nil with a request cut")
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 503 || response.Header.Get("X-Ballast-Error") != "shutting-down" {
		t.Errorf("answer %v, %v, want 503", response, err)
	}
	s.wantCounts(1, 1, 0)
}
