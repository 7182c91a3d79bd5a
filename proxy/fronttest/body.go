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

var bodyTests = []test{
	{"answers pipelined requests in order", testPipelined},
	{"passes long bodies on unchanged", testLongBodies},
	{"passes on a body while the answer comes", testBothWays},
	{"lets a client wait for 100", testContinue},
	{"waits for an answer only when the request was sent", testSlowBody},
	{"passes interim answers on", testInterim},
	{"passes events on at once", testEvents},
}

func testPipelined(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s%s", r.URL.Path, body)
	}))
	const each = 20
	var text strings.Builder
	var want []string
	add := func(i int, method, framed, body string) {
		fmt.Fprintf(&text, "%s /lb/%d HTTP/1.1\r\nHost: x\r\n%s", method, i, framed)
		want = append(want, fmt.Sprintf("/%d%s", i, body))
	}
	for i := range each {
		add(i, "GET", "\r\n", "")
		add(i, "POST", "Content-Length: 2\r\n\r\n-a", "-a")
		if !h.Lenient { // Where it would be the last.
			add(i, "POST", "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n-b\r\n0\r\n\r\n", "-b")
		}
	}
	for name, pieces := range map[string]int{"at once": text.Len(), "in pieces": 7} {
		t.Run(name, func(t *testing.T) {
			conn := s.Dial("")
			go func() {
				for rest := text.String(); rest != ""; rest = rest[min(pieces, len(rest)):] {
					fmt.Fprint(conn, rest[:min(pieces, len(rest))])
				}
			}()
			r := bufio.NewReader(conn)
			for i, want := range want {
				if answer, err := ReadAnswer(r); err != nil || answer.Body != want {
					t.Fatalf("answer %d is %v, %v, want %q", i, answer, err, want)
				}
			}
			conn.Close()
		})
	}
	s.WantCounts(uint64(2*len(want)), 0, 0)
}

// Bodies of every length and framing arrive as they were, whatever way they take.
func testLongBodies(t *testing.T, h Harness) {
	s := NewSite(t, h, Settings(), Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	for _, size := range []int{1, 8 << 10, 16 << 10, 64<<10 - 1, 64<<10 + 1, 200_000, 5<<20 + 3} {
		for _, length := range []bool{true, false} {
			t.Run(fmt.Sprint(size, length), func(t *testing.T) {
				sent := make([]byte, size)
				for i := range sent {
					sent[i] = byte(i * 31 >> 3)
				}
				answer, err := s.Ask("POST", "/", bodyOf(sent, length))
				if err != nil || answer.Status != 200 || !bytes.Equal([]byte(answer.Body), sent) {
					t.Errorf("%d, %v, %d bytes that are equal: %t, want %d", answer.Status, err, len(answer.Body), answer.Body == string(sent), size)
				}
			})
		}
	}
	s.WantCounts(14, 0, 0)
}

// A backend may answer before it has read the request: the answer is passed on at once, and the rest
// of the request still reaches it.
func testBothWays(t *testing.T, h Harness) {
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
		_, _ = io.CopyN(conn, r, 10)
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	conn := s.Dial("")
	r := bufio.NewReader(conn)
	const post = "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"
	for range 2 { // The connection is kept.
		fmt.Fprint(conn, post)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("no answer while the body goes on: %v", err)
		}
		fmt.Fprint(conn, "world")
		if answer, err := read(response, nil); err != nil || answer.Body != "helloworld" {
			t.Errorf("%v, %v came back, want helloworld", answer, err)
		}
	}
	s.WantCounts(2, 0, 0)
}

func testContinue(t *testing.T, h Harness) {
	const ask = "POST /lb HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	t.Run("and passes it on", func(t *testing.T) {
		s := NewSite(t, h, Settings(), Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		conn := s.Dial(ask)
		r := bufio.NewReader(conn)
		if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q, %v came first, want 100", line, err)
		}
		_, _ = r.Discard(2)
		fmt.Fprint(conn, "hello")
		answer, err := ReadAnswer(r)
		if h.Lenient && answer.Status == 100 { // Its own came before the backend's.
			answer, err = ReadAnswer(r)
		}
		if err != nil || answer.Status != 200 || answer.Body != "hello" {
			t.Errorf("answer %v, %v", answer, err)
		}
		conn.Close()
		s.WantCounts(1, 0, 0)
	})
	t.Run("or the refusal, and ends", func(t *testing.T) {
		backend := NewBackend(t, Replies("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
		s := NewSite(t, h, Settings(), Options{}, backend.Address)
		if h.Lenient { // It says 100 before it knows what the backend says, and then needs the body.
			_, r := s.Say(ask + "hello")
			if answer, err := ReadAnswer(r); err != nil || answer.Status != 413 {
				t.Errorf("answer %v, %v, want 413", answer, err)
			}
		} else {
			all, err := s.SayAll(ask)
			if err != nil || !strings.HasPrefix(all, "HTTP/1.1 413 ") || !strings.Contains(all, "Connection: close\r\n") {
				t.Errorf("%v after:\n%s", err, all)
			}
		}
		s.WantCounts(1, 0, 0)
	})
}

// What is sent, also what is sent on after a 100, may take longer than an answer may.
func testSlowBody(t *testing.T, h Harness) {
	const limit = 100 * time.Millisecond
	conf := Settings()
	conf.Timeout = limit
	s := NewSite(t, h, conf, Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		conn := s.Dial("POST /lb HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n" + expect + "\r\n")
		r := bufio.NewReader(conn)
		if expect != "" {
			if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
				t.Fatalf("%q, %v came first, want 100", line, err)
			}
			_, _ = r.Discard(2)
		}
		ticker := time.NewTicker(limit / 4)
		for range 12 { // Three times the limit.
			<-ticker.C
			fmt.Fprint(conn, "x")
		}
		ticker.Stop()
		answer, err := ReadAnswer(r)
		for err == nil && answer.Status == 100 { // net/http's, and then the backend's.
			answer, err = ReadAnswer(r)
		}
		if err != nil || answer.Status != 200 {
			t.Errorf("%q: answer %v, %v, want 200", expect, answer, err)
		}
		conn.Close()
	}
	s.WantCounts(2, 0, 0)
}

func testInterim(t *testing.T, h Harness) {
	backend := NewBackend(t, Replies("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	all, err := s.SayAll("GET /lb/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	first, rest, _ := strings.Cut(all, "\r\n\r\n")
	if err != nil || !strings.HasPrefix(first, "HTTP/1.1 103 ") || !strings.Contains(first, "Link: </x>") || !strings.HasPrefix(rest, "HTTP/1.1 200 ") {
		t.Errorf("%v after:\n%s\nwant a 103 with its field, and a 200", err, all)
	}
	s.WantCounts(1, 0, 0)
}

func testEvents(t *testing.T, h Harness) {
	heard := make(chan struct{})
	for _, header := range []string{"Content-Type: text/event-stream", "Content-Type: text/plain", "Content-Length: 20"} {
		t.Run(header, func(t *testing.T) {
			name, value, _ := strings.Cut(header, ": ")
			backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(name, value)
				w.WriteHeader(http.StatusOK)
				for i := range 2 {
					_ = http.NewResponseController(w).Flush()
					select {
					case <-heard: // The next comes only when this one, or the head, was heard.
					case <-r.Context().Done():
						return
					}
					fmt.Fprintf(w, "data: %d\n\n\n", i)
				}
			})
			s := NewSite(t, h, Settings(), Options{}, backend)
			response, err := s.client.Do(Request(t, "GET", s.URL("/"), nil))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			r := bufio.NewReader(response.Body)
			for i := range 2 {
				heard <- struct{}{}
				if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
					t.Fatalf("event %d is %q, %v", i, line, err)
				}
				_, _ = r.Discard(2)
			}
		})
	}
}
