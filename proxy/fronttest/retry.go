package fronttest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

var retryTests = []test{
	{"sends to another backend what could not be sent", testRetry},
	{"tries no more than it may", testRetries},
	{"goes past backends that can't be connected to", testRefused},
	{"never sends twice what may have arrived", testNeverTwice},
	{"repeats on a kept connection only what may be repeated", testRepeats},
	{"repeats on one kept connection at most", testRepeatsOnce},
	{"repeats no body that is not there any more", testRepeatsNoLongBody},
	{"takes an interim answer for the beginning of one", testInterimThenEnd},
	{"loses no POST at the idle timeout of a backend", testIdleTimeout},
	{"keeps no connection for another identity", testIdentity},
	{"sends nothing to who comes after a backend at its address", testSuccessor},
	{"times out", testTimeout},
}

// Case 12: a request that could not be sent goes to another backend, body and all, whatever its size.
func testRetry(t *testing.T, h Harness) {
	tests := []struct {
		name   string
		size   int
		length bool
	}{
		{"no body", 0, true},
		{"10 KB", 10 << 10, true},
		{"10 KB in chunks", 10 << 10, false},
		{"1 MB", 1 << 20, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			received := make(chan []byte, 8)
			up := Serve(t, func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Errorf("read the body: %v", err)
				}
				received <- body
			})
			s := NewSite(t, h, Settings(), Options{}, Refusing(t), up)
			sent := bytes.Repeat([]byte("0123456789abcdef"), tt.size/16)
			for range 2 { // Round robin: one of them begins at the one that refuses.
				answer, err := s.Ask("POST", "/", bodyOf(sent, tt.length))
				if err != nil || answer.Status != 200 {
					t.Fatalf("POST = %v, %v, want 200", answer, err)
				}
				if got := <-received; !bytes.Equal(got, sent) {
					t.Errorf("the backend got %d bytes that differ from the %d sent", len(got), len(sent))
				}
			}
			if r := s.Report(); r.Retries < 1 || r.Errors != 0 || r.Requests != 2 {
				t.Errorf("retries, errors, requests = %d, %d, %d, want at least 1, 0, 2", r.Retries, r.Errors, r.Requests)
			}
		})
	}
}

// bodyOf is a request's body that tells its length, or does not and so is sent in chunks.
func bodyOf(content []byte, length bool) io.Reader {
	if length {
		return bytes.NewReader(content)
	}
	return io.MultiReader(bytes.NewReader(content))
}

func testRetries(t *testing.T, h Harness) {
	for _, retries := range []int{0, 1, 3} {
		t.Run(strconv.Itoa(retries), func(t *testing.T) {
			conf := Settings()
			conf.Retries = retries
			var dying []string
			for range 3 {
				dying = append(dying, NewBackend(t, deaths[0].do).Address)
			}
			s := NewSite(t, h, conf, Options{}, dying...)
			answer, err := s.Ask("GET", "/", nil)
			if err != nil || answer.Status != 502 {
				t.Fatalf("GET = %v, %v, want 502", answer, err)
			}
			r := s.Report()
			var attempts uint64
			for _, b := range r.Backends {
				attempts += b.Errors
			}
			if want := uint64(min(retries+1, 3)); attempts != want || r.Retries != want-1 {
				t.Errorf("%d attempts and %d retries, want %d and %d", attempts, r.Retries, want, want-1)
			}
		})
	}
}

// A connection that was refused carried nothing: that costs none of the retries, but it is not asked for ever.
func testRefused(t *testing.T, h Harness) {
	tests := []struct {
		refusing, retries int
		want              int
		attempts          uint64 // That failed.
	}{
		{2, 0, 200, 2},
		{2, 1, 200, 2},
		{3, 1, 200, 3},
		{5, 0, 502, 4},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d refuse, %d retries", tt.refusing, tt.retries), func(t *testing.T) {
			var addresses []string
			for range tt.refusing {
				addresses = append(addresses, Refusing(t))
			}
			conf := Settings()
			conf.Retries = tt.retries
			s := NewSite(t, h, conf, Options{}, append(addresses, NewOK(t).Address)...)
			if answer, err := s.Ask("POST", "/", strings.NewReader("hello")); err != nil || answer.Status != tt.want {
				t.Errorf("POST = %v, %v, want %d", answer, err, tt.want)
			}
			var attempts uint64
			r := s.Report()
			for _, b := range r.Backends {
				attempts += b.Errors
			}
			want := tt.attempts // Each was followed by another one, but for the last where that failed as well.
			if tt.want != 200 {
				want--
			}
			if attempts != tt.attempts || r.Retries != want {
				t.Errorf("%d attempts failed and %d retries, want %d and %d", attempts, r.Retries, tt.attempts, want)
			}
		})
	}
}

// Case 11: what may have arrived is not sent again.
func testNeverTwice(t *testing.T, h Harness) {
	for name, length := range map[string]bool{"with a length": true, "in chunks": false} {
		t.Run(name, func(t *testing.T) {
			dies := func(conn net.Conn, r *bufio.Reader, _ string) {
				_, _ = io.CopyN(io.Discard, r, 5)
				reset(conn)
			}
			a, b := NewBackend(t, dies), NewBackend(t, dies)
			s := NewSite(t, h, Settings(), Options{}, a.Address, b.Address)
			answer, err := s.Ask("POST", "/", bodyOf([]byte("hello"), length))
			if err != nil || answer.Status != 502 {
				t.Fatalf("POST = %v, %v, want 502", answer, err)
			}
			if n := len(a.Received()) + len(b.Received()); n != 1 {
				t.Errorf("%d receipts, want 1", n)
			}
			s.WantCounts(1, 1, 1)
		})
	}
}

// Cases 10 and 11: a kept connection that ends without a byte is tried again anew, but only for what may be sent
// twice.
func testRepeats(t *testing.T, h Harness) {
	tests := []struct {
		method, key string
		want        int
	}{
		{"GET", "", 200},
		{"PUT", "", 200},
		{"DELETE", "", 200},
		{"PUT", "Idempotency-Key", 200},
		{"DELETE", "X-Idempotency-Key", 200},
		{"POST", "", 502},
		{"POST", "Idempotency-Key", 502}, // What a key means is between client and backend.
		{"POST", "X-Idempotency-Key", 502},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.key, func(t *testing.T) {
			backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				_, _ = r.ReadString('\n') // The second request on the connection is read, and dropped.
				reset(conn)
			})
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			for i, want := range []int{200, tt.want} {
				r := Request(t, tt.method, s.URL("/"), nil)
				if tt.key != "" {
					r.Header.Set(tt.key, "8e03978e")
				}
				answer, err := Do(s.client, r)
				if err != nil || answer.Status != want {
					t.Errorf("answer %d: %v, %v, want %d", i, answer, err, want)
				}
			}
			for _, head := range backend.Received() {
				if tt.key == "" && strings.Contains(strings.ToLower(head), "idempotency-key") {
					t.Errorf("the backend got %q, want it without a key", head)
				}
				if tt.key != "" && !strings.Contains(strings.ToLower(head), "\n"+strings.ToLower(tt.key)+": 8e03978e\r\n") {
					t.Errorf("the backend got %q, want it with the key", head)
				}
			}
		})
	}
}

// Of what may be repeated on another connection, a body that was passed on as it came may not.
func testRepeatsNoLongBody(t *testing.T, h Harness) {
	for name, length := range map[string]bool{"with a length": true, "in chunks": false} {
		t.Run(name, func(t *testing.T) {
			const size = 1 << 20
			backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				_, _ = io.CopyN(io.Discard, r, size)
				reset(conn)
			})
			s := NewSite(t, h, Settings(), Options{}, backend.Address)
			if answer, err := s.Ask("GET", "/", nil); err != nil || answer.Status != 200 {
				t.Fatalf("GET = %v, %v, want 200", answer, err)
			}
			answer, err := s.Ask("PUT", "/long", bodyOf(make([]byte, size), length))
			if err != nil || answer.Status != 502 || answer.Header.Get("X-Ballast-Error") != "no-answer" {
				t.Errorf("PUT = %v, %v, want 502, no-answer", answer, err)
			}
			if got := strings.Count(strings.Join(backend.Captured(), ""), "PUT /long "); got != 1 {
				t.Errorf("the backend got the request %d times, want once", got)
			}
			s.WantCounts(2, 1, 1)
		})
	}
}

// Cases 10 and 11: a backend that ends each kept connection when it gets a request gets that one twice, not once for each
// connection.
func testRepeatsOnce(t *testing.T, h Harness) {
	const kept = 4
	var arrived sync.WaitGroup
	arrived.Add(kept)
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
		if strings.HasPrefix(head, "GET /first ") {
			arrived.Done()
			arrived.Wait() // So that each has a connection.
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = r.ReadString('\n')
		reset(conn)
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	var wg sync.WaitGroup
	for range kept {
		wg.Go(func() {
			if answer, err := s.Ask("GET", "/first", nil); err != nil || answer.Status != 200 {
				t.Errorf("GET = %v, %v, want 200", answer, err)
			}
		})
	}
	wg.Wait()
	s.Settled()
	if answer, err := s.Ask("GET", "/second", nil); err != nil || answer.Status != 200 {
		t.Errorf("GET = %v, %v, want 200", answer, err)
	}
	if got := strings.Count(strings.Join(backend.Captured(), ""), "GET /second "); got != 2 {
		t.Errorf("the backend got the request %d times, want 2", got)
	}
	s.WantCounts(kept+1, 0, 0)
}

// Case 11: whose backend has said something has arrived, and what was said goes to the client only.
func testInterimThenEnd(t *testing.T, h Harness) {
	backend := NewBackend(t, func(conn net.Conn, r *bufio.Reader, head string) {
		if strings.HasPrefix(head, "GET /first ") { // The connection is kept, for the second.
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
		}
		fmt.Fprint(conn, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
	})
	s := NewSite(t, h, Settings(), Options{}, backend.Address)
	conn := s.Dial("GET /lb/first HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(conn)
	for i, want := range []int{200, 103, 502} {
		if answer, err := ReadAnswer(r); err != nil || answer.Status != want {
			t.Fatalf("answer %d: %v, %v, want %d", i, answer, err, want)
		}
		if i == 0 {
			fmt.Fprint(conn, "GET /lb/second HTTP/1.1\r\nHost: x\r\n\r\n")
		}
	}
	if got := backend.Captured(); len(got) != 1 || strings.Count(got[0], "GET /second ") != 1 {
		t.Errorf("the backend got %q, want one connection with one second request", got)
	}
	s.WantCounts(2, 1, 1)
}

// Case 10: 400 POSTs, each when the backend would close a kept connection. If ours were kept as long as
// the backend keeps them, some of these would be lost.
func testIdleTimeout(t *testing.T, h Harness) {
	const clients, each = 100, 4
	const idle = time.Second
	var seen sync.Map
	var receipts atomic.Int64
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		receipts.Add(1)
		if _, twice := seen.LoadOrStore(string(body), true); twice {
			t.Errorf("POST %s came twice", body)
		}
	}))
	backend.Config.IdleTimeout = idle
	backend.Start()
	defer backend.Close()
	s := NewSite(t, h, Settings(), Options{BackendIdle: idle / 4}, backend.Listener.Addr().String())
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for i := range each {
				answer, err := s.Ask("POST", "/", strings.NewReader(fmt.Sprintf("%d-%d", n, i)))
				if err != nil || answer.Status != 200 {
					t.Errorf("POST = %v, %v", answer, err)
				}
				// Around the moment when the backend closes: from 1 ms before to 1 ms after.
				<-time.After(idle + time.Duration(n-clients/2)*time.Millisecond/(clients/2))
			}
		})
	}
	wg.Wait()
	if got := receipts.Load(); got != clients*each {
		t.Errorf("%d receipts, want %d", got, clients*each)
	}
	s.WantCounts(clients*each, 0, 0)
}

type connKey struct{}

// A connection that is made when its backend has left may be to the next owner of the address.
func testSuccessor(t *testing.T, h Harness) {
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait) // When what silent has connected with has ended.
	successor, other := silent(t), NewBackend(t, Replies("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother"))
	conf := Settings()
	conf.ConnectTimeout = Patience
	s := NewSite(t, h, conf, Options{}, successor.Addr().String())
	conn := s.Dial("POST /lb/ HTTP/1.1\r\nHost: x\r\nCookie: secret\r\nContent-Length: 5\r\n\r\nhello")
	Eventually(t, "a connection to begin", func() bool { return s.Core.Report(time.Now()).Pools[0].Backends[0].InFlight == 1 })
	s.Backends = []containers.Backend{Spec("b", other.Address)}
	s.Apply()
	wg.Go(func() {
		for {
			conn, err := successor.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				if got, _ := bufio.NewReader(conn).ReadString('\n'); got != "" {
					t.Errorf("the successor is sent %q", got)
				}
			})
		}
	})
	if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 || answer.Body != "other" {
		t.Errorf("%v, %v, want the answer of another backend", answer, err)
	}
	conn.Close()
	successor.Close()
	s.WantCounts(1, 0, 0)
}

// Case 4: a new container at an old address is another backend: it gets no kept connection.
func testIdentity(t *testing.T, h Harness) {
	// A server that takes several requests a connection, and tells which connection it was.
	var conns atomic.Int64
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Context().Value(connKey{}))
	}))
	backend.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conns.Add(1))
	}
	backend.Start()
	defer backend.Close()
	s := NewSite(t, h, Settings(), Options{}, backend.Listener.Addr().String())
	ask := func() string {
		answer, err := s.Ask("GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Body
	}
	if a, b := ask(), ask(); a != "1" || b != "1" {
		t.Fatalf("connections %s and %s, want one that is kept", a, b)
	}
	s.Backends = []containers.Backend{s.Backends[0]}
	s.Backends[0].Container, s.Backends[0].StartedAt = "id-new", 2
	s.Apply()
	if got := ask(); got != "2" {
		t.Errorf("the new backend was spoken to on connection %s, want a new one", got)
	}
}

func testTimeout(t *testing.T, h Harness) {
	stop := make(chan struct{})
	silent := NewBackend(t, func(net.Conn, *bufio.Reader, string) { <-stop })
	t.Cleanup(func() { close(stop) })
	conf := Settings()
	conf.Timeout = 50 * time.Millisecond
	s := NewSite(t, h, conf, Options{}, silent.Address, silent.Address)
	answer, err := s.Ask("GET", "/", nil)
	if err != nil || answer.Status != 504 || answer.Header.Get("X-Ballast-Error") != "timeout" {
		t.Fatalf("GET = %v, %v, want 504", answer, err)
	}
	if n := len(silent.Received()); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
	s.WantCounts(1, 1, 1)

	s.Settings.Timeout = Patience // Another setting takes effect at once.
	s.Apply()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if answer, err := Do(s.client, Request(t, "GET", s.URL("/"), nil).WithContext(ctx)); err == nil {
		t.Errorf("GET = %d, want to wait", answer.Status)
	}
}
