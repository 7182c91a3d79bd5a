package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

var bodyTests2 = []test{
	{"frames bodies anew", testFraming2},
	{"takes a body of another length for the client's fault", testLength2},
	{"passes trailers on", testTrailers2},
	{"passes a body on while the answer comes", testBothWays2},
	{"passes an early answer on", testEarlyAnswer2},
	{"lets a client wait for 100", testContinue2},
}

// wholeRequest reads a request from its head and what follows, and returns its body and trailers.
func wholeRequest(head string, r *bufio.Reader) (string, http.Header, error) {
	request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), r)))
	if err != nil {
		return "", nil, err
	}
	body, err := io.ReadAll(request.Body)
	return string(body), request.Trailer, err
}

// What a body is framed by in HTTP/2 is gone in HTTP/1.1: it is of a length if one was told, and otherwise in chunks.
func testFraming2(t *testing.T, h Harness) {
	tests := []struct {
		name, length string
		pieces       []string
		want         string
	}{
		{"of a length", "content-length: 10", []string{"hello", "world"}, "Content-Length: 10\r\n"},
		{"of no length", "", []string{"hello", "world"}, "Transfer-Encoding: chunked\r\n"},
		{"that looks like another request", "", []string{"0\r\n\r\nGET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"}, "Transfer-Encoding: chunked\r\n"},
		{"in empty pieces", "", []string{"", "hello", "", "world", ""}, "Transfer-Encoding: chunked\r\n"},
		{"empty, of a length", "content-length: 0", []string{""}, ""},
	}
	bodies := make(chan string, 1)
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
		body, _, err := wholeRequest(head, r)
		if err != nil {
			t.Errorf("the backend got no whole request: %v", err)
		}
		bodies <- body
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields := fields2("POST", "/lb/")
			if tt.length != "" {
				fields = append(fields, tt.length)
			}
			stream := w.open(fields, false)
			for i, piece := range tt.pieces {
				w.data(stream, piece, i == len(tt.pieces)-1)
			}
			if r := w.reply(stream); r.status != 200 || !r.whole {
				t.Fatalf("answer %v, want 200", r)
			}
			if got, want := receive(t, bodies, "the body"), strings.Join(tt.pieces, ""); got != want {
				t.Errorf("the backend got %q, want %q", got, want)
			}
			heads := backend.Received()
			head := heads[len(heads)-1]
			if n := strings.Count(head, "Content-Length:") + strings.Count(head, "Transfer-Encoding:"); n > 1 || !strings.Contains(head, tt.want) {
				t.Errorf("the body is framed by %q, want %q alone", head, tt.want)
			}
		})
	}
	s.WantCounts(uint64(len(tests)), 0, 0)
}

// RFC 9113 8.1.1: a length that the frames don't add up to makes a request malformed. The backend never gets it as if
// it were whole, and it is none of its failures.
func testLength2(t *testing.T, h Harness) {
	tests := []struct {
		name, length string
		pieces       []string
	}{
		{"too little", "content-length: 10", []string{"hello", ""}},
		{"too much at once", "content-length: 3", []string{"hello"}},
		{"too much later", "content-length: 10", []string{"hello", "world and more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole := make(chan bool, 8)
			backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
				_, _, err := wholeRequest(head, r)
				whole <- err == nil
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			w := newWire2(s)
			stream := w.open(fields2("POST", "/lb/", tt.length), false)
			for i, piece := range tt.pieces {
				w.data(stream, piece, i == len(tt.pieces)-1)
			}
			if r := w.reply(stream); !r.refused() {
				t.Errorf("answer %v, want a refusal", r)
			}
			s.Settled()
			for range backend.Received() {
				if receive(t, whole, "the backend to end") {
					t.Error("the backend got a whole request")
				}
			}
			s.wantBlameless()
		})
	}
}

// Trailers go both ways, but not those that would be taken for what a proxy has said.
func testTrailers2(t *testing.T, h Harness) {
	got := make(chan http.Header, 1)
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
		_, trailer, err := wholeRequest(head, r)
		if err != nil {
			t.Errorf("the backend got no whole request: %v", err)
		}
		got <- trailer
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Said\r\nConnection: close\r\n\r\n"+
			"2\r\nok\r\n0\r\nX-Said: 1\r\nX-Unsaid: 2\r\n\r\n")
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	for _, announced := range []string{"trailer: x-sum, x-forwarded-for, x_real_ip, x-none", "trailer: x-sum"} {
		stream := w.open(fields2("POST", "/lb/", announced, "te: trailers"), false)
		w.data(stream, "hello", false)
		w.headers(stream, []string{"x-sum: 42", "x-forwarded-for: 6.6.6.6", "x_real_ip: 6.6.6.6"}, true)
		r := w.reply(stream)
		if r.status != 200 || !r.whole || r.body.String() != "ok" || r.trailer.Get("X-Said") != "1" || r.trailer.Get("X-Unsaid") != "2" {
			t.Errorf("answer %v, want 200 with two trailers", r)
		}
		if trailer := receive(t, got, "the trailers"); trailer.Get("X-Sum") != "42" || trailer.Get("X-None") != "" || trailer["X-Forwarded-For"] != nil || trailer["X_real_ip"] != nil {
			t.Errorf("the backend got trailers %v, want X-Sum: 42 alone", trailer)
		}
	}
	s.WantCounts(2, 0, 0)
}

// A backend may answer before it has read the request: the answer is passed on at once, and the rest
// of the request still reaches it.
func testBothWays2(t *testing.T, h Harness) {
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
		_, _ = io.CopyN(conn, r, 10)
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	w := newWire2(s)
	stream := w.open(fields2("POST", "/lb/", "content-length: 10"), false)
	w.data(stream, "hello", false)
	if r := w.head(stream); r.status != 200 {
		t.Fatalf("no answer while the body goes on: %v", r)
	}
	w.data(stream, "world", true)
	if r := w.reply(stream); r.body.String() != "helloworld" || !r.whole {
		t.Errorf("%v came back, want helloworld", r)
	}
	s.WantCounts(1, 0, 0)
}

// A backend that has enough says so and reads no more: the client is told, before it has sent all.
func testEarlyAnswer2(t *testing.T, h Harness) {
	for _, closes := range []string{"", "Connection: close\r\n"} {
		t.Run(closes, func(t *testing.T) {
			stop := make(chan struct{})
			backend := NewBackend(t, func(conn net.Conn, _ *bufio.Reader, _ string) {
				fmt.Fprint(conn, "HTTP/1.1 413 Too Large\r\n"+closes+"Content-Length: 3\r\n\r\nbig")
				<-stop
			})
			t.Cleanup(func() { close(stop) })
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			w := newWire2(s)
			stream := w.open(fields2("POST", "/lb/", "content-length: 1000000"), false)
			w.data(stream, "hello", false)
			r := w.reply(stream)
			if r.status != 413 || r.body.String() != "big" || !r.whole {
				t.Errorf("answer %v, want 413", r)
			}
			if other := w.exchange(fields2("TRACE", "/lb/")); other.status != 405 {
				t.Errorf("then %v, want the connection to go on", other)
			}
			s.WantCounts(1, 0, 0)
		})
	}
}

func testContinue2(t *testing.T, h Harness) {
	expect := fields2("POST", "/lb/", "content-length: 5", "expect: 100-continue")
	t.Run("and passes it on", func(t *testing.T) {
		s := NewSite(t, h, Settings(), Options{}, Serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		w := newWire2(s)
		stream := w.open(expect, false)
		r := w.replies[stream]
		w.until(func() bool { return len(r.interim) > 0 || r.ended() })
		if len(r.interim) == 0 || r.interim[0].Get(":status") != "" && r.interim[0][":status"][0] != "100" {
			t.Fatalf("%v with interim answers %v came, want 100", r, r.interim)
		}
		w.data(stream, "hello", true)
		if r := w.reply(stream); r.status != 200 || r.body.String() != "hello" {
			t.Errorf("answer %v, want 200 hello", r)
		}
		s.WantCounts(1, 0, 0)
	})
	t.Run("or the refusal", func(t *testing.T) {
		backend := NewBackend(t, Replies("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
		s := NewSite(t, h, Settings(), Options{}, backend.Address)
		w := newWire2(s)
		if r := w.reply(w.open(expect, false)); r.status != 413 || !r.whole {
			t.Errorf("answer %v, want 413", r)
		}
		s.WantCounts(1, 0, 0)
	})
}
