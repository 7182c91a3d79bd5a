package conformance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// TestWebSocket: both ends are a library that keeps RFC 6455 and 7692; what they agree on goes through each front.
func TestWebSocket(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, fronttest.Harness)
	}{
		{"text and binary, whole and in fragments", testMessages},
		{"ping and pong, both ways", testPing},
		{"close codes, both ways", testCloseCodes},
		{"compression is agreed on end to end", testCompression},
		{"subprotocols are agreed on end to end", testSubprotocol},
		{"64 MB both ways in bounded memory", testLargeMessage},
		{"what was said before the end arrives", testHalfClose},
	}
	for name, h := range map[string]fronttest.Harness{"http1": overHTTP1, "nethttp": overHTTP2(false)} {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) { tt.run(t, h) })
		}
	}
}

// socket connects a client to a server that does what it is told, through a front.
func socket(t *testing.T, h fronttest.Harness, accept websocket.AcceptOptions, dial websocket.DialOptions, do func(context.Context, *websocket.Conn)) *websocket.Conn {
	t.Helper()
	c, _ := socketAgreed(t, h, accept, dial, do)
	return c
}

// socketAgreed is socket, and says what extensions were agreed on.
func socketAgreed(t *testing.T, h fronttest.Harness, accept websocket.AcceptOptions, dial websocket.DialOptions, do func(context.Context, *websocket.Conn)) (*websocket.Conn, string) {
	t.Helper()
	served := make(chan struct{})
	backend := fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		c, err := websocket.Accept(w, r, &accept)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(-1)
		do(r.Context(), c)
	})
	site := fronttest.NewSite(t, h, fronttest.Settings(), fronttest.Options{}, backend)
	client := fronttest.Client(t)
	client.Timeout = 0
	dial.HTTPClient = client
	c, response, err := websocket.Dial(t.Context(), "ws://"+site.Address+"/ws", &dial)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() {
		_ = c.CloseNow()
		<-served
		site.Settled()
		site.WantCounts(1, 0, 0)
	})
	return c, response.Header.Get("Sec-WebSocket-Extensions")
}

// echo says back what it hears, in as many fragments as it comes.
func echo(ctx context.Context, c *websocket.Conn) {
	b := make([]byte, 32<<10)
	for {
		kind, r, err := c.Reader(ctx)
		if err != nil {
			return
		}
		w, err := c.Writer(ctx, kind)
		if err != nil {
			return
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, b); err != nil || w.Close() != nil {
			return
		}
	}
}

func testMessages(t *testing.T, h fronttest.Harness) {
	c := socket(t, h, websocket.AcceptOptions{}, websocket.DialOptions{}, echo)
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 200_000} {
			for _, fragments := range []int{1, 3, 50} {
				message := bytes.Repeat([]byte("abcdefg\n"), size/8+1)[:size]
				w, err := c.Writer(t.Context(), kind)
				for i := range fragments {
					if err == nil {
						_, err = w.Write(message[size*i/fragments : size*(i+1)/fragments])
					}
				}
				if err != nil || w.Close() != nil {
					t.Fatalf("send %d bytes in %d fragments: %v", size, fragments, err)
				}
				got, back, err := c.Read(t.Context())
				if err != nil || got != kind || !bytes.Equal(back, message) {
					t.Fatalf("%d bytes in %d fragments came back as %v with %d bytes, %v", size, fragments, got, len(back), err)
				}
			}
		}
	}
}

func testPing(t *testing.T, h fronttest.Harness) {
	const pings = 20
	var heard atomic.Int64
	answered := make(chan error, pings)
	c := socket(t, h, websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
		heard.Add(1)
		return true
	}}, websocket.DialOptions{}, func(ctx context.Context, c *websocket.Conn) {
		reading := c.CloseRead(ctx)
		for range pings {
			answered <- c.Ping(reading)
		}
		<-reading.Done()
	})
	reading := c.CloseRead(t.Context())
	for range pings {
		if err := c.Ping(reading); err != nil {
			t.Fatalf("the client's ping: %v", err)
		}
		if err := <-answered; err != nil {
			t.Fatalf("the server's ping: %v", err)
		}
	}
	if got := heard.Load(); got != pings {
		t.Errorf("the server heard %d pings, want %d", got, pings)
	}
}

func testCloseCodes(t *testing.T, h fronttest.Harness) {
	for _, code := range []websocket.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999} {
		for _, byClient := range []bool{true, false} {
			t.Run(fmt.Sprint(int(code), byClient), func(t *testing.T) {
				want := websocket.CloseError{Code: code, Reason: "because"}
				heard := make(chan error, 1)
				c := socket(t, h, websocket.AcceptOptions{}, websocket.DialOptions{}, func(ctx context.Context, c *websocket.Conn) {
					if !byClient {
						heard <- c.Close(want.Code, want.Reason)
						return
					}
					_, _, err := c.Read(ctx)
					heard <- err
				})
				var said, got error
				if byClient {
					said = c.Close(want.Code, want.Reason)
					got = <-heard
				} else {
					_, _, got = c.Read(t.Context())
					said = <-heard
				}
				if heard, ok := errors.AsType[websocket.CloseError](got); !ok || heard != want || said != nil {
					t.Errorf("Close() = %v, and the other side heard %v, want %v", said, got, want)
				}
			})
		}
	}
}

// Frames that are compressed have a bit that only who agreed on it understands: an end that had not been asked, or a
// front that took the offer away, would fail.
func testCompression(t *testing.T, h fronttest.Harness) {
	for mode, name := range map[websocket.CompressionMode]string{
		websocket.CompressionDisabled:          "off",
		websocket.CompressionContextTakeover:   "with context",
		websocket.CompressionNoContextTakeover: "without context",
	} {
		t.Run(name, func(t *testing.T) {
			c, agreed := socketAgreed(t, h, websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1},
				websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1}, echo)
			if got := strings.HasPrefix(agreed, "permessage-deflate"); got != (mode != websocket.CompressionDisabled) {
				t.Errorf("agreed on %q", agreed)
			}
			for range 10 {
				message := bytes.Repeat([]byte("compressible "), 10_000)
				if err := c.Write(t.Context(), websocket.MessageText, message); err != nil {
					t.Fatal(err)
				}
				if _, got, err := c.Read(t.Context()); err != nil || !bytes.Equal(got, message) {
					t.Fatalf("%d bytes came back, %v, want %d", len(got), err, len(message))
				}
			}
		})
	}
}

func testSubprotocol(t *testing.T, h fronttest.Harness) {
	c := socket(t, h, websocket.AcceptOptions{Subprotocols: []string{"b", "a"}}, websocket.DialOptions{Subprotocols: []string{"a", "b", "c"}}, echo)
	if got := c.Subprotocol(); got != "b" && got != "a" {
		t.Errorf("Subprotocol() = %q, want a or b", got)
	}
}

// One message of 64 MB each way at the same time. Neither end keeps more than a piece, and neither does the front.
func testLargeMessage(t *testing.T, h fronttest.Harness) {
	const size, piece = 64 << 20, 64 << 10
	before := heap()
	c := socket(t, h, websocket.AcceptOptions{}, websocket.DialOptions{}, echo)
	sent := sha256.New()
	done := make(chan error, 1)
	go func() {
		w, err := c.Writer(t.Context(), websocket.MessageBinary)
		b := make([]byte, piece)
		for n := 0; err == nil && n < size; n += piece {
			for i := range b {
				b[i] = byte(i*7 + n>>16)
			}
			sent.Write(b)
			_, err = w.Write(b)
		}
		if err == nil {
			err = w.Close()
		}
		done <- err
	}()
	kind, r, err := c.Reader(t.Context())
	if err != nil || kind != websocket.MessageBinary {
		t.Fatalf("%v came, %v", kind, err)
	}
	got, most, b := sha256.New(), uint64(0), make([]byte, piece)
	total := 0
	for looked := 0; err == nil; {
		var n int
		n, err = r.Read(b)
		got.Write(b[:n])
		if total += n; total-looked >= 8<<20 {
			looked, most = total, max(most, heap())
		}
	}
	if sending := <-done; sending != nil || !errors.Is(err, io.EOF) || total != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Errorf("%d bytes came back, %v, %v, want the %d that were sent", total, err, sending, size)
	}
	const limit = 16 << 20
	t.Logf("the heap was %d KiB before and %d KiB at most", before>>10, most>>10)
	if most > before+limit {
		t.Errorf("the heap grew from %d to %d bytes, want %d more at most", before, most, limit)
	}
}

// heap is how much memory is in use once what is not was freed.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A side that closes while much is on its way to it still gets all of that, and then the answer to its close frame.
func testHalfClose(t *testing.T, h fronttest.Harness) {
	const messages, size = 100, 10_000
	c := socket(t, h, websocket.AcceptOptions{}, websocket.DialOptions{}, func(ctx context.Context, c *websocket.Conn) {
		if _, _, err := c.Read(ctx); err != nil {
			t.Errorf("the server heard %v, want a message", err)
		}
		for range messages {
			if err := c.Write(ctx, websocket.MessageBinary, make([]byte, size)); err != nil {
				t.Errorf("the server says: %v", err)
			}
		}
		if err := c.Close(websocket.StatusGoingAway, "that is all"); err != nil {
			t.Errorf("the server closes: %v", err)
		}
	})
	if err := c.Write(t.Context(), websocket.MessageText, []byte("go")); err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		if _, got, err := c.Read(t.Context()); err != nil || len(got) != size {
			t.Fatalf("message %d has %d bytes, %v, want %d", i, len(got), err, size)
		}
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("then %v, want the close", err)
	}
}
