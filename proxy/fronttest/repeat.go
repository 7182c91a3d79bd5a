package fronttest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
)

var repeatTests = []test{
	{"repeats elsewhere what may be repeated", testRepeatsElsewhere},
	{"repeats nowhere what may not be", testRepeatsNowhere},
	{"repeats a small body as it was", testRepeatsBody},
	{"repeats nothing that took too long", testRepeatsNoTimeout},
	{"repeats no more than its budget allows", testBudget},
}

// death is how a backend that has read a request's head ends without an answer.
type death struct {
	name string
	do   func(net.Conn, *bufio.Reader, string)
}

var deaths = []death{
	{"closing", func(net.Conn, *bufio.Reader, string) {}},
	{"with a reset", func(conn net.Conn, _ *bufio.Reader, _ string) { reset(conn) }},
}

func testRepeatsElsewhere(t *testing.T, h Harness) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
		for _, death := range deaths {
			t.Run(method+" "+death.name, func(t *testing.T) {
				dies, lives := NewBackend(t, death.do), NewOK(t)
				s := NewSite(t, h, Settings(), Options{}, dies.Address, lives.Address)
				for range 2 { // Round robin: one of them begins at the one that dies.
					if answer, err := s.Ask(method, "/", nil); err != nil || answer.Status != 200 {
						t.Errorf("%s = %v, %v, want 200", method, answer, err)
					}
				}
				n := wantRetried(t, s, dies)
				if got := len(lives.Received()); got != 2 {
					t.Errorf("who lives got %d requests, want 2", got)
				}
				s.WantCounts(2, 0, n)
			})
		}
	}
}

// wantRetried checks that there was one more attempt for each request that died, and returns how many these are.
func wantRetried(t *testing.T, s *Site, dies *Backend) uint64 {
	t.Helper()
	n := uint64(len(dies.Received()))
	if r := s.Report(); n == 0 || r.Retries != n {
		t.Errorf("%d requests died and %d retries, want as many, and some", n, r.Retries)
	}
	return n
}

// Case 11.
func testRepeatsNowhere(t *testing.T, h Harness) {
	interim := func(conn net.Conn, _ *bufio.Reader, _ string) {
		fmt.Fprint(conn, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
	}
	ends := append(slices.Clip(deaths), death{"after an interim answer", interim})
	for _, method := range []string{"POST", "PATCH", "UNHEARD"} {
		for _, end := range ends {
			t.Run(method+" "+end.name, func(t *testing.T) {
				a, b := NewBackend(t, end.do), NewBackend(t, end.do)
				s := NewSite(t, h, Settings(), Options{}, a.Address, b.Address)
				if answer, err := s.Ask(method, "/", nil); err != nil || answer.Status != 502 || answer.Header.Get("X-Ballast-Error") != "no-answer" {
					t.Errorf("%s = %v, %v, want 502", method, answer, err)
				}
				if n := len(a.Received()) + len(b.Received()); n != 1 {
					t.Errorf("%d receipts, want 1", n)
				}
				if r := s.Report(); r.Retries != 0 {
					t.Errorf("%d retries, want 0", r.Retries)
				}
				s.WantCounts(1, 1, 1)
			})
		}
	}
}

func testRepeatsBody(t *testing.T, h Harness) {
	for name, chunked := range map[string]bool{"with a length": false, "in chunks": true} {
		t.Run(name, func(t *testing.T) {
			received := make(chan []byte, 2)
			dies := NewBackend(t, func(_ net.Conn, r *bufio.Reader, _ string) { _, _ = r.ReadByte() })
			lives := Serve(t, func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Errorf("read the body: %v", err)
				}
				received <- body
			})
			s := NewSite(t, h, Settings(), Options{}, dies.Address, lives)
			content := bytes.Repeat([]byte("0123456789"), 100)
			framed := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(content), content)
			if chunked {
				framed = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(content), content)
			}
			for range 2 {
				if answer, _ := s.Say("PUT /lb/ HTTP/1.1\r\nHost: x\r\n" + framed); answer.Status != 200 {
					t.Fatalf("PUT = %v, want 200", answer)
				}
				if got := <-received; !bytes.Equal(got, content) {
					t.Errorf("the backend got %q", got)
				}
			}
			s.WantCounts(2, 0, wantRetried(t, s, dies))
		})
	}
}

func testRepeatsNoTimeout(t *testing.T, h Harness) {
	silent := func(_ net.Conn, r *bufio.Reader, _ string) { _, _ = r.ReadByte() }
	a, b := NewBackend(t, silent), NewBackend(t, silent)
	conf := Settings()
	conf.Timeout = Patience / 400
	s := NewSite(t, h, conf, Options{}, a.Address, b.Address)
	if answer, err := s.Ask("GET", "/", nil); err != nil || answer.Status != 504 {
		t.Errorf("GET = %v, %v, want 504", answer, err)
	}
	if n := len(a.Received()) + len(b.Received()); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
	s.WantCounts(1, 1, 1)
}

// Case 13: 1.2 attempts per request, after a few to begin with.
func testBudget(t *testing.T, h Harness) {
	const requests, first = 300, 10
	conf := Settings()
	conf.Retries = 3
	var dying []string
	for range 3 {
		dying = append(dying, NewBackend(t, deaths[0].do).Address)
	}
	s := NewSite(t, h, conf, Options{}, dying...)
	for range requests {
		if answer, err := s.Ask("GET", "/", nil); err != nil || answer.Status != 502 {
			t.Fatalf("GET = %v, %v, want 502", answer, err)
		}
	}
	var attempts uint64
	r := s.Report()
	for _, b := range r.Backends {
		attempts += b.Errors
	}
	if most := uint64(requests + requests/5 + first); attempts > most || attempts <= requests || r.RetriesDenied == 0 {
		t.Errorf("%d attempts for %d requests and %d denied, want at most %d", attempts, requests, r.RetriesDenied, most)
	}
}
