package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/ballast-lb/ballast/internal/child"
)

// relayCommand is the first argument that turns this program into a relay.
const relayCommand = "relay"

// relayMain passes on what comes, and knows nothing of HTTP, until ctx ends. It shares Ballast's core and is not attacked:
// what its clients feel under attack is the machine's doing.
func relayMain(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("a relay needs two addresses, its own and the backend's")
	}
	l, err := listen(ctx, "tcp", args[0])
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		all.Go(func() { relay(ctx, conn, args[1]) })
	}
}

func relay(ctx context.Context, conn net.Conn, to string) {
	defer conn.Close()
	var dialer net.Dialer
	back, err := dialer.DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer back.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(conn, back) // Who is there sees the end.
		conn.Close()
	})
	_, _ = io.Copy(back, conn)
	back.Close()
	answers.Wait()
}

// startRelay starts one beside Ballast, and returns its address.
func (st *stage) startRelay(ctx context.Context, self string) (address string, stop func(), err error) {
	if address, err = child.FreeAddress(); err != nil {
		return "", nil, err
	}
	p := child.New(child.FirstCore, self, relayCommand, address, st.originAddress)
	if err := p.Start(ctx, "http://"+address+"/health"); err != nil {
		return "", nil, fmt.Errorf("start the relay: %w", err)
	}
	return address, p.Stop, nil
}
