package fronttest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

var stallTests = []test{
	{"takes a malformed body for the client's fault", testMalformedBody},
	{"cuts bodies that stand still but not slow ones", testStalledBody},
	{"cuts a body that the backend does not read", testUnreadBody},
	{"waits no longer than the limit for a body that nobody wants", testUnwantedBody},
	{"waits for a slow answer after a body", testSlowAnswer},
}

func testMalformedBody(t *testing.T, h Harness) {
	backend := Serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	s := NewSite(t, h, Settings(), Options{}, backend)
	answer, _ := s.Say("POST /lb/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
	if answer.Status != 400 || answer.Header.Get("X-Ballast-Error") != "bad-request" {
		t.Errorf("answer %v, want 400", answer)
	}
	s.WantCounts(1, 0, 0)
}

// slowLimit is how long what is sent slowly may stand still. It is as much more than slowly takes for a piece as a busy machine
// may be late.
const (
	slowLimit  = 2 * time.Second
	slowPieces = 20
)

// slowly calls send slowPieces times: one and a half times slowLimit in all, and a thirteenth of it between two calls.
func slowly(send func()) {
	for range slowPieces {
		<-time.After(slowLimit * 3 / 2 / slowPieces)
		send()
	}
}

func testStalledBody(t *testing.T, h Harness) {
	backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: slowLimit}, backend)

	reader, writer := io.Pipe()
	go func() {
		slowly(func() { _, _ = writer.Write([]byte("x")) })
		_ = writer.Close()
	}()
	if answer, err := s.Ask("POST", "/", reader); err != nil || answer.Status != 200 || answer.Body != strconv.Itoa(slowPieces) {
		t.Errorf("slow body: %v, %v, want 200 and %d", answer, err, slowPieces)
	}
	if answer, _ := s.Say("POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello"); answer.Status != 400 {
		t.Errorf("body that stands still: %v, want 400", answer)
	}
	s.WantCounts(2, 0, 0)
}

// A backend that stops reading is as late as one that does not answer.
func testUnreadBody(t *testing.T, h Harness) {
	for name, framing := range map[string]string{
		"with a length": "Content-Length: 1000000000\r\n\r\n",
		"in chunks":     "Transfer-Encoding: chunked\r\n\r\n10000000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			backend := NewBackend(t, func(net.Conn, *bufio.Reader, string) { <-stop })
			t.Cleanup(func() { close(stop) })
			s := NewSite(t, h, Settings(), Options{BodyIdle: 100 * time.Millisecond}, backend.Address)
			conn := s.Dial("POST /lb/ HTTP/1.1\r\nHost: x\r\n" + framing)
			sent := make(chan struct{})
			go func() { // Ends with the connection, for nobody reads that much.
				defer close(sent)
				b := make([]byte, 64<<10)
				for err := error(nil); err == nil; {
					_, err = conn.Write(b)
				}
			}()
			answer, err := ReadAnswer(bufio.NewReader(conn))
			if err != nil || answer.Status != 504 || answer.Header.Get("X-Ballast-Error") != "timeout" {
				t.Errorf("answer %v, %v, want 504", answer, err)
			}
			conn.Close()
			<-sent
			s.WantCounts(1, 1, 1)
		})
	}
}

// A client that never sends the body that it announced is not waited for for ever, although nobody
// wants to read it.
func testUnwantedBody(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{BodyIdle: 50 * time.Millisecond})
	for _, path := range []string{"/lb/", "/elsewhere"} {
		all, err := s.SayAll("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
		if err != nil || !strings.HasPrefix(all, "HTTP/1.1 ") {
			t.Errorf("%s: %q, %v came, want an answer and the end", path, all, err)
		}
	}
	s.WantCounts(1, 1, 0)
}

// An answer may take longer than the pause that a body may have.
func testSlowAnswer(t *testing.T, h Harness) {
	const pause = 50 * time.Millisecond
	backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-time.After(4 * pause)
		fmt.Fprint(w, "ok")
	})
	s := NewSite(t, h, Settings(), Options{BodyIdle: pause}, backend)
	answer, err := s.Ask("POST", "/", bytes.NewReader(make([]byte, 1000)))
	if err != nil || answer.Status != 200 || answer.Body != "ok" {
		t.Errorf("%v, %v, want 200 ok", answer, err)
	}
}
