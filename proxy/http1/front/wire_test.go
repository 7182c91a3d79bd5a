package front_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/http1/front"
)

func TestFront_answers_pipelined_requests_in_order(t *testing.T) {
	s := newSite(t, settings(), front.Options{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s%s", r.URL.Path, body)
	}))
	text := ""
	for i := range 20 {
		text += fmt.Sprintf("GET /lb/%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		text += fmt.Sprintf("POST /lb/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n-a", i)
		text += fmt.Sprintf("POST /lb/%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n-b\r\n0\r\n\r\n", i)
	}
	for name, pieces := range map[string]int{"at once": len(text), "in pieces": 7} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial("")
			go func() {
				for rest := text; rest != ""; rest = rest[min(pieces, len(rest)):] {
					fmt.Fprint(conn, rest[:min(pieces, len(rest))])
				}
			}()
			r := bufio.NewReader(conn)
			for i := range 60 {
				response, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
				body, err := io.ReadAll(response.Body)
				if want := fmt.Sprintf("/%d%s", i/3, []string{"", "-a", "-b"}[i%3]); err != nil || string(body) != want {
					t.Fatalf("answer %d is %q, %v, want %q", i, body, err, want)
				}
			}
			conn.Close()
		})
	}
	s.wantCounts(120, 0, 0)
}

func TestFront_hands_over_what_is_not_for_a_pool(t *testing.T) {
	handed := make(chan net.Conn, 1)
	s := newSite(t, settings(), front.Options{HandOff: func(c net.Conn) { handed <- c }}, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "pool")
	}))
	const other = "GET /dashboard HTTP/1.1\r\nHost: x\r\n\r\nbehind"
	for name, text := range map[string]string{
		"first": other, "after another": "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n" + other, "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial(text)
			want := strings.TrimPrefix(text, "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n") + "more"
			theirs := <-handed
			defer theirs.Close()
			fmt.Fprint(conn, "more")
			got := make([]byte, len(want))
			if _, err := io.ReadFull(theirs, got); err != nil || string(got) != want {
				t.Errorf("%q, %v was handed over, want %q", got, err, want)
			}
			fmt.Fprint(theirs, "bye")
			theirs.Close()
			if all, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(all), "bye") {
				t.Errorf("%q, %v came back", all, err)
			}
		})
	}
}

func TestFront_frames_answers_for_who_asked(t *testing.T) {
	const chunks = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n"
	tests := []struct {
		name, request, reply string
		want                 string
		keep                 bool
	}{
		{"chunks are framed anew", "GET /lb HTTP/1.1\r\nHost: x\r\n\r\n", chunks, "2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n", true},
		{"not for 1.0", "GET /lb HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", chunks, "hello", false},
		{"1.0 may be kept", "GET /lb HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Content-Length: 5\r\n\r\nhello", "hello", true},
		{"and need not", "GET /lb HTTP/1.0\r\n\r\n", "Content-Length: 5\r\n\r\nhello", "hello", false},
		{"until the end", "GET /lb HTTP/1.1\r\nHost: x\r\n\r\n", "\r\nhello", "5\r\nhello\r\n0\r\n\r\n", true},
		{"until the end for 1.0", "GET /lb HTTP/1.0\r\nHost: x\r\n\r\n", "\r\nhello", "hello", false},
		{"HEAD", "HEAD /lb HTTP/1.1\r\nHost: x\r\n\r\n", "Content-Length: 5\r\n\r\n", "", true},
		{"HEAD of chunks", "HEAD /lb HTTP/1.1\r\nHost: x\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n", "", true},
		{"the end is asked for", "GET /lb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Content-Length: 5\r\n\r\nhello", "hello", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, settings(), front.Options{}, newRaw(t, replies("HTTP/1.1 200 OK\r\n"+tt.reply)).addr)
			conn := s.dial(tt.request)
			if tt.keep {
				fmt.Fprint(conn, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			all, err := io.ReadAll(conn)
			got, rest, second := strings.Cut(string(all), "HTTP/1.1 404 ")
			_, body, _ := strings.Cut(got, "\r\n\r\n")
			if err != nil || body != tt.want || second != tt.keep {
				t.Errorf("%v after:\n%s%s\nwant body %q, kept %t", err, got, rest, tt.want, tt.keep)
			}
			conn.Close()
			s.wantCounts(1, 0, 0)
		})
	}
	for _, status := range []string{"204 No Content", "304 Not Modified"} {
		t.Run(status, func(t *testing.T) {
			s := newSite(t, settings(), front.Options{}, newRaw(t, replies("HTTP/1.1 "+status+"\r\n\r\n")).addr)
			conn := s.dial("GET /lb HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
			all, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 "+status+"\r\n\r\nHTTP/1.1 404 ") {
				t.Errorf("%v after:\n%s", err, all)
			}
		})
	}
}

// Long bodies of a known length take the way through the kernel, others don't; both arrive as they were.
func TestFront_passes_long_bodies_on_unchanged(t *testing.T) {
	s := newSite(t, settings(), front.Options{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	c := client(t)
	for _, size := range []int{1, 8 << 10, 16 << 10, 64<<10 - 1, 64<<10 + 1, 200_000, 5<<20 + 3} {
		for _, length := range []bool{true, false} {
			t.Run(fmt.Sprint(size, length), func(t *testing.T) {
				sent := make([]byte, size)
				for i := range sent {
					sent[i] = byte(i * 31 >> 3)
				}
				var body io.Reader = bytes.NewReader(sent)
				if !length {
					body = io.MultiReader(body)
				}
				response, got, err := get(t, c, request(t, "POST", s.url("/"), body))
				if err != nil || response.StatusCode != 200 || !bytes.Equal([]byte(got), sent) {
					t.Errorf("%v, %v, %d bytes that are equal: %t, want %d", response, err, len(got), got == string(sent), size)
				}
			})
		}
	}
	s.wantCounts(14, 0, 0)
}

func TestFront_lets_a_client_wait_for_100(t *testing.T) {
	const ask = "POST /lb HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	t.Run("and passes it on", func(t *testing.T) {
		s := newSite(t, settings(), front.Options{}, serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		conn := s.dial(ask)
		r := bufio.NewReader(conn)
		if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q, %v came first, want 100", line, err)
		}
		_, _ = r.Discard(2)
		fmt.Fprint(conn, "hello")
		if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 || response.ContentLength != 5 {
			t.Errorf("answer %v, %v", response, err)
		}
		conn.Close()
		s.wantCounts(1, 0, 0)
	})
	t.Run("or the refusal, and ends", func(t *testing.T) {
		s := newSite(t, settings(), front.Options{}, newRaw(t, replies("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")).addr)
		conn := s.dial(ask)
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 413 ") || !strings.Contains(string(all), "Connection: close\r\n") {
			t.Errorf("%v after:\n%s", err, all)
		}
		conn.Close()
		s.wantCounts(1, 0, 0)
	})
}

// A kept connection that ends without a byte is tried again anew, but only for what may be sent twice.
func TestFront_repeats_only_what_may_be_repeated(t *testing.T) {
	for method, want := range map[string]int{"GET": 200, "POST": 502} {
		t.Run(method, func(t *testing.T) {
			backend := newRaw(t, func(conn net.Conn, r *bufio.Reader, _ string) {
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				_, _ = r.ReadString('\n') // The second request on the connection is read, and dropped.
				_ = conn.(*net.TCPConn).SetLinger(0)
			})
			s := newSite(t, settings(), front.Options{}, backend.addr)
			c := client(t)
			for i, want := range []int{200, want} {
				response, _, err := get(t, c, request(t, method, s.url("/"), nil))
				if err != nil || response.StatusCode != want {
					t.Errorf("answer %d: %v, %v, want %d", i, response, err, want)
				}
			}
		})
	}
}

func TestFront_Drain_closes_idle_connections_and_ends_the_others_after_their_answer(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	s := newSite(t, settings(), front.Options{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-answer
		}
	}))
	idle := s.dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(idle)
	if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 {
		t.Fatalf("answer %v, %v", response, err)
	}
	busy := s.dial("GET /lb/slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	done := make(chan error, 1)
	go func() { done <- s.front.Drain(context.Background()) }()
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("the idle connection got %q, %v, want its end", rest, err)
	}
	close(answer)
	if all, err := io.ReadAll(busy); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 200 ") || !strings.Contains(string(all), "Connection: close") {
		t.Errorf("%v after:\n%s", err, all)
	}
	if err := <-done; err != nil {
		t.Errorf("Drain() = %v", err)
	}
}

func TestFront_cuts_slow_heads_and_idle_clients(t *testing.T) {
	const limit = 40 * time.Millisecond
	s := newSite(t, settings(), front.Options{HeadTimeout: limit, ClientIdle: limit})
	for name, text := range map[string]string{"silent": "", "in a head": "GET /lb HT"} {
		t.Run(name, func(t *testing.T) {
			conn := s.dial(text)
			if all, err := io.ReadAll(conn); err != nil || len(all) != 0 {
				t.Errorf("%q, %v came, want the end", all, err)
			}
		})
	}
}

// What is sent on after a 100 may take longer than an answer may.
func TestFront_waits_for_an_answer_only_when_the_request_was_sent(t *testing.T) {
	const limit = 100 * time.Millisecond
	conf := settings()
	conf.Timeout = limit
	s := newSite(t, conf, front.Options{}, serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		conn := s.dial("POST /lb HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n" + expect + "\r\n")
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
		if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 {
			t.Errorf("%q: answer %v, %v, want 200", expect, response, err)
		}
		conn.Close()
	}
	s.wantCounts(2, 0, 0)
}
