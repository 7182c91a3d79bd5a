package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// originCommand is the first argument that turns this program into a backend. Load and backends share
// a core where there are two: a backend on net/http would take so much of it that the balancers
// wait, and latency would tell of the backend.
const originCommand = "origin"

// maxBody bounds what a backend may be asked for.
const maxBody = 1 << 24

// originName and slowName are what backends call themselves in the field Server.
const (
	originName = "origin"
	slowName   = "slow-origin"
)

// originMain serves on every address until ctx ends. The arguments are a port and, for a slow backend, how long it
// takes to answer with a body.
func originMain(ctx context.Context, args []string) error {
	var port string
	r := responder{name: originName}
	switch len(args) {
	case 2:
		var err error
		if r.latency, err = time.ParseDuration(args[1]); err != nil {
			return fmt.Errorf("read a backend's latency: %w", err)
		}
		r.name = slowName
		fallthrough
	case 1:
		port = args[0]
	default:
		return fmt.Errorf("a backend needs a port and may have a latency, not %q", args)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", ":"+port)
	if err != nil {
		return fmt.Errorf("listen on port %s: %w", port, err)
	}
	return r.respond(ctx, listener)
}

// responder is a backend.
type responder struct {
	name string
	// latency is before each answer that is asked for with a length; checks of health are answered at once.
	latency time.Duration
}

// respond answers on each connection until ctx ends; it closes the listener.
func (r responder) respond(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		connections.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			// It ends as the client does: there is nobody to tell.
			_ = r.respondOn(ctx, conn)
		})
	}
}

// respondOn answers the requests of one connection, which must have no body: 200, with as many bytes
// as the query's n says.
func (r responder) respondOn(ctx context.Context, conn net.Conn) error {
	var (
		buffer = make([]byte, 8<<10)
		filled int
		answer []byte
		length = -1
	)
	for {
		end := bytes.Index(buffer[:filled], []byte("\r\n\r\n"))
		if end < 0 {
			if filled == len(buffer) {
				return errors.New("the head is too long")
			}
			n, err := conn.Read(buffer[filled:])
			if err != nil {
				return err
			}
			filled += n
			continue
		}
		n, err := lengthAsked(buffer[:end])
		if err == nil && n > 0 {
			err = pause(ctx, r.latency)
		}
		if err != nil {
			return err
		}
		// As the load clients write it.
		closes := bytes.Contains(buffer[:end], []byte("\r\nConnection: close"))
		if closes || n != length {
			answer, length = r.newAnswer(n, closes), n
		}
		if _, err := conn.Write(answer); err != nil || closes {
			return err
		}
		filled = copy(buffer, buffer[end+len("\r\n\r\n"):filled])
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lengthAsked finds n in the query of a request line, 0 without one.
func lengthAsked(head []byte) (int, error) {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	target, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("GET ")), []byte(" "))
	_, value, found := bytes.Cut(target, []byte("?n="))
	if !found {
		return 0, nil
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 || n > maxBody {
		return 0, fmt.Errorf("%q asks for no length that this serves", line)
	}
	return n, nil
}

// newAnswer is an answer with a body of n bytes and the fields that an ordinary backend sends.
func (r responder) newAnswer(n int, closes bool) []byte {
	head := "HTTP/1.1 200 OK\r\nServer: " + r.name + "\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) +
		"\r\nContent-Type: application/octet-stream\r\nCache-Control: no-store\r\n"
	if closes {
		head += "Connection: close\r\n"
	}
	head += "Content-Length: " + strconv.Itoa(n) + "\r\n\r\n"
	return append([]byte(head), bytes.Repeat([]byte{'x'}, n)...)
}
