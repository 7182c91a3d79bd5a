package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// startResponder runs a backend for as long as the test, and returns its address.
func startResponder(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- responder{name: originName}.respond(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("respond() = %v, want nil", err)
		}
	})
	return listener.Addr().String()
}

func TestRespond(t *testing.T) {
	address := startResponder(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	tests := []struct {
		target string
		want   int
	}{{"/bytes?n=126", 126}, {"/health", 0}, {"/bytes?n=1048576", 1 << 20}, {"/bytes?n=0", 0}}
	for _, tt := range tests {
		response, err := client.Get("http://" + address + tt.target)
		if err != nil {
			t.Fatalf("GET %s: %v", tt.target, err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || len(body) != tt.want {
			t.Errorf("GET %s: %s, %d bytes, %v, want 200 with %d", tt.target, response.Status, len(body), err, tt.want)
		}
	}
}

func TestRespondOn_reads_however_requests_arrive(t *testing.T) {
	const requests = "GET /bytes?n=3 HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\n\r\n" +
		"GET /bytes?n=5 HTTP/1.1\r\nConnection: close\r\n\r\nGET /bytes?n=9 HTTP/1.1\r\n\r\n"
	tests := map[string]func(io.Reader) io.Reader{
		"at once":     func(r io.Reader) io.Reader { return r },
		"in halves":   iotest.HalfReader,
		"byte by one": iotest.OneByteReader,
	}
	for name, wrap := range tests {
		t.Run(name, func(t *testing.T) {
			conn := &fakeConn{Reader: wrap(strings.NewReader(requests))}
			r := responder{name: originName}
			if err := r.respondOn(t.Context(), conn); err != nil {
				t.Errorf("respondOn() = %v, want nil after Connection: close", err)
			}
			got := conn.written.String()
			for i, want := range []string{"Content-Length: 3\r\n\r\nxxx", "Content-Length: 0\r\n\r\n", "Connection: close\r\nContent-Length: 5\r\n\r\nxxxxx"} {
				_, rest, found := strings.Cut(got, want)
				if !found {
					t.Fatalf("answer %d: no %q in %q", i, want, got)
				}
				got = rest
			}
			if got != "" {
				t.Errorf("after the close it wrote %q", got)
			}
		})
	}
}

func TestRespondOn_ends_at_what_it_does_not_serve(t *testing.T) {
	tests := []string{
		"GET /bytes?n=-1 HTTP/1.1\r\n\r\n",
		"GET /bytes?n=x HTTP/1.1\r\n\r\n",
		"GET /bytes?n=" + strconv.Itoa(maxBody+1) + " HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nLong: " + strings.Repeat("a", 10<<10) + "\r\n\r\n",
		"GET / HTTP/1.1\r\n",
	}
	for _, request := range tests {
		conn := &fakeConn{Reader: strings.NewReader(request)}
		r := responder{name: originName}
		if err := r.respondOn(t.Context(), conn); err == nil || conn.written.Len() > 0 {
			t.Errorf("respondOn(%.40q) = %v and wrote %q, want an error and nothing", request, err, conn.written.String())
		}
	}
}

// fakeConn reads from one and keeps what is written.
type fakeConn struct {
	net.Conn
	io.Reader

	written bytes.Buffer
}

func (c *fakeConn) Read(p []byte) (int, error)  { return c.Reader.Read(p) }
func (c *fakeConn) Write(p []byte) (int, error) { return c.written.Write(p) }

func TestRespondOn_is_slow_where_a_body_is_asked_for(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := responder{name: slowName, latency: 2 * time.Second}
		for target, want := range map[string]time.Duration{"/health": 0, "/bytes?n=0": 0, "/bytes?n=1": 2 * time.Second} {
			conn := &fakeConn{Reader: strings.NewReader("GET " + target + " HTTP/1.1\r\nConnection: close\r\n\r\n")}
			began := time.Now()
			if err := r.respondOn(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != want || !strings.Contains(conn.written.String(), "\r\nServer: "+slowName+"\r\n") {
				t.Errorf("GET %s took %s, want %s, and was answered %q", target, took, want, conn.written.String())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		conn := &fakeConn{Reader: strings.NewReader("GET /bytes?n=1 HTTP/1.1\r\n\r\n")}
		if err := r.respondOn(ctx, conn); err == nil || conn.written.Len() > 0 {
			t.Errorf("respondOn() at the end = %v and wrote %q, want an error and nothing", err, conn.written.String())
		}
	})
}
