package front_test

import (
	"bufio"
	"fmt"
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
