package fronttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
)

var accessTests = []test{
	{"logs what came of a request", testAccess},
	{"logs our own answers", testAccessOwn},
	{"logs a WebSocket when it ends", testAccessTunnel},
	{"logs pipelined requests apart", testAccessPipelined},
	{"logs only what is wanted", testAccessWanted},
}

// notes is an access log that is read by tests. It wants those with a status from least on.
type notes struct {
	least   int
	mu      sync.Mutex
	entries []proxy.Access // Guarded by mu.
}

func (n *notes) Wants(status int) bool { return status >= n.least }

func (n *notes) Log(a *proxy.Access) {
	kept := *a
	for _, s := range []*string{&kept.Method, &kept.Host, &kept.Target, &kept.ID, &kept.UserAgent, &kept.Referrer} {
		*s = strings.Clone(*s) // They are not to be kept.
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries = append(n.entries, kept)
}

// wait waits for as many entries, and returns all there are when nothing is in flight.
func (n *notes) wait(s *Site, count int) []proxy.Access {
	s.t.Helper()
	s.Settled()
	Eventually(s.t, fmt.Sprintf("%d entries", count), func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.entries) >= count
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]proxy.Access(nil), n.entries...)
}

// logged is a site with a log, that trusts this host.
func logged(t *testing.T, h Harness, conf containers.Settings, addresses ...string) (*Site, *notes) {
	t.Helper()
	log := &notes{}
	o := edge("127.0.0.1/32")
	o.Edge.Log = log
	return NewSite(t, h, conf, o, addresses...), log
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// wantEntry checks that there is one entry, which differs from want in its times at most.
func wantEntry(t *testing.T, s *Site, log *notes, want proxy.Access) {
	t.Helper()
	entries := log.wait(s, 1)
	if len(entries) != 1 {
		t.Fatalf("%d entries, want 1: %+v", len(entries), entries)
	}
	got := entries[0]
	if since := time.Since(got.At); since < 0 || since > Patience || got.Took <= 0 || got.Took > Patience {
		t.Errorf("At = %s, Took = %s", got.At, got.Took)
	}
	got.At, got.Took = time.Time{}, 0
	if diff := cmp.Diff(want, got, sameAddr); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
}

// entry is one of a GET for /lb/x?y of the pool, sent as accessFields say.
func entry() proxy.Access {
	return proxy.Access{
		Client: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("127.0.0.1"),
		Method: "GET", Host: "example.com", Target: "/lb/x?y", Protocol: "HTTP/1.1",
		Status: 200, Pool: "default", Backend: "a", ID: "id-1", UserAgent: "test/1 (a)", Referrer: "http://r/",
	}
}

const accessFields = "Host: example.com\r\nX-Forwarded-For: 192.0.2.1\r\nX-Request-Id: id-1\r\nUser-Agent: test/1 (a)\r\nReferer: http://r/\r\n"

func testAccess(t *testing.T, h Harness) {
	const long = 3 << 20
	tests := []struct {
		name, line, reply string
		leave             bool // As soon as the head has come.
		want              func(*proxy.Access)
	}{
		{"a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, func(a *proxy.Access) { a.Sent = 5 }},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n", false, func(a *proxy.Access) { a.Sent = 8 }},
		{"to the end", "GET", "HTTP/1.1 200 OK\r\n\r\nhello", false, func(a *proxy.Access) { a.Sent = 5 }},
		{"a long one", "GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", long, strings.Repeat("x", long)), false, func(a *proxy.Access) { a.Sent = long }},
		{"none", "GET", "HTTP/1.1 204 No Content\r\n\r\n", false, func(a *proxy.Access) { a.Status = 204 }},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, func(a *proxy.Access) { a.Method = "HEAD" }},
		{"a backend's error", "GET", "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", false, func(a *proxy.Access) { a.Status, a.Sent = 500, 2 }},
		{"behind an interim answer", "GET", "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, func(a *proxy.Access) { a.Sent = 2 }},
		{"broken off", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", false, func(a *proxy.Access) { a.Sent, a.Cause = 5, proxy.CauseTruncated }},
		{
			"a long one broken off", "GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 2*long, strings.Repeat("x", long)), false,
			func(a *proxy.Access) { a.Sent, a.Cause = long, proxy.CauseTruncated },
		},
		{"no answer", "POST", "", false, func(a *proxy.Access) { a.Method, a.Status, a.Cause = "POST", 502, proxy.CauseNoAnswer }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, log := logged(t, h, Settings(), NewBackend(t, Replies(tt.reply)).Address)
			all, _ := s.SayAll(tt.line + " /lb/x?y HTTP/1.1\r\nConnection: close\r\n" + accessFields + "\r\n")
			want := entry()
			tt.want(&want)
			if want.Cause == proxy.CauseNoAnswer {
				_, body, _ := strings.Cut(all, "\r\n\r\n")
				want.Sent = int64(len(body))
			}
			wantEntry(t, s, log, want)
		})
	}
}

// What Ballast answers itself, or does not answer any more.
func testAccessOwn(t *testing.T, h Harness) {
	t.Run("no backend", func(t *testing.T) {
		s, log := logged(t, h, Settings())
		answer, _ := s.Say("GET /lb/x?y HTTP/1.0\r\n" + accessFields + "\r\n")
		want := entry()
		want.Protocol, want.Status, want.Cause, want.Backend, want.Sent = "HTTP/1.0", 503, proxy.CauseNoBackend, "", int64(len(answer.Body))
		wantEntry(t, s, log, want)
	})
	t.Run("HEAD", func(t *testing.T) {
		s, log := logged(t, h, Settings())
		_, _ = s.SayAll("HEAD /lb/x?y HTTP/1.1\r\nConnection: close\r\n" + accessFields + "\r\n")
		want := entry()
		want.Method, want.Status, want.Cause, want.Backend = "HEAD", 503, proxy.CauseNoBackend, ""
		wantEntry(t, s, log, want)
	})
	t.Run("not reached", func(t *testing.T) {
		s, log := logged(t, h, Settings(), Refusing(t))
		answer, _ := s.Say("GET /lb/x?y HTTP/1.1\r\n" + accessFields + "\r\n")
		want := entry()
		want.Status, want.Cause, want.Sent = 502, proxy.CauseConnectFailed, int64(len(answer.Body))
		wantEntry(t, s, log, want)
	})
	t.Run("a body that is none", func(t *testing.T) {
		s, log := logged(t, h, Settings(), Serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		answer, _ := s.Say("POST /lb/x?y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + accessFields + "\r\nzz\r\n")
		want := entry()
		want.Method, want.Status, want.Cause, want.Sent = "POST", 400, proxy.CauseBadRequest, int64(len(answer.Body))
		if !h.Lenient { // net/http has begun to forward it.
			want.Backend = ""
		}
		wantEntry(t, s, log, want)
	})
	t.Run("a client that has left", func(t *testing.T) {
		arrived := make(chan struct{})
		s, log := logged(t, h, Settings(), Serve(t, func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
		}))
		conn := s.Dial("GET /lb/x?y HTTP/1.1\r\n" + accessFields + "\r\n")
		<-arrived
		conn.Close()
		want := entry()
		want.Status, want.Cause = 499, proxy.CauseClientGone
		wantEntry(t, s, log, want)
	})
}

func testAccessTunnel(t *testing.T, h Harness) {
	s, log := logged(t, h, Settings(), NewBackend(t, func(conn net.Conn, r *bufio.Reader, _ string) {
		fmt.Fprint(conn, switched+"hello")
		_, _ = io.Copy(io.Discard, r)
	}).Address)
	conn := s.Dial("GET /lb/x?y HTTP/1.1\r\n" + accessFields + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	log.mu.Lock()
	if len(log.entries) != 0 {
		t.Errorf("%+v was logged before the end", log.entries)
	}
	log.mu.Unlock()
	conn.Close()
	want := entry()
	want.Status = 101
	wantEntry(t, s, log, want)
}

// Buffers are used again and again: each entry must be of one request.
func testAccessPipelined(t *testing.T, h Harness) {
	const clients, each = 8, 60
	s, log := logged(t, h, Settings(), Serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	var wg sync.WaitGroup
	for c := range clients {
		conn := s.Dial("")
		wg.Go(func() {
			var text strings.Builder
			for i := range each {
				key := fmt.Sprintf("%d-%s", c, strings.Repeat(string(rune('a'+i%26)), 1+i*7%40))
				fmt.Fprintf(&text, "POST /lb/%s HTTP/1.1\r\nHost: h-%s\r\nUser-Agent: ua-%s\r\nReferer: r-%s\r\nX-Request-Id: id-%s\r\n"+
					"X-Forwarded-For: 192.0.2.%d\r\nContent-Length: %d\r\n\r\n%s", key, key, key, key, key, c, len(key), key)
			}
			go fmt.Fprint(conn, text.String())
			r := bufio.NewReader(conn)
			for i := range each {
				if answer, err := ReadAnswer(r); err != nil || answer.Status != 200 {
					t.Errorf("client %d, answer %d: %v, %v", c, i, answer, err)
					return
				}
			}
		})
	}
	wg.Wait()
	entries := log.wait(s, clients*each)
	if len(entries) != clients*each {
		t.Errorf("%d entries, want %d", len(entries), clients*each)
	}
	for _, e := range entries {
		key := strings.TrimPrefix(e.Target, "/lb/")
		client, _, _ := strings.Cut(key, "-")
		if e.Host != "h-"+key || e.UserAgent != "ua-"+key || e.Referrer != "r-"+key || e.ID != "id-"+key || e.Method != http.MethodPost ||
			e.Sent != int64(len(key)) || e.Client.String() != "192.0.2."+client {
			t.Errorf("an entry is of more than one request: %+v", e)
		}
	}
}

func testAccessWanted(t *testing.T, h Harness) {
	log := &notes{least: 500}
	s := NewSite(t, h, Settings(), Options{Edge: proxy.Edge{Log: log}}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	for _, path := range []string{"/", "/bad", "/"} {
		s.Say(get(path))
	}
	entries := log.wait(s, 1)
	if len(entries) != 1 || entries[0].Status != 500 || entries[0].ID != "" || entries[0].Client != entries[0].Peer {
		t.Errorf("%+v was logged, want the 500", entries)
	}
}
