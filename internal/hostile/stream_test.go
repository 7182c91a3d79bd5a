package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestCheck(t *testing.T) {
	const n = 3*blockSize + 7
	whole, err := io.ReadAll(&content{left: n})
	if err != nil || len(whole) != n {
		t.Fatalf("a content of %d bytes has %d, %v", n, len(whole), err)
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader} {
		if got, err := check(wrap(bytes.NewReader(whole))); err != nil || got != n {
			t.Errorf("check() of %s = %d, %v, want %d", name, got, err, n)
		}
	}
	swapped := bytes.Clone(whole)
	swapped[n/2], swapped[n/2+1] = swapped[n/2+1], swapped[n/2]
	tests := map[string][]byte{
		"a byte lost": append(bytes.Clone(whole[:n/2]), whole[n/2+1:]...), "two bytes swapped": swapped,
		"a block doubled": append(bytes.Clone(whole[:blockSize]), whole...),
	}
	for name, body := range tests {
		if got, err := check(bytes.NewReader(body)); err == nil || got != int64(len(body)) {
			t.Errorf("check() of a body with %s = %d, %v, want its length %d and an error", name, got, err, len(body))
		}
	}
	if got, err := check(iotest.TimeoutReader(bytes.NewReader(whole))); !errors.Is(err, iotest.ErrTimeout) || got != blockSize {
		t.Errorf("check() of a body that breaks off = %d, %v, want %d and why", got, err, blockSize)
	}
}

func TestStream_moves(t *testing.T) {
	server := httptest.NewServer(newOrigin())
	defer server.Close()
	transport := newTransport(blockSize)
	for _, up := range []bool{false, true} {
		for _, chunked := range []bool{false, true} {
			s := stream{bytes: 1 << 20, up: up, chunked: chunked, pace: pace{portion: 1 << 18, every: time.Millisecond}}
			if err := s.move(t.Context(), transport, server.URL); err != nil {
				t.Errorf("move(up %t, chunked %t) = %v", up, chunked, err)
			}
		}
	}
}

func TestStream_tells_what_is_wrong(t *testing.T) {
	for name, answer := range map[string]string{"status": "503", "length": "short", "receipt": `{"Bytes": 5}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if name == "status" {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = io.WriteString(w, answer)
		}))
		for _, up := range []bool{false, true} {
			if err := (stream{bytes: 6, up: up}).move(t.Context(), newTransport(0), server.URL); err == nil {
				t.Errorf("move(up %t) with a wrong %s = nil, want an error", up, name)
			}
		}
		server.Close()
	}
}

func TestPace_waits_between_portions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{portion: 10, every: time.Second}
		began := time.Now()
		if got, err := io.ReadAll(p.reader(t.Context(), &content{left: 35})); err != nil || len(got) != 35 {
			t.Errorf("read %d bytes, %v, want 35", len(got), err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("four portions took %s, want 3s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if got, err := io.ReadAll(p.reader(ctx, &content{left: 35})); !errors.Is(err, context.DeadlineExceeded) || len(got) != 20 {
			t.Errorf("read %d bytes in 1.5 s, %v, want 20", len(got), err)
		}
	})
}

func TestOrigin_tells_what_held_it(t *testing.T) {
	server := httptest.NewServer(newOrigin())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/down?n=1000&first=10&tag=x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	heldBy := func() string {
		text, err := fetch(t.Context(), server.URL+"/held?tag=x")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := heldBy(); !strings.HasPrefix(got, `{"Open":1,"Ended":null}`) {
		t.Errorf("while the answer is not read, held = %s", got)
	}
	cancel()
	for deadline := time.Now().Add(10 * time.Second); !strings.HasPrefix(heldBy(), `{"Open":0,"Ended":[`); {
		if time.Now().After(deadline) {
			t.Fatalf("10 s after the client has left, held = %s", heldBy())
		}
	}
}

func TestClients_count_from_when_a_request_is_due(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c := clients{lane: lane{strings.TrimPrefix(server.URL, "http://"), "/"}, rate: 1000}
	if got := c.serve(ctx); got.failed != 0 || got.latency.Count < 64 || got.latency.Count > 200+workers {
		t.Errorf("in 200 ms at 1000/s: %d answers, %d failed: %v", got.latency.Count, got.failed, got.why)
	}

	// One that accepts all and answers nobody: all fail, and are told.
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c2 := clients{lane: lane{l.Addr().String(), "/"}, rate: 1000}
	if got := c2.serve(ctx); got.failed == 0 || got.latency.Count != 0 || got.why == nil {
		t.Errorf("where nobody listens: %d answers, %d failed: %v", got.latency.Count, got.failed, got.why)
	}
}

func TestRelay_passes_on(t *testing.T) {
	server := httptest.NewServer(newOrigin())
	defer server.Close()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		relay(t.Context(), far, strings.TrimPrefix(server.URL, "http://"))
	}()
	if _, err := io.WriteString(near, "GET /down?n=300 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(near)
	if _, body, _ := strings.Cut(string(answer), "\r\n\r\n"); err != nil || body != string(pattern[:300]) {
		t.Errorf("through the relay came %q, %v", answer, err)
	}
	<-done
}
