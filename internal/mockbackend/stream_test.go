package mockbackend

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

func TestBackend_bytes_are_always_the_same(t *testing.T) {
	h := New(Options{})
	for _, n := range []int64{0, 1, 1024, 100_003} {
		w := get(t.Context(), h, fmt.Sprintf("/bytes?n=%d", n))
		want := make([]byte, n)
		for i := range want {
			want[i] = ByteAt(int64(i))
		}
		if !bytes.Equal(w.Body.Bytes(), want) {
			t.Errorf("GET /bytes?n=%d: %d bytes that differ from ByteAt", n, w.Body.Len())
		}
		if got := w.Header().Get("Content-Length"); got != fmt.Sprint(n) {
			t.Errorf("GET /bytes?n=%d: Content-Length = %s", n, got)
		}
	}
}

// gone is a client that left after some bytes.
type gone struct {
	*httptest.ResponseRecorder
	left int
}

func (g *gone) Write(p []byte) (int, error) {
	if g.left -= len(p); g.left < 0 {
		return 0, errors.New("gone")
	}
	return g.ResponseRecorder.Write(p)
}

func TestBackend_bytes_ends_when_the_client_is_gone(t *testing.T) {
	w := &gone{httptest.NewRecorder(), 100_000}
	New(Options{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bytes?n=1000000000000", nil))
	if w.Body.Len() > 100_000 {
		t.Errorf("%d bytes written, want at most 100000", w.Body.Len())
	}
}

// TestEcho sends raw requests, so that no client tidies them up on the way.
func TestEcho(t *testing.T) {
	server := httptest.NewServer(New(Options{Name: "web-a"}))
	defer server.Close()
	tests := []struct {
		name, request string
		want          Echo
	}{
		{
			"path and query are left as they are",
			"GET /echo//a%2Fb/../c?a=1;b=2&c=%zz HTTP/1.1\r\nHost: example.com\r\n\r\n",
			Echo{Method: "GET", Host: "example.com", Path: "/echo//a%2Fb/../c", Query: "a=1;b=2&c=%zz"},
		},
		{
			"body",
			"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
			Echo{Method: "POST", Host: "h", Path: "/echo", Body: "hello", ContentLength: 5},
		},
		{
			"chunked body that is no text",
			"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\xff\xfe\r\n0\r\n\r\n",
			Echo{Method: "PUT", Host: "h", Path: "/echo", BodyBytes: []byte{0xff, 0xfe}, ContentLength: -1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tt.request); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var got Echo
			if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if got.Method != tt.want.Method || got.Host != tt.want.Host || got.Path != tt.want.Path ||
				got.Query != tt.want.Query || got.Body != tt.want.Body ||
				!bytes.Equal(got.BodyBytes, tt.want.BodyBytes) || got.ContentLength != tt.want.ContentLength {
				t.Errorf("echo = %+v, want %+v", got, tt.want)
			}
			if got.Container != "web-a" || got.Proto != "HTTP/1.1" || got.Remote != conn.LocalAddr().String() {
				t.Errorf("echo = %+v, want container web-a, HTTP/1.1 and remote %s", got, conn.LocalAddr())
			}
		})
	}
}

func TestEcho_repeats_headers_and_bounds_the_body(t *testing.T) {
	h := New(Options{})
	w := get(t.Context(), h, "/echo", "X-Forwarded-For", "192.0.2.1")
	if got := decode[Echo](t, w).Headers.Get("X-Forwarded-For"); got != "192.0.2.1" {
		t.Errorf("X-Forwarded-For = %q, want 192.0.2.1", got)
	}
	for n, want := range map[int]int{maxEcho: http.StatusOK, maxEcho + 1: http.StatusRequestEntityTooLarge} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/echo", strings.NewReader(strings.Repeat("a", n))))
		if w.Code != want {
			t.Errorf("POST /echo of %d bytes = %d, want %d", n, w.Code, want)
		}
	}
}

func TestSSE_sends_events_at_their_pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := get(t.Context(), New(Options{Name: "web-a"}), "/sse?n=3&ms=20")
		if took := time.Since(start); took != 40*time.Millisecond {
			t.Errorf("3 events 20 ms apart took %s, want 40ms", took)
		}
		want := "id: 1\ndata: {\"container\":\"web-a\",\"n\":1}\n\n" +
			"id: 2\ndata: {\"container\":\"web-a\",\"n\":2}\n\n" +
			"id: 3\ndata: {\"container\":\"web-a\",\"n\":3}\n\n"
		if w.Body.String() != want || !w.Flushed {
			t.Errorf("events = %q (flushed %t), want %q, flushed", w.Body, w.Flushed, want)
		}
	})
}

func TestSSE_without_end_ends_with_its_client(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 55*time.Millisecond)
		defer cancel()
		w := get(ctx, New(Options{}), "/sse?n=0&ms=10")
		if got := strings.Count(w.Body.String(), "data:"); got != 6 {
			t.Errorf("%d events in 55 ms, 10 ms apart, want 6", got)
		}
	})
}

func TestWebSocket_echoes(t *testing.T) {
	server := httptest.NewServer(New(Options{}))
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"http://elsewhere.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		if err := conn.Write(t.Context(), kind, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		gotKind, got, err := conn.Read(t.Context())
		if err != nil || gotKind != kind || string(got) != "hello" {
			t.Errorf("Read() = %s %q, %v, want %s \"hello\"", gotKind, got, err, kind)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("Close() = %v, want the backend to close as well", err)
	}
}

func TestWebSocket_ends_with_the_servers_context(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	h := New(Options{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		h.ServeHTTP(w, r)
	}))
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	cancel()
	<-ended
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("Read() error = nil, want the connection to have ended")
	}
}
