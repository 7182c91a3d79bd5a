package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
)

// maxRSS is what all of the streams may take in Ballast, in bytes.
const maxRSS = 100e6

// stream is a transfer through Ballast.
type stream struct {
	pace

	bytes       int64
	up, chunked bool
}

// runStreams moves all streams at a time in one direction: half of them of known length, half in chunks.
func runStreams(ctx context.Context, st *stage, r *report, up bool) error {
	name := map[bool]string{false: partDownloads, true: partUploads}[up]
	r.say("\n%s: %d at a time, of %.0f MB each, half of known length and half in chunks, every byte compared", name, st.streams, megabytes(st.streamBytes))
	transport := newTransport(0)
	defer transport.CloseIdleConnections()
	var moved atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, st.streams)
	began := time.Now()
	for i := range errs {
		all.Go(func() {
			s := stream{bytes: st.streamBytes, up: up, chunked: i%2 == 1}
			if err := s.move(ctx, transport, st.base); err != nil {
				errs[i] = fmt.Errorf("chunked %t, after %.0f s: %w", s.chunked, time.Since(began).Seconds(), err)
				return
			}
			moved.Add(s.bytes)
		})
	}
	all.Wait()
	took := time.Since(began)
	peak, err := child.PeakRSS(st.ballast.PID())
	if err != nil {
		return err
	}
	cpu, err := child.CPUTime(st.ballast.PID())
	if err != nil {
		return err
	}
	whole := moved.Load() / st.streamBytes
	r.say("%.0f s, %.0f MB/s, Ballast took %.0f us/MB", took.Seconds(), megabytes(moved.Load())/took.Seconds(),
		float64(cpu.Microseconds())/max(1, megabytes(moved.Load())))
	r.atMost("Ballast's memory with "+name, megabytes(peak), megabytes(maxRSS), " MB")
	r.add(name, "all whole", fmt.Sprintf("%d of %d", whole, st.streams), whole == int64(st.streams))
	return errors.Join(errs...)
}

// newTransport makes a connection for each request. socket is the size of the buffers in the kernel, 0 for as much as it
// likes: with little there the peer soon feels that nothing is read.
func newTransport(socket int) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, ReadBufferSize: blockSize, WriteBufferSize: blockSize,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok && socket > 0 {
				err = errors.Join(err, tcp.SetReadBuffer(socket), tcp.SetWriteBuffer(socket))
			}
			return conn, err
		},
	}
}

// move is the transfer, and an error if not all of it came as it was sent.
func (s stream) move(ctx context.Context, transport http.RoundTripper, base string) error {
	method, url, body := http.MethodGet, fmt.Sprintf("%s/down?n=%d&chunked=%t", base, s.bytes, s.chunked), io.Reader(http.NoBody)
	if s.up {
		method, url, body = http.MethodPost, base+"/up", s.reader(ctx, &content{left: s.bytes})
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	if s.up && !s.chunked {
		request.ContentLength = s.bytes
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it was answered %s (%s)", response.Status, response.Header.Get("X-Ballast-Error"))
	}
	var got receipt
	if s.up {
		if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
			return fmt.Errorf("read the receipt: %w", err)
		}
	} else if got.Bytes, err = check(s.reader(ctx, response.Body)); err != nil {
		return err
	}
	if got.Bytes != s.bytes || got.Error != "" {
		return fmt.Errorf("of %d bytes %d arrived: %s", s.bytes, got.Bytes, got.Error)
	}
	return nil
}
