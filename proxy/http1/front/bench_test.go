package front_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ballast-lb/ballast/containers"
	"github.com/ballast-lb/ballast/proxy"
	"github.com/ballast-lb/ballast/proxy/balance"
	"github.com/ballast-lb/ballast/proxy/fronttest"
	"github.com/ballast-lb/ballast/proxy/http1/front"
	"github.com/ballast-lb/ballast/proxy/nethttp"
)

const small = "GET /lb/hello?x=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"

// origin answers every request of 4 KiB or less in one write, without an allocation.
func origin(tb testing.TB, size int) string {
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s", size, strings.Repeat("x", size)))
	return fronttest.NewBackend(tb, func(conn net.Conn, r *bufio.Reader, _ string) {
		b := make([]byte, 4<<10)
		for {
			if _, err := conn.Write(answer); err != nil {
				return
			}
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	}).Address
}

func benchCore(addr string) *proxy.Core {
	core := proxy.New(proxy.Options{Logger: zerolog.Nop()})
	conf := containers.Settings{Policy: balance.PolicyWeighted, Timeout: time.Minute, ConnectTimeout: time.Second}
	backend := fronttest.Spec("a", addr)
	core.Apply(&containers.Snapshot{Pools: []*containers.Pool{{Name: "default", Settings: conf, Backends: []containers.Backend{backend}}}})
	core.SetHealth(backend.Identity, true, "")
	return core
}

// startWire serves through the front under test, startNetHTTP through the one of net/http.
func startWire(b *testing.B, backend string) string {
	core := benchCore(backend)
	f := front.New(core, front.Options{Logger: zerolog.Nop(), Route: lb(core)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go f.Serve(l)
	b.Cleanup(func() {
		if err := f.Drain(b.Context()); err != nil && b.Context().Err() == nil {
			b.Error(err)
		}
	})
	return l.Addr().String()
}

func startNetHTTP(b *testing.B, backend string) string {
	f := nethttp.New(benchCore(backend), nethttp.Options{Logger: zerolog.Nop()})
	mux := http.NewServeMux()
	mux.Handle("/lb/", f.Handler("default", "/lb"))
	server := f.Server(mux)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve(l)
	b.Cleanup(func() {
		server.Close()
		_ = f.Drain(b.Context())
	})
	return l.Addr().String()
}

// exchangeLoop sends request n times over one connection, and reads the answers, which are all alike.
func exchangeLoop(tb testing.TB, conn net.Conn, request string, n int) {
	sent, r := []byte(request), bufio.NewReader(conn)
	if _, err := conn.Write(sent); err != nil {
		tb.Error(err)
		return
	}
	first, err := http.ReadResponse(r, nil)
	if err != nil || first.StatusCode != 200 {
		tb.Errorf("%v, %v", first, err)
		return
	}
	size, _ := io.Copy(io.Discard, first.Body)
	// The head's length is that of the first; all are alike.
	b := make([]byte, 64<<10)
	total := 0
	for i := range n {
		if _, err := conn.Write(sent); err != nil {
			tb.Error(err)
			return
		}
		if i == 0 { // Learn the length of an answer.
			for total == 0 || int64(total) <= size {
				m, err := r.Read(b)
				if total += m; err != nil {
					tb.Error(err)
					return
				}
			}
			continue
		}
		for got := 0; got < total; {
			m, err := r.Read(b)
			if got += m; err != nil {
				tb.Error(err)
				return
			}
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// servers are what is compared; direct is the cost of the client and the backend alone.
var servers = []struct {
	name  string
	start func(*testing.B, string) string
}{
	{"wire", startWire},
	{"nethttp", startNetHTTP},
	{"direct", func(_ *testing.B, backend string) string { return backend }},
}

// BenchmarkFront is requests over kept connections on the loopback device, 16 at a time. The client and the
// backend are in the same process: the CPU is that of all three, and allocations should be none.
func BenchmarkFront(b *testing.B) {
	for _, size := range []int{126, 10 << 10, 1 << 20} {
		for _, server := range servers {
			b.Run(fmt.Sprintf("%s/%d", server.name, size), func(b *testing.B) {
				benchmark(b, server.start(b, origin(b, size)))
			})
		}
	}
}

func benchmark(b *testing.B, addr string) {
	const conns = 16
	var open []net.Conn
	for range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
		exchangeLoop(b, conn, small, 2)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	var wg sync.WaitGroup
	for _, conn := range open {
		wg.Go(func() { exchangeLoop(b, conn, small, b.N/conns) })
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// A request on a kept connection, to a backend on a kept connection, allocates nothing.
func TestFront_allocates_nothing_for_a_request(t *testing.T) {
	if raceEnabled() {
		t.Skip("the race detector lets pools lose what they hold")
	}
	s := newSite(t, fronttest.Settings(), front.Options{}, origin(t, 126))
	conn := s.Dial(small)
	sent, b := []byte(small), make([]byte, 4<<10)
	if _, err := conn.Read(b); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(2000, func() {
		if _, err := conn.Write(sent); err != nil {
			t.Error(err)
		}
		if _, err := conn.Read(b); err != nil {
			t.Error(err)
		}
	})
	if allocs >= 1 {
		t.Errorf("%v allocations per request, want none", allocs)
	}
}

// raceEnabled says whether this was built with -race.
func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
