package fronttest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

var loadTests = []test{
	{"leaves nothing behind after many connections", testLeavesNothing},
}

// visits are what clients do with a connection; each is ended with a reset if it is still there.
var visits = []struct {
	name, text string
	answers    int
	close      bool // In good order.
}{
	{"a request", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", 1, false},
	{"a request, then the end", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", 1, true},
	{"the last request", "GET /lb/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1, true},
	{"two requests", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nxGET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", 2, false},
	{"nothing", "", 0, false},
	{"half a head", "GET /lb/ HT", 0, false},
	{"half a body", "POST /lb/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", 0, false},
	{"no answer awaited", "GET /lb/ HTTP/1.1\r\nHost: x\r\n\r\n", 0, false},
	{"no request", "hello\r\n\r\n", 1, false},
}

// Descriptors and goroutines are as many as before when all have left, but for those that a front keeps on purpose. With BALLAST_LONG=1 it is 100,000 connections.
func testLeavesNothing(t *testing.T, h Harness) {
	connections := 2000
	if os.Getenv("BALLAST_LONG") == "1" {
		connections = 100_000
	}
	s := NewSite(t, h, Settings(), Options{BackendIdle: 50 * time.Millisecond}, Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ok")
	}))
	files, goroutines, began := descriptors(t), runtime.NumGoroutine(), time.Now()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for n := range next {
				visit(t, s.Address, n)
			}
		})
	}
	for n := range connections {
		next <- n
	}
	close(next)
	wg.Wait()
	s.Settled()
	took := time.Since(began)
	openFiles, alive := 0, 0
	defer func() {
		t.Logf("%d connections in %s; descriptors %d before and %d after, goroutines %d and %d",
			connections, took.Round(time.Millisecond), files, openFiles, goroutines, alive)
	}()
	Eventually(t, "descriptors and goroutines to be as many as before", func() bool {
		openFiles, alive = descriptors(t), runtime.NumGoroutine()
		return openFiles <= files && alive <= goroutines+h.Spare
	})
	if r := s.Report(); r.Requests < uint64(connections/len(visits)*5) || r.Backends[0].Errors != 0 {
		t.Errorf("%d requests and %d errors of the backend, want none of these", r.Requests, r.Backends[0].Errors)
	}
}

func visit(t *testing.T, address string, n int) {
	v := visits[n%len(visits)]
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Errorf("connection %d: %v", n, err)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(Patience))
	fmt.Fprint(conn, v.text)
	r := bufio.NewReader(conn)
	for range v.answers {
		if answer, err := ReadAnswer(r); err != nil {
			t.Errorf("connection %d, %s: %v, %v", n, v.name, answer, err)
		}
	}
	if v.close {
		conn.Close()
	} else {
		reset(conn)
	}
}

// descriptors is how many this process has open, and one for looking.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatalf("count descriptors: %v", err)
	}
	return len(open)
}
