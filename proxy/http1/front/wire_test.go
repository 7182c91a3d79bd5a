package front_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

func TestFront_hands_over_what_is_not_for_a_pool(t *testing.T) {
	handed := make(chan net.Conn, 1)
	s := newSite(t, fronttest.Settings(), front.Options{HandOff: func(c net.Conn, _ bool) { handed <- c }}, fronttest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "pool")
	}))
	const other = "GET /dashboard HTTP/1.1\r\nHost: x\r\n\r\nbehind"
	for name, text := range map[string]string{
		"first": other, "after another": "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n" + other, "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.Dial(text)
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
			s := newSite(t, fronttest.Settings(), front.Options{}, fronttest.NewBackend(t, fronttest.Replies("HTTP/1.1 200 OK\r\n"+tt.reply)).Address)
			conn := s.Dial(tt.request)
			if tt.keep {
				fmt.Fprint(conn, "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			}
			all, err := io.ReadAll(conn)
			got, rest, second := strings.Cut(string(all), "HTTP/1.1 404 ")
			_, body, _ := strings.Cut(got, "\r\n\r\n")
			if err != nil || body != tt.want || second != tt.keep {
				t.Errorf("%v after:\n%s%s\nwant body %q, kept %t", err, got, rest, tt.want, tt.keep)
			}
			conn.Close()
			s.WantCounts(1, 0, 0)
		})
	}
	for _, status := range []string{"204 No Content", "304 Not Modified"} {
		t.Run(status, func(t *testing.T) {
			s := newSite(t, fronttest.Settings(), front.Options{}, fronttest.NewBackend(t, fronttest.Replies("HTTP/1.1 "+status+"\r\n\r\n")).Address)
			conn := s.Dial("GET /lb HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			all, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 "+status+"\r\n\r\nHTTP/1.1 404 ") {
				t.Errorf("%v after:\n%s", err, all)
			}
		})
	}
}

func TestFront_Drain_closes_idle_connections_and_ends_the_others_after_their_answer(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	s := newSite(t, fronttest.Settings(), front.Options{}, fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-answer
		}
	}))
	idle := s.Dial("GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(idle)
	if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 {
		t.Fatalf("answer %v, %v", response, err)
	}
	busy := s.Dial("GET /lb/slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	done := make(chan error, 1)
	go func() { done <- s.Drain(context.Background()) }()
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
	s := newSite(t, fronttest.Settings(), front.Options{HeadTimeout: limit, ClientIdle: limit})
	for name, text := range map[string]string{"silent": "", "in a head": "GET /lb HT"} {
		t.Run(name, func(t *testing.T) {
			conn := s.Dial(text)
			if all, err := io.ReadAll(conn); err != nil || len(all) != 0 {
				t.Errorf("%q, %v came, want the end", all, err)
			}
		})
	}
}
