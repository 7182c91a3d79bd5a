package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const (
	// quiet is how long nothing must come before a server is taken to wait for more.
	quiet = 2 * time.Second
	// victimTarget is what another client asks for after each case, over the same connections to backends.
	victimTarget = "/victim"
	victimTries  = 20
	most         = 4 << 20
)

// lane is a way through a server to a backend of its own, for one case at a time.
type lane struct {
	addr    string // Where the server listens.
	backend *backend
}

// end is how the client's connection ended.
type end int

const (
	endClosed end = iota
	endReset
	endOpen // It did not: the server waits for more.
)

func (e end) String() string { return [...]string{"closed", "reset", "waits"}[e] }

// observed is what a case came to.
type observed struct {
	client   []byte // What the client got,
	end      end
	backend  [][]byte // What the backend got, by connection.
	poisoned string   // What another client got that was not for it.
}

// run sends a case and waits until the server has closed the connection, or waits itself.
func (l *lane) run(ctx context.Context, p *probe) (observed, error) {
	l.backend.begin(p)
	conn, err := l.dial(ctx)
	if err != nil {
		return observed{}, err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// A server that has answered reads no further: that it fails says nothing.
		if _, err := conn.Write(p.send); err == nil && p.half {
			_ = conn.CloseWrite()
		}
	}()
	o := observed{}
	o.client, o.end = receive(conn, nil)
	if o.end == endOpen && p.toClient() {
		l.backend.hangUp() // An answer may last until then.
		o.client, o.end = receive(conn, o.client)
	}
	_ = conn.Close()
	<-sent
	understood, err := l.ask(ctx, &o)
	if err == nil {
		err = l.backend.settle(ctx)
	}
	o.backend = l.backend.captured(understood)
	return o, err
}

func (l *lane) dial(ctx context.Context) (*net.TCPConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	return conn.(*net.TCPConn), nil
}

// receive reads on, until the connection ends or is quiet.
func receive(conn net.Conn, got []byte) ([]byte, end) {
	buf := make([]byte, 32<<10)
	for len(got) < most {
		if err := conn.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return got, endReset
		}
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return got, endOpen
		case errors.Is(err, io.EOF):
			return got, endClosed
		default:
			return got, endReset
		}
	}
	return got, endOpen
}

// ask is another client's request after a case. It says whether the backend understood it as such.
func (l *lane) ask(ctx context.Context, o *observed) (bool, error) {
	for range victimTries {
		conn, err := l.dial(ctx)
		if err != nil {
			return false, err
		}
		_, err = conn.Write([]byte("GET " + victimTarget + " HTTP/1.1\r\nHost: victim\r\nConnection: close\r\n\r\n"))
		got, _ := receive(conn, nil)
		_ = conn.Close()
		answers := strictly.read(got, []string{"GET"}, true).messages
		switch {
		case err != nil || len(answers) == 0 || answers[0].status >= 500:
			// A kept connection that the backend has closed: that is no wrong answer.
			l.backend.hangUp()
			continue
		case answers[0].body == "answer to "+victimTarget:
			return o.poisoned == "", nil
		case o.poisoned == "":
			o.poisoned = answers[0].String()
		}
		l.backend.hangUp()
	}
	return false, fmt.Errorf("no answer after %d requests: %s", victimTries, o.poisoned)
}
