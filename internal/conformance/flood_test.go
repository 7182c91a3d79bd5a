package conformance_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ballast-lb/ballast/proxy/fronttest"
)

// floods are what a client can say that costs it little and a server much. Each writes until the server has enough or
// it has written that many frames.
var floods = []struct {
	name   string
	frames int
	write  func(f *flooder, n int) error
	ends   bool // The server has to end the connection before all was written.
}{
	// CVE-2023-44487. net/http ends the connection only when handlers fall behind, and serves no more than the limit at once.
	{"rapid reset", 100_000, (*flooder).rapidReset, false},
	// CVE-2023-45288, as CVE-2024-24783's list of servers has it: a head that never ends.
	{"endless CONTINUATION", 100_000, (*flooder).continuation, true},
	// This one is endless without being long: it costs no more than reading it.
	{"endless CONTINUATION of nothing", 200_000, (*flooder).emptyContinuation, false},
	// CVE-2019-9512, 9515 and 9518: what is to be acknowledged, or to be looked at, and says nothing.
	{"PING", 200_000, (*flooder).ping, false},
	{"SETTINGS", 200_000, (*flooder).settings, false},
	{"empty DATA", 200_000, (*flooder).emptyData, false},
	{"PRIORITY", 200_000, (*flooder).priority, false},
	{"WINDOW_UPDATE", 200_000, (*flooder).windowUpdate, false},
}

// TestFlood: the connection is ended, or costs no more than what is read from it; memory stays bounded, and another
// client is served all the while.
func TestFlood(t *testing.T) {
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			var arrived atomic.Int64
			backend := fronttest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/good" {
					arrived.Add(1)
				}
				page(w, r)
			})
			site := fronttest.NewSite(t, overHTTP2(true), fronttest.Settings(), fronttest.Options{}, backend)
			good := startGood(t, site)
			before, goroutines := heap(), runtime.NumGoroutine()
			peak := watch(t, site)
			f := dialFlooder(t, site)
			began := time.Now()
			written := f.flood(flood.frames, flood.write)
			ended := f.done()
			took := time.Since(began)
			most, flying := peak()
			f.conn.Close()
			f.reading.Wait()
			p50, p99 := good()
			t.Logf("%d frames in %s, ended by the server: %t (%v); %d requests arrived, %d at once; the heap was %d KiB before and %d KiB at most; the good client's p50 was %s and p99 %s",
				written, took.Round(time.Millisecond), ended, f.code, arrived.Load(), flying, before>>10, most>>10, p50.Round(time.Microsecond), p99.Round(time.Microsecond))
			if flood.ends && !ended {
				t.Errorf("all %d frames were taken, want the connection to end before", written)
			}
			const limit, streams = 64 << 20, 100
			if most > before+limit || flying > streams+1 {
				t.Errorf("the heap grew by %d bytes, with %d requests at once, want %d and %d at most", most-before, flying, limit, streams+1)
			}
			site.Settled()
			fronttest.Eventually(t, "goroutines to return", func() bool { return runtime.NumGoroutine() <= goroutines })
		})
	}
}

// startGood starts a client that asks for one page after another. What is returned ends it, and says how long it took.
func startGood(t *testing.T, site *fronttest.Site) func() (p50, p99 time.Duration) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: trusting(), ForceAttemptHTTP2: true}
	client := &http.Client{Transport: transport, Timeout: fronttest.Patience}
	var latencies []time.Duration
	ask := func() {
		began := time.Now()
		answer, err := fronttest.Do(client, fronttest.Request(t, "GET", "https://"+site.Address+"/good", nil))
		if err != nil || answer.Status != 200 {
			t.Errorf("the good client is answered %d, %v, want 200", answer.Status, err)
		}
		latencies = append(latencies, time.Since(began))
	}
	ask() // Connects.
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				ask()
			}
		}
	})
	return func() (p50, p99 time.Duration) {
		close(stop)
		wg.Wait()
		ask()
		transport.CloseIdleConnections()
		slices.Sort(latencies)
		return latencies[len(latencies)/2], latencies[len(latencies)*99/100]
	}
}

// watch looks at how much memory is in use, and how many requests are in flight, until what is returned is called, which
// says how much it was at most.
func watch(t *testing.T, site *fronttest.Site) func() (most uint64, flying int) {
	t.Helper()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var most uint64
	var flying int
	wg.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for n := 0; ; n++ {
			flying = max(flying, site.InFlight())
			if n%10 == 0 {
				most = max(most, heap())
			}
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	})
	return func() (uint64, int) {
		close(stop)
		wg.Wait()
		return max(most, heap()), flying
	}
}

// flooder is a client's connection that is written to as fast as it takes it.
type flooder struct {
	conn    net.Conn
	framer  *http2.Framer // Writes to batch.
	batch   bytes.Buffer
	head    []byte // Of a GET.
	reading sync.WaitGroup
	acked   chan struct{} // Closed when the last PING is acknowledged, and all before it has been looked at.
	ended   chan struct{} // Closed when the server ended the connection; code says why then.
	code    http2.ErrCode
	late    bool // It was the client whose time ran out.
}

// lastPing is what done asks for.
var lastPing = [8]byte{'l', 'a', 's', 't'}

func dialFlooder(t *testing.T, site *fronttest.Site) *flooder {
	t.Helper()
	config := trusting()
	config.NextProtos = []string{"h2"}
	f := &flooder{conn: tls.Client(site.Dial(""), config), acked: make(chan struct{}), ended: make(chan struct{})}
	f.framer = http2.NewFramer(&f.batch, nil)
	f.framer.AllowIllegalWrites = true
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	f.head = bytes.Clone(block.Bytes())
	f.batch.WriteString(http2.ClientPreface)
	if err := f.framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	f.reading.Go(f.read)
	return f
}

// read reads what the server says, which would not have to do anything but wait else.
func (f *flooder) read() {
	defer close(f.ended)
	framer := http2.NewFramer(nil, f.conn)
	for {
		switch frame, err := framer.ReadFrame(); frame := frame.(type) {
		case nil:
			if !errors.As(err, new(http2.StreamError)) {
				f.late = errors.Is(err, os.ErrDeadlineExceeded)
				return
			}
		case *http2.GoAwayFrame:
			f.code = frame.ErrCode
		case *http2.PingFrame:
			if frame.IsAck() && frame.Data == lastPing {
				close(f.acked)
			}
		}
	}
}

// flood writes frames, many in one write, until the connection breaks. It returns how many.
func (f *flooder) flood(frames int, write func(*flooder, int) error) int {
	for n := range frames {
		if err := write(f, n); err != nil {
			panic(err) // It is written to memory.
		}
		if f.batch.Len() < 16<<10 && n < frames-1 {
			continue
		}
		if _, err := f.conn.Write(f.batch.Bytes()); err != nil {
			return n
		}
		f.batch.Reset()
	}
	return frames
}

// done waits until the server has looked at all that was written, or has ended the connection: then it is true. If it
// takes its time the client's runs out, as that of site.Dial's connections does.
func (f *flooder) done() bool {
	_ = f.framer.WritePing(false, lastPing)
	_, _ = f.conn.Write(f.batch.Bytes())
	select {
	case <-f.acked:
		return false
	case <-f.ended:
		return !f.late
	}
}

func (f *flooder) open(n int, end bool) error {
	return f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*n + 1), BlockFragment: f.head, EndStream: true, EndHeaders: end})
}

func (f *flooder) rapidReset(n int) error {
	return errors.Join(f.open(n, true), f.framer.WriteRSTStream(uint32(2*n+1), http2.ErrCodeCancel))
}

func (f *flooder) continuation(n int) error {
	if n == 0 {
		return f.open(0, false)
	}
	field := append([]byte{0, 6}, "x-junk"...) // A literal that is kept in no table.
	return f.framer.WriteContinuation(1, false, append(append(field, 0x7f, 0x81, 0x07), make([]byte, 1024)...))
}

func (f *flooder) emptyContinuation(n int) error {
	if n == 0 {
		return f.open(0, false)
	}
	return f.framer.WriteContinuation(1, false, nil)
}

func (f *flooder) ping(int) error { return f.framer.WritePing(false, [8]byte{}) }

func (f *flooder) settings(int) error {
	return f.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535})
}

func (f *flooder) emptyData(n int) error {
	if n == 0 {
		return f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head, EndHeaders: true})
	}
	return f.framer.WriteData(1, false, nil)
}

func (f *flooder) priority(n int) error {
	return f.framer.WritePriority(uint32(2*(n%1000)+1), http2.PriorityParam{Weight: uint8(n)})
}

func (f *flooder) windowUpdate(n int) error {
	if n == 0 {
		return f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head, EndHeaders: true})
	}
	return f.framer.WriteWindowUpdate(1, 1)
}
