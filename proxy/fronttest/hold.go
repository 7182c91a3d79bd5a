package fronttest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/containers"
)

var holdTests = []test{
	{"holds requests and serves them in order", testHoldOrder},
	{"holds no more than it may", testHoldFull},
	{"holds no longer than it may", testHoldTimeout},
	{"a client goes away while it is held", testHoldLeaves},
	{"Drain waits for what is held", testHoldDrain},
	{"Drain answers 503 to what is held", testHoldCut},
	{"holds bodies", testHoldBody},
	{"holds pipelined requests", testHoldPipelined},
	{"gives what is held to a backend that joins", testHoldJoined},
}

// gate is a backend of which each request tells its path, and is answered it when it is let go.
type gate struct {
	address string
	arrived chan string
	open    chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{arrived: make(chan string, 64), open: make(chan struct{}, 64)}
	g.address = Serve(t, func(w http.ResponseWriter, r *http.Request) {
		g.arrived <- r.URL.Path
		select {
		case <-g.open:
		case <-r.Context().Done():
			return
		}
		fmt.Fprint(w, r.URL.Path)
	})
	return g
}

// wantArrived waits for the next request.
func (g *gate) wantArrived(t *testing.T, path string) {
	t.Helper()
	select {
	case got := <-g.arrived:
		if got != path {
			t.Errorf("%s came to the backend, want %s", got, path)
		}
	case <-time.After(Patience):
		t.Fatalf("%s did not come to the backend", path)
	}
}

// one is a pool whose backends serve one request at a time.
func one(queue containers.Queue) containers.Settings {
	conf := Settings()
	conf.Concurrency, conf.Queue = 1, queue
	return conf
}

func get(path string) string { return "GET /lb" + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

// queued waits until n requests are held.
func (s *Site) queued(n int) {
	s.t.Helper()
	Eventually(s.t, fmt.Sprintf("%d to be held", n), func() bool { return s.Core.Report(time.Now()).Pools[0].Queued == n })
}

// occupied is a site whose only backend is at work on /first, for the client that is returned.
func occupied(t *testing.T, h Harness, queue containers.Queue) (*Site, *gate, net.Conn) {
	t.Helper()
	g := newGate(t)
	s := NewSite(t, h, one(queue), Options{}, g.address)
	conn := s.Dial(get("/first"))
	g.wantArrived(t, "/first")
	return s, g, conn
}

// wantServed reads an answer of a gate.
func wantServed(t *testing.T, conn net.Conn, path string) {
	t.Helper()
	if answer, err := ReadAnswer(bufio.NewReader(conn)); err != nil || answer.Status != 200 || answer.Body != path {
		t.Errorf("%s is answered %v, %v, want 200", path, answer, err)
	}
}

func testHoldOrder(t *testing.T, h Harness) {
	const more = 4
	s, g, first := occupied(t, h, containers.Queue{Size: more, Timeout: Patience})
	conns := []net.Conn{first}
	for i := range more {
		conns = append(conns, s.Dial(get(fmt.Sprint("/", i))))
		s.queued(i + 1)
	}
	for i, conn := range conns {
		path := "/first"
		if i > 0 {
			path = fmt.Sprint("/", i-1)
			g.wantArrived(t, path)
			s.queued(more - i)
		}
		g.open <- struct{}{}
		wantServed(t, conn, path)
	}
	if r := s.Report(); r.Holds.Count != more || r.Queued != 0 {
		t.Errorf("%d holds, %d held, want %d and 0", r.Holds.Count, r.Queued, more)
	}
	s.WantCounts(more+1, 0, 0)
}

func testHoldFull(t *testing.T, h Harness) {
	s, g, first := occupied(t, h, containers.Queue{Size: 1, Timeout: Patience})
	second := s.Dial(get("/second"))
	s.queued(1)
	answer, _ := s.Say(get("/third"))
	wantProblem(t, answer, 503, "queue-full")
	g.open <- struct{}{}
	g.open <- struct{}{}
	wantServed(t, first, "/first")
	wantServed(t, second, "/second")
	if r := s.Report(); r.Rejected["queue-full"] != 1 || r.Backends[0].Requests != 2 {
		t.Errorf("rejected %v and %d requests of the backend, want 1 and 2", r.Rejected, r.Backends[0].Requests)
	}
	s.WantCounts(3, 1, 0)
}

func testHoldTimeout(t *testing.T, h Harness) {
	s, g, first := occupied(t, h, containers.Queue{Size: 1, Timeout: 50 * time.Millisecond})
	conn := s.Dial(get("/second"))
	r := bufio.NewReader(conn)
	answer, err := ReadAnswer(r)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, answer, 504, "queue-timeout")
	g.open <- struct{}{}
	wantServed(t, first, "/first")
	g.open <- struct{}{}
	fmt.Fprint(conn, get("/again")) // The connection is still of use.
	if answer, err := ReadAnswer(r); err != nil || answer.Body != "/again" {
		t.Errorf("after a timeout %v, %v, want 200", answer, err)
	}
	g.wantArrived(t, "/again")
	s.WantCounts(3, 1, 0)
}

// Case 30: whoever leaves is taken out at once, and no backend hears of it.
func testHoldLeaves(t *testing.T, h Harness) {
	requests := map[string]string{"GET": get("/second")}
	if !h.Lenient { // net/http does not see who leaves while a body waits to be read.
		requests["POST"] = "POST /lb/second HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhello"
	}
	for name, request := range requests {
		for _, way := range ways {
			t.Run(name+" "+way.name, func(t *testing.T) {
				s, g, first := occupied(t, h, containers.Queue{Size: 2, Timeout: 4 * Patience})
				conn := s.Dial(request)
				s.queued(1)
				way.leave(conn)
				s.queued(0) // While the first is being served.
				third := s.Dial(get("/third"))
				s.queued(1)
				g.open <- struct{}{}
				g.open <- struct{}{}
				wantServed(t, first, "/first")
				g.wantArrived(t, "/third")
				wantServed(t, third, "/third")
				s.WantCounts(3, 0, 0)
			})
		}
	}
}

func testHoldDrain(t *testing.T, h Harness) {
	s, g, first := occupied(t, h, containers.Queue{Size: 2, Timeout: Patience})
	second := s.Dial(get("/second"))
	s.queued(1)
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	g.open <- struct{}{}
	wantServed(t, first, "/first")
	g.wantArrived(t, "/second")
	select {
	case err := <-done:
		t.Errorf("Drain() = %v before what was held is answered", err)
	default:
	}
	g.open <- struct{}{}
	wantServed(t, second, "/second")
	first.Close()
	second.Close()
	if err := <-done; err != nil {
		t.Errorf("Drain() = %v", err)
	}
	s.WantCounts(2, 0, 0)
}

func testHoldCut(t *testing.T, h Harness) {
	s, _, first := occupied(t, h, containers.Queue{Size: 2, Timeout: 4 * Patience})
	second := s.Dial(get("/second"))
	s.queued(1)
	s.drainNow()
	wantShutdown(t, first)
	wantShutdown(t, second)
	s.WantCounts(2, 2, 0)
}

// A body is whole after a hold, be it one that was read before, or one that waited to be.
func testHoldBody(t *testing.T, h Harness) {
	for _, size := range []int{5, 20_000, 300_000} {
		for _, length := range []bool{true, false} {
			t.Run(fmt.Sprint(size, length), func(t *testing.T) {
				arrived, open := make(chan struct{}, 2), make(chan struct{})
				s := NewSite(t, h, one(containers.Queue{Size: 2, Timeout: Patience}), Options{BodyIdle: time.Second}, Serve(t, func(w http.ResponseWriter, r *http.Request) {
					arrived <- struct{}{}
					<-open
					_ = http.NewResponseController(w).EnableFullDuplex()
					_, _ = io.Copy(w, r.Body)
				}))
				first := s.Dial(get("/"))
				<-arrived
				sent := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
				answered := make(chan Answer, 1)
				go func() {
					answer, err := s.Ask("POST", "/", bodyOf(sent, length))
					if err != nil {
						t.Errorf("POST: %v", err)
					}
					answered <- answer
				}()
				s.queued(1)
				close(open)
				wantServed(t, first, "")
				if answer := <-answered; answer.Status != 200 || answer.Body != string(sent) {
					t.Errorf("%d with %d bytes, want 200 and %d", answer.Status, len(answer.Body), size)
				}
				s.WantCounts(2, 0, 0)
			})
		}
	}
}

func testHoldPipelined(t *testing.T, h Harness) {
	const requests = 5
	s, g, first := occupied(t, h, containers.Queue{Size: 2, Timeout: Patience})
	var text strings.Builder
	for i := range requests {
		text.WriteString(get(fmt.Sprint("/", i)))
	}
	conn := s.Dial(text.String())
	s.queued(1)
	for range requests + 1 {
		g.open <- struct{}{}
	}
	wantServed(t, first, "/first")
	r := bufio.NewReader(conn)
	for i := range requests {
		if answer, err := ReadAnswer(r); err != nil || answer.Body != fmt.Sprint("/", i) {
			t.Fatalf("answer %d is %v, %v", i, answer, err)
		}
	}
	conn.Close()
	s.WantCounts(requests+1, 0, 0)
}

func testHoldJoined(t *testing.T, h Harness) {
	s, g, first := occupied(t, h, containers.Queue{Size: 2, Timeout: Patience})
	second := s.Dial(get("/second"))
	s.queued(1)
	joined := NewOK(t)
	s.Backends = append(s.Backends, Spec("b", joined.Address))
	s.Apply()
	wantServed(t, second, "")
	if got := len(joined.Received()); got != 1 {
		t.Errorf("who joined got %d requests, want 1", got)
	}
	g.open <- struct{}{}
	wantServed(t, first, "/first")
	s.WantCounts(2, 0, 0)
}
