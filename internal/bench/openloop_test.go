package main

import (
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestSchedule(t *testing.T) {
	began := time.Unix(100, 0)
	s := newSchedule(began, 1000, 3*time.Millisecond)
	for i := range 3 {
		if due, ok := s.take(); !ok || due != began.Add(time.Duration(i)*time.Millisecond) {
			t.Errorf("take() %d = %s, %t, want %d ms later than it began", i, due, ok, i)
		}
	}
	if due, ok := s.take(); ok {
		t.Errorf("take() after the last = %s, want none", due)
	}
}

func TestWaitUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, due := range []time.Time{now.Add(-time.Second), now, now.Add(time.Second)} {
			if from, err := waitUntil(t.Context(), due); err != nil || !from.Equal(due) || time.Now().Before(due) {
				t.Errorf("waitUntil(%s) = %s, %v at %s, want just that and no earlier", due, from, err, time.Now())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := waitUntil(ctx, time.Now().Add(time.Hour)); err == nil {
			t.Error("waitUntil() at the end: error = nil, want one")
		}
	})
}

// A request is due every 10 ms and answered after 30: they overlap, or there would be fewer.
func TestLoad_keeps_its_rate(t *testing.T) {
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- responder{name: slowName, latency: 30 * time.Millisecond}.respond(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("respond() = %v, want nil", err)
		}
	}()
	var out bytes.Buffer
	url := "http://" + listener.Addr().String() + "/bytes?n=1"
	if err := run(t.Context(), []string{loadCommand, "-connections", "20", "-duration", "200ms", "-rate", "100", url}, &out); err != nil {
		t.Fatal(err)
	}
	got, err := parseReport(out.Bytes())
	if err != nil || got.requests != 20 || got.slow != 20 || got.failed != 0 || got.p50 < 29*time.Millisecond {
		t.Errorf("load = %+v, %v, want 20 requests, all slow, none failed, 30 ms each", got, err)
	}
}
