package front_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

// Who has begun a head when the drain begins may end it.
func TestFront_Drain_waits_for_a_head_that_has_begun(t *testing.T) {
	const looks = 5 * 10 * time.Millisecond // That Drain takes at connections, and more.
	s := newOwn(t, fronttest.Settings(), front.Options{Logger: zerolog.Nop()}, fronttest.NewOK(t).Address)
	conn := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(conn)
	if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
		t.Fatalf("answer %v, %v", answer, err)
	}
	fmt.Fprint(conn, "GET /lb/ HTTP/1.1\r\nHost: x\r\n")
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("Drain() = %v with half a head received", err)
	case <-time.After(looks):
	}
	fmt.Fprint(conn, "\r\n")
	if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
		t.Errorf("answer %v, %v, want 200", answer, err)
	}
	conn.Close()
	if err := <-done; err != nil {
		t.Errorf("Drain() = %v", err)
	}
	s.WantCounts(2, 0, 0)
}

// An answer whose head was out already when the front began to retire has not told its client that it is the last: who asks
// again on its connection is served.
func TestFront_Retire_serves_who_was_not_told(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	backend := fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			return
		}
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-goOn
	})
	retires := draining(quick, nil, func(f *front.Front, ctx context.Context) error { return f.Retire(ctx, 1500*time.Millisecond) })
	s := fronttest.NewSite(t, retires, fronttest.Settings(), fronttest.Options{}, backend)
	conn := s.Dial("GET /lb/long HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(conn)
	<-begun
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.Close {
		t.Fatalf("the head is %v, %v, want that the connection is kept", response, err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	<-time.After(50 * time.Millisecond) // Longer than Retire takes to look at connections.
	close(goOn)
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the answer broke off: %v", err)
	}
	fmt.Fprint(conn, "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
	if answer, err := io.ReadAll(r); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) || !bytes.Contains(answer, []byte("\r\nConnection: close\r\n")) {
		t.Errorf("answer %q, %v, want 200 and that the connection ends", answer, err)
	}
	if err := <-done; err != nil {
		t.Errorf("Retire() = %v", err)
	}
}

// A front that retires serves what comes on a connection that it keeps, and says that it was the last time; only one that
// has been idle for long is closed.
func TestFront_Retire_serves_who_asks_once_more(t *testing.T) {
	const looks = 5 * 10 * time.Millisecond
	const idle = 1500 * time.Millisecond // Longer than a busy machine takes to ask once more.
	retires := draining(quick, nil, func(f *front.Front, ctx context.Context) error { return f.Retire(ctx, idle) })
	s := fronttest.NewSite(t, retires, fronttest.Settings(), fronttest.Options{}, fronttest.NewOK(t).Address)
	asks, idles := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n"), s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	readers := []*bufio.Reader{bufio.NewReader(asks), bufio.NewReader(idles)}
	for _, r := range readers {
		if answer, err := fronttest.ReadAnswer(r); err != nil || answer.Status != 200 {
			t.Fatalf("answer %v, %v", answer, err)
		}
	}
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("Retire() = %v with connections that were not idle for long", err)
	case <-time.After(looks):
	}
	fmt.Fprint(asks, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := io.ReadAll(readers[0])
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) || !bytes.Contains(answer, []byte("\r\nConnection: close\r\n")) {
		t.Errorf("answer %q, %v, want 200 and that the connection ends", answer, err)
	}
	if _, err := readers[1].ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v, want its end", err)
	}
	if took := time.Since(began); took < idle {
		t.Errorf("the idle connection was closed after %s, want at least %s", took, idle)
	}
	if err := <-done; err != nil {
		t.Errorf("Retire() = %v", err)
	}
	s.WantCounts(3, 0, 0)
}
