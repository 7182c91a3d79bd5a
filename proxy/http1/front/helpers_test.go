package front_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/http1/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; only failures take that long.
const patience = 20 * time.Second

func settings() containers.Settings {
	return containers.Settings{
		Policy:  balance.PolicyRoundRobin,
		Timeout: patience, ConnectTimeout: 2 * time.Second, Retries: 1,
	}
}

// site is a core, a front at /lb and a server for it.
type site struct {
	t     testing.TB
	core  *proxy.Core
	front *front.Front
	addr  string
	specs []containers.Backend
	conf  containers.Settings
}

// newSite serves the backends at addresses, named a, b and so on, through the front.
func newSite(t testing.TB, s containers.Settings, o front.Options, addresses ...string) *site {
	t.Helper()
	o.Logger = zerolog.Nop()
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	o.Route = route
	st := &site{t: t, core: core, front: front.New(core, o), conf: s}
	for i, address := range addresses {
		st.specs = append(st.specs, spec(string(rune('a'+i)), address))
	}
	st.apply()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	st.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- st.front.Serve(listener) }()
	t.Cleanup(func() {
		st.settled()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := st.front.Drain(ctx); err != nil {
			t.Errorf("Drain() = %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	return st
}

// route leads /lb to the pool.
func route(_, path []byte) (string, int, bool) {
	rest, ok := strings.CutPrefix(string(path), "/lb")
	return "default", len("/lb"), ok && (rest == "" || rest[0] == '/')
}

func spec(name, address string) containers.Backend {
	return containers.Backend{
		Identity: containers.Identity{
			Container: "id-" + name, StartedAt: 1, Network: "net", Address: netip.MustParseAddrPort(address),
		},
		Name: name, Weight: 1, Scheme: "http", State: containers.StateReady,
	}
}

// apply makes specs and conf the truth, all healthy.
func (s *site) apply() {
	s.core.Apply(&containers.Snapshot{Pools: []*containers.Pool{
		{Name: "default", Settings: s.conf, Backends: s.specs},
	}})
	for _, b := range s.specs {
		s.core.SetHealth(b.Identity, true, "")
	}
}

func (s *site) url(path string) string { return "http://" + s.addr + "/lb" + path }

// settled waits until nothing is in flight anywhere.
func (s *site) settled() {
	s.t.Helper()
	eventually(s.t, "in flight to be 0", func() bool {
		r := s.core.Report(time.Now())
		total := int64(s.front.InFlight())
		for _, p := range r.Pools {
			total += p.InFlight
			for _, b := range p.Backends {
				total += b.InFlight
			}
		}
		return total == 0
	})
}

func (s *site) report() proxy.PoolReport {
	s.t.Helper()
	s.settled()
	return s.core.Report(time.Now()).Pools[0]
}

// wantCounts checks the pool's and the only backend's errors.
func (s *site) wantCounts(requests, errors, backendErrors uint64) {
	s.t.Helper()
	r := s.report()
	var atBackends uint64
	for _, b := range r.Backends {
		atBackends += b.Errors
	}
	if r.Requests != requests || r.Errors != errors || atBackends != backendErrors {
		s.t.Errorf("requests, errors, errors of backends = %d, %d, %d, want %d, %d, %d",
			r.Requests, r.Errors, atBackends, requests, errors, backendErrors)
	}
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.After(patience); !done(); {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// client returns a client that follows no redirect and leaves nothing behind.
func client(t testing.TB) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get returns status, headers and body; the error is that of the request or of reading the body.
func get(t testing.TB, c *http.Client, r *http.Request) (*http.Response, string, error) {
	t.Helper()
	response, err := c.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve starts an HTTP backend and returns its address.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// raw is a backend that reads a request head and then does what it is told with the connection.
type raw struct {
	addr string
	mu   sync.Mutex
	// heads are the request heads received; guarded by mu.
	heads []string
}

func newRaw(t testing.TB, do func(conn net.Conn, r *bufio.Reader, head string)) *raw {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &raw{addr: listener.Addr().String()}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		listener.Close()
		cancel()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				defer conn.Close()
				b.serve(conn, do)
			})
		}
	})
	return b
}

func (b *raw) serve(conn net.Conn, do func(net.Conn, *bufio.Reader, string)) {
	r := bufio.NewReader(conn)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		head += line
	}
	b.mu.Lock()
	b.heads = append(b.heads, head)
	b.mu.Unlock()
	do(conn, r, head)
}

func (b *raw) received() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.heads...)
}

// replies returns what a raw backend does to send text and close.
func replies(text string) func(net.Conn, *bufio.Reader, string) {
	return func(conn net.Conn, _ *bufio.Reader, _ string) { fmt.Fprint(conn, text) }
}

// dial opens a connection to the front and sends text.
func (s *site) dial(text string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprint(conn, text)
	return conn
}

// refusing returns an address where nobody listens.
func refusing(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
