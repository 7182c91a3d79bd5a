package fronttest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/proxy/http1"
)

var strictTests = []test{
	{"lets no head through that can be read in two ways", testAmbiguousHeads},
	{"lets no body through that can be read in two ways", testAmbiguousBodies},
	{"serves nothing after two lengths and an interim answer", testTwoLengthsInterim},
}

const smuggled = "GET /lb/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

// Cases 2 and 3: nothing of what can be read in two ways reaches a backend, and nothing behind it is served.
func testAmbiguousHeads(t *testing.T, h Harness) {
	tests := []struct {
		name, fields, slug string
		// lenient is the status there. With 200 one reading is left, the chunked one or without a body.
		lenient int
	}{
		{"a length and a coding", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "length-and-coding", 200},
		{"a coding and a length", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "length-and-coding", 200},
		{"two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "several-lengths", 400},
		{"a list of lengths", "Content-Length: 5, 5\r\n", "length", 400},
		{"a length with a sign", "Content-Length: +1\r\n", "length", 400},
		{"a negative length", "Content-Length: -1\r\n", "length", 400},
		{"a hexadecimal length", "Content-Length: 0x1\r\n", "length", 400},
		{"a list of codings", "Transfer-Encoding: ,chunked\r\n", "coding", 501},
		{"two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "coding", 501},
		{"a space before the colon", "Content-Length : 1\r\n", "space-before-colon", 400},
		{"a fold", "X: a\r\n b\r\n", "fold", 200},
		{"a line without a carriage return", "X: a\nY: b\r\n", "bare-lf", 200},
		{"a name that is empty", ": a\r\n", "field-name", 400},
		{"a NUL", "X: a\x00\r\n", "field-value", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			backend := NewBackend(t, answerWhole)
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			all, err := s.SayAll("POST /lb/first HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + tt.fields + "\r\n1\r\nx\r\n0\r\n\r\n" + smuggled)
			want := "HTTP/1.1 400 "
			if h.Lenient {
				want = fmt.Sprintf("HTTP/1.1 %d ", tt.lenient)
			}
			if err != nil || strings.Count(all, "HTTP/1.1 ") != 1 || !strings.HasPrefix(all, want) {
				t.Errorf("%v after:\n%s\nwant one %s", err, all, want)
			}
			captured := backend.Captured()
			if !h.Lenient && (len(captured) != 0 || !strings.Contains(all, "X-Ballast-Error: "+tt.slug+"\r\n")) {
				t.Errorf("the backend got %q, and the client:\n%s\nwant nothing and %s", captured, all, tt.slug)
			}
			for _, text := range captured {
				if err := oneReading(text); err != nil {
					t.Errorf("%v in what the backend got: %q", err, text)
				}
			}
		})
	}
}

// Case 3, its bodies: what is malformed is refused, and what was sent on before that is known stays unfinished.
func testAmbiguousBodies(t *testing.T, h Harness) {
	tests := []struct{ name, good, bad string }{
		{"a size that ends with a bare LF", "", "1\nx\r\n0\r\n\r\n"},
		{"a last size that ends with a bare LF", "1\r\nx\r\n", "0\n\r\n"},
		{"data that ends with a bare LF", "", "1\r\nx\n0\r\n\r\n"},
		{"data that is longer than its size", "", "1\r\nxy\r\n0\r\n\r\n"},
		{"a size with a sign", "1\r\nx\r\n", "+1\r\nx\r\n0\r\n\r\n"},
		{"a negative size", "", "-1\r\nx\r\n0\r\n\r\n"},
		{"a size with a prefix", "", "0x1\r\nx\r\n0\r\n\r\n"},
		{"no size", "1\r\nx\r\n", "\r\n\r\n"},
		{"a size that overflows", "", "10000000000000001\r\nx\r\n0\r\n\r\n"},
	}
	const head = "POST /lb/first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range tests {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %t", tt.name, late), func(t *testing.T) {
				arrived := make(chan struct{}, 1)
				backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
					arrived <- struct{}{}
					answerWhole(conn, r, head)
				})
				s := NewSite(t, h, Settings(), Options{}, backend.Address)
				sent := head + tt.good
				if !late {
					sent += tt.bad + smuggled
				}
				conn := s.Dial(sent)
				if late {
					<-arrived
					fmt.Fprint(conn, tt.bad+smuggled)
				}
				all, err := io.ReadAll(conn)
				if err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 || !strings.HasPrefix(string(all), "HTTP/1.1 400 ") {
					t.Errorf("%v after:\n%s\nwant one 400", err, all)
				}
				conn.Close()
				s.WantCounts(1, 0, 0)
				for _, text := range backend.Captured() {
					if err := oneReading(text); err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("%v in what the backend got, want it unfinished: %q", err, text)
					}
				}
			})
		}
	}
}

// Case 2: what follows a request with two lengths is not served either if the backend sends a 1xx first, for
// which httputil.ReverseProxy clears the headers that were set before.
func testTwoLengthsInterim(t *testing.T, h Harness) {
	backend := Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.URL.Path)
	})
	s := NewSite(t, h, Settings(), Options{}, backend)
	all, err := s.SayAll("POST /lb/first HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled)
	if err != nil || strings.Contains(all, "smuggled") {
		t.Errorf("%v after:\n%s", err, all)
	}
	if h.Lenient {
		s.WantCounts(1, 0, 0)
	} else {
		s.WantCounts(0, 0, 0)
	}
}

// answerWhole is a backend that answers a request when all of its body has come, and ends.
func answerWhole(conn net.Conn, r *bufio.Reader, head string) {
	request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), r)))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, request.Body); err == nil {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	}
}

// oneReading checks with the strict codec that text is one request and nothing else. The error is
// io.ErrUnexpectedEOF if it is the beginning of one.
func oneReading(text string) error {
	var request http1.Request
	buf := []byte(text)
	n, err := request.Parse(buf)
	switch {
	case err != nil:
		return err
	case n == 0:
		return io.ErrUnexpectedEOF
	}
	rest := buf[n:]
	switch request.Body.Kind {
	case http1.BodyLength:
		size := int(request.Body.Length)
		if len(rest) < size {
			return io.ErrUnexpectedEOF
		}
		rest = rest[size:]
	case http1.BodyChunked:
		var d http1.Decoder
		for !d.Done() {
			_, n, err := d.Next(rest)
			if err != nil {
				return err
			}
			if rest = rest[n:]; n == 0 && !d.Done() {
				return io.ErrUnexpectedEOF
			}
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%q follows the request", rest)
	}
	return nil
}

// wantEnd checks that nothing more comes.
func wantEnd(t *testing.T, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("after the answer %q (%v) came, want the end", rest, err)
	}
}
